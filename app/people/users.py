"""Users: added, found, disabled, given another role or password."""

import re
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select

from app.people.passwords import hash_password, refuse_weak
from app.people.sign_ins import as_email, check_password, end_sign_ins, user_id
from app.tables import Role, UserRow
from experiments.errors import BadInput, Problem

EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")


def add_user(session: Session, *, email: str, role: Role, password: str, now: datetime) -> UserRow:
    """Add a user.

    Raises:
        BadInput: The address is taken or none, or the password is too weak.
    """
    email = as_email(email)
    if not EMAIL.fullmatch(email) or len(email) > 254:
        raise BadInput(
            "This user cannot be added.", [Problem("email", f"{email!r} is no e-mail address")]
        )
    if find_user(session, email) is not None:
        raise BadInput("This user cannot be added.", [Problem("email", "has a user already")])
    refuse_weak(password, email=email)
    session.rollback()  # no transaction stays open while a password is hashed
    user = UserRow(email=email, role=role, password_hash=hash_password(password), created_at=now)
    session.add(user)
    session.flush()
    return user


def find_user(session: Session, email: str) -> UserRow | None:
    """The user with an e-mail address."""
    return session.exec(select(UserRow).where(UserRow.email == as_email(email))).first()


def list_users(session: Session, *, role: Role | None = None) -> list[UserRow]:
    """Users by address; with a role, those of it who may sign in."""
    query = select(UserRow).order_by(col(UserRow.email))
    if role is not None:
        query = query.where(UserRow.role == role, col(UserRow.disabled_at).is_(None))
    return list(session.exec(query).all())


def emails_of(session: Session, users: set[int]) -> dict[int, str]:
    """The e-mail addresses of users."""
    found = session.exec(select(UserRow.id, UserRow.email).where(col(UserRow.id).in_(users))).all()
    return {user: email for user, email in found if user is not None}


def change_password(
    session: Session,
    *,
    email: str,
    old: str,
    new: str,
    keep_sign_in: int | None,
    now: datetime,
) -> None:
    """Change a password, which ends the user's other sessions.

    Raises:
        BadInput: The old one is wrong, or the new one too weak.
    """
    try:
        user = check_password(session, email=email, password=old)
    except BadInput:
        raise BadInput(
            "The password was not changed.", [Problem("old_password", "is not the present one")]
        ) from None
    refuse_weak(new, email=email)
    user.password_hash = hash_password(new)
    session.add(user)
    end_sign_ins(session, user_id(user), now=now, but=keep_sign_in)


def disable_user(session: Session, user: int, *, by: int, now: datetime) -> UserRow:
    """Disable a user, which ends their sessions and stops their tokens at once.

    Raises:
        BadInput: There is none, or it is the person who asks.
    """
    if user == by:
        raise BadInput("You cannot disable yourself; another admin can.")
    row = session.get(UserRow, user)
    if row is None:
        raise BadInput("There is no such user.")
    row.disabled_at = row.disabled_at or now
    session.add(row)
    end_sign_ins(session, user, now=now)
    return row
