"""The people of the demo company, and how they sign in."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlmodel import Session

from app.people.caller import Caller
from app.people.passwords import hash_password
from app.people.sign_ins import user_id
from app.tables import Role, UserRow

PASSWORD: Final = "try pilotbook"  # noqa: S105 - of a company that is generated and thrown away
PEOPLE: Final[Mapping[str, Role]] = {
    "manager@example.com": Role.MANAGER,
    "analyst@example.com": Role.ANALYST,
    "cfo@example.com": Role.EXECUTIVE,
    "admin@example.com": Role.ADMIN,
}


def add_people(session: Session, *, now: datetime) -> Mapping[str, Caller]:
    """Add everybody, with the one password, and return them by their sign-in."""
    hashed = hash_password(PASSWORD)
    found = {}
    for email, role in PEOPLE.items():
        user = UserRow(email=email, role=role, password_hash=hashed, created_at=now)
        session.add(user)
        session.flush()
        found[email] = Caller(user_id(user), email, role)
    return found
