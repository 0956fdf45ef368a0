"""Sign in and out: sessions that end when they idle, when they are old, or when told to."""

from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select, update

from app.people.caller import Caller
from app.people.credentials import digest, new_secret
from app.people.passwords import is_password
from app.tables import Role, SignInRow, UserRow
from experiments.errors import BadInput, Problem

IDLE: Final = timedelta(hours=8)
LONGEST: Final = timedelta(hours=24)


def check_password(session: Session, *, email: str, password: str) -> UserRow:
    """The user of an e-mail address and password.

    No transaction is open while the password is hashed.

    Raises:
        BadInput: They do not belong together; does not say which of the two is wrong.
    """
    user = session.exec(select(UserRow).where(UserRow.email == as_email(email))).first()
    session.commit()  # a rollback would make the user be read again, in a new transaction
    known = user if user is not None and user.disabled_at is None else None
    if not is_password(password, known.password_hash if known else None) or known is None:
        raise BadInput(
            "E-mail address and password do not belong together.",
            [Problem("password", "is wrong, or the e-mail address is; try again")],
        )
    return known


def sign_in(session: Session, user: UserRow, *, now: datetime) -> str:
    """Begin a session, and return the secret that the browser carries."""
    secret = new_secret()
    session.add(
        SignInRow(
            user_id=user_id(user),
            secret_hash=digest(secret),
            created_at=now,
            expires_at=now + LONGEST,
        )
    )
    return secret


def caller_of_sign_in(session: Session, secret: str, *, now: datetime) -> Caller | None:
    """Who carries a secret; None where it has ended."""
    query = (
        select(SignInRow.id, UserRow.id, UserRow.email, UserRow.role)
        .where(SignInRow.user_id == UserRow.id)
        .where(
            SignInRow.secret_hash == digest(secret),
            col(SignInRow.ended_at).is_(None),
            SignInRow.expires_at > now,
            col(UserRow.disabled_at).is_(None),
        )
    )
    found = session.exec(query).first()
    if found is None:
        return None
    sign_in_id, user, email, role = found
    return Caller(user or 0, email, Role(role), sign_in_id=sign_in_id)


def end_sign_ins(
    session: Session, user: int, *, now: datetime, only: int | None = None, but: int | None = None
) -> None:
    """End a user's sessions: all, one alone, or all but one."""
    query = update(SignInRow).where(
        col(SignInRow.user_id) == user, col(SignInRow.ended_at).is_(None)
    )
    if only is not None:
        query = query.where(col(SignInRow.id) == only)
    if but is not None:
        query = query.where(col(SignInRow.id) != but)
    session.exec(query.values(ended_at=now))


def open_sign_ins(session: Session, user: int, *, now: datetime) -> list[SignInRow]:
    """A user's sessions that have not ended, the newest first."""
    query = select(SignInRow).where(
        SignInRow.user_id == user, col(SignInRow.ended_at).is_(None), SignInRow.expires_at > now
    )
    return list(session.exec(query.order_by(col(SignInRow.created_at).desc())).all())


def as_email(said: str) -> str:
    """An e-mail address as the registry keeps it; without NUL, which PostgreSQL cannot hold."""
    return said.replace("\0", "").strip().lower()


def user_id(user: UserRow) -> int:
    """The number that the registry gave to a user."""
    if user.id is None:
        raise RuntimeError("the user was not stored before it was used")
    return user.id
