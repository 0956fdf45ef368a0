"""Who may own a pilot, and who may sign its plan?"""

from sqlmodel import Session

from app.people.caller import Caller
from app.people.sign_ins import as_email
from app.people.users import find_user, list_users
from app.tables import Role, UserRow
from experiments.errors import Problem
from experiments.pilot import Plan

OWNERS = frozenset({Role.MANAGER, Role.ADMIN})


def people_problems(
    session: Session, plan: Plan, *, by: Caller, owner_id: int | None
) -> list[Problem]:
    """What is wrong with the people that a plan names.

    Args:
        session: The registry.
        plan: The plan.
        by: Who writes it: a manager for their own pilots, an admin for anybody's.
        owner_id: Whose pilot it is so far.
    """
    owner = find_user(session, plan.pilot.owner)
    return [*_owner(owner, plan, by=by, owner_id=owner_id), *_sponsor(session, plan)]


def _owner(owner: UserRow | None, plan: Plan, *, by: Caller, owner_id: int | None) -> list[Problem]:
    if by.role is not Role.ADMIN and (owner is None or owner.id != (owner_id or by.user_id)):
        return [Problem("pilot.owner", f"is not you; write {by.email}, or ask an admin")]
    if owner is None or owner.disabled_at is not None or owner.role not in OWNERS:
        return [Problem("pilot.owner", f"{plan.pilot.owner!r} is no manager's sign-in; correct it")]
    return []


def _sponsor(session: Session, plan: Plan) -> list[Problem]:
    executives = [user.email for user in list_users(session, role=Role.EXECUTIVE)]
    if as_email(plan.pilot.sponsor) in executives:
        return []
    if as_email(plan.pilot.sponsor) == as_email(plan.pilot.owner):
        return [Problem("pilot.sponsor", f"is the owner, who cannot sign; {_choose(executives)}")]
    return [
        Problem("pilot.sponsor", f"{plan.pilot.sponsor!r} is no executive; {_choose(executives)}")
    ]


def _choose(executives: list[str]) -> str:
    if not executives:
        return "there is none yet, so ask an admin to add one"
    return f"choose one of {', '.join(executives)}"
