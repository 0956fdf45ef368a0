"""Tokens: made, listed, revoked; the secret is shown once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select

from app.people.caller import Caller
from app.people.credentials import digest, new_token
from app.tables import Role, TokenRow, TokenScope, UserRow
from experiments.errors import BadInput, Problem

LONGEST_DAYS: Final = 366
DAYS: Final = 90


def add_token(
    session: Session, *, user: int, name: str, scope: TokenScope, days: int, now: datetime
) -> tuple[TokenRow, str]:
    """Make a token, and return it with its secret, which nobody can read again.

    Raises:
        BadInput: It has no name, or would last too long.
    """
    if not name.strip():
        raise BadInput("A token needs a name.", [Problem("name", "say what it is for")])
    if not 1 <= days <= LONGEST_DAYS:
        raise BadInput(
            "A token cannot last that long.",
            [Problem("days", f"{days} is not between 1 and {LONGEST_DAYS}")],
        )
    secret = new_token()
    row = TokenRow(
        user_id=user,
        name=name.strip()[:100],
        scope=scope,
        secret_hash=digest(secret),
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    session.add(row)
    return row, secret


def tokens_of(session: Session, user: int) -> list[TokenRow]:
    """A user's tokens, the newest first."""
    query = select(TokenRow).where(TokenRow.user_id == user)
    return list(session.exec(query.order_by(col(TokenRow.id).desc())).all())


def revoke_token(session: Session, token: int, *, user: int | None, now: datetime) -> None:
    """Revoke a token at once; `user` limits it to a user's own.

    Raises:
        BadInput: There is no such token.
    """
    row = session.get(TokenRow, token)
    if row is None or (user is not None and row.user_id != user):
        raise BadInput("There is no such token; it may have been revoked already.")
    row.revoked_at = row.revoked_at or now
    session.add(row)


def callers_of_tokens(
    session: Session, asked: Sequence[tuple[str, datetime]]
) -> list[Caller | None]:
    """Whose tokens they are; None where one is unknown, revoked or expired.

    Args:
        session: The registry.
        asked: Secrets, each with the time at which it has to be valid.
    """
    digests = [digest(secret) for secret, _ in asked]
    query = (
        select(TokenRow, UserRow.email, UserRow.role)
        .where(TokenRow.user_id == UserRow.id)
        .where(
            col(TokenRow.secret_hash).in_({*digests}),
            col(TokenRow.revoked_at).is_(None),
            col(UserRow.disabled_at).is_(None),
        )
    )
    known = {
        token.secret_hash: (
            token.expires_at,
            Caller(token.user_id, email, Role(role), scope=TokenScope(token.scope)),
        )
        for token, email, role in session.exec(query).all()
    }
    found = [known.get(one) for one in digests]
    return [
        one[1] if one is not None and one[0] > now else None
        for one, (_, now) in zip(found, asked, strict=True)
    ]
