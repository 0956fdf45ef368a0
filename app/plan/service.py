"""Plan a pilot: begin a draft, save it, freeze it, sign it."""

from datetime import datetime
from typing import Final

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from app.people.caller import Caller
from app.people.sign_ins import as_email, check_password
from app.people.users import find_user
from app.plan.draft import LONGEST_SLUG, Draft, check_plan, draft_of, proposed_slug, refused
from app.plan.people import OWNERS, people_problems
from app.refusals import NotAllowed, NotNow, Stale
from app.tables import PilotRow, PlanRow, SignatureRow, SignedWhat
from experiments.analyse.analysis import refuse_unsupported
from experiments.errors import BadInput, BadPlan, Problem
from experiments.pilot import Plan
from experiments.plan.fingerprint import canonical_json, fingerprint

# Addresses under /pilots/ that are no pilot's.
TAKEN: Final = frozenset({"new"})


class PlanAlreadyFrozen(NotNow):
    """Somebody wants to change a plan that is frozen."""

    def __init__(self, slug: str) -> None:
        super().__init__(
            f"The plan of {slug} is frozen, so that nobody can change it; plan a new pilot."
        )


def register(session: Session, plan: Plan, *, now: datetime) -> PilotRow:
    """Register a pilot that nobody owns, and freeze its plan.

    Raises:
        BadPlan: A pilot of that slug exists.
    """
    slug = plan.pilot.slug
    if find_pilot(session, slug) is not None:
        session.rollback()
        raise BadPlan(f"There is a pilot {slug!r} already; choose another slug.")
    pilot = PilotRow(slug=slug, created_at=now)
    session.add(pilot)
    session.flush()
    session.add(_plan_row(pilot, plan, now=now))
    session.commit()
    return pilot


def pilot_id(pilot: PilotRow) -> int:
    """The number that the registry gave to a pilot."""
    if pilot.id is None:
        raise RuntimeError("the pilot was not stored before it was used")
    return pilot.id


def frozen_plan(session: Session, pilot: PilotRow) -> tuple[Plan, PlanRow]:
    """The frozen plan of a pilot, read back from its canonical text; ends the transaction.

    Raises:
        NotNow: The plan is a draft.
    """
    row = plan_row(session, pilot)
    session.commit()
    if row is None:
        raise NotNow(f"The plan of {pilot.slug} is not frozen yet; freeze it first.")
    return Plan.model_validate_json(row.canonical_json), row


def plan_row(session: Session, pilot: PilotRow) -> PlanRow | None:
    """The frozen plan of a pilot; None while it is a draft."""
    return session.exec(select(PlanRow).where(PlanRow.pilot_id == pilot_id(pilot))).first()


def plan_signature(session: Session, pilot: PilotRow) -> SignatureRow | None:
    """The signature under a pilot's plan; None while nobody signed."""
    query = select(SignatureRow).where(
        SignatureRow.pilot_id == pilot_id(pilot), SignatureRow.what == SignedWhat.PLAN
    )
    return session.exec(query).first()


def find_pilot(session: Session, slug: str) -> PilotRow | None:
    """The pilot with a slug."""
    return session.exec(select(PilotRow).where(PilotRow.slug == slug)).first()


def begin_pilot(session: Session, *, owner: Caller, draft: Draft | Plan, now: datetime) -> PilotRow:
    """Begin a pilot.

    Args:
        session: The registry.
        owner: Whose pilot it is, unless the draft names another.
        draft: A complete plan keeps its slug; a draft gets a free one, from its name where it
            says none.
        now: When it begins.

    Raises:
        BadPlan: The slug of a complete plan is taken.
    """
    if isinstance(draft, Plan):
        slug = draft.pilot.slug
        refuse_taken_slug(session, slug, pilot=None)
        draft = Draft.of_plan(draft)
    else:
        slug = _free_slug(session, draft.said("slug") or draft.said("name"))
    pilot = PilotRow(slug=slug, owner_id=owner.user_id, created_at=now, draft_json=draft.as_json())
    pilot.owner_id = _owner(session, draft) or owner.user_id
    session.add(pilot)
    _flush(session, slug)
    return pilot


def save_draft(
    session: Session, pilot: PilotRow, draft: Draft, *, version: int | None, move: bool = True
) -> PilotRow:
    """Keep a draft, complete or not.

    Args:
        session: The registry.
        pilot: Whose draft it is.
        draft: What was written.
        version: Of the draft that was changed; None to write over whatever there is.
        move: Whether the pilot's address follows the draft's slug, where that is free.

    Raises:
        PlanAlreadyFrozen: It is no draft any more.
        Stale: Somebody else saved another version meanwhile.
    """
    row = _locked(session, pilot)
    if plan_row(session, row) is not None:
        raise PlanAlreadyFrozen(row.slug)
    _refuse_stale(row, version)
    row.draft_json = draft.as_json()
    row.draft_version += 1
    row.owner_id = _owner(session, draft) or row.owner_id
    slug = draft.said("slug")
    if move and slug and slug == proposed_slug(slug) and _is_free(session, slug, pilot=row):
        row.slug = slug
    session.add(row)
    _flush(session, row.slug)
    return row


def check_draft(
    session: Session, draft: Draft, *, by: Caller, pilot: PilotRow | None = None
) -> Plan:
    """The plan that a draft says, if it could be frozen.

    Args:
        session: The registry.
        draft: The draft.
        by: Who writes it.
        pilot: Whose draft it is; None where there is no pilot yet.

    Raises:
        BadPlan: Each problem, with its key.
        NotSupported: The plan asks for what this version does not do.
    """
    slugs = _slug_problems(session, draft.said("slug"), pilot=pilot) if draft.said("slug") else []
    try:
        plan = check_plan(draft)
    except BadPlan as error:
        places = {problem.where for problem in error.problems}
        slugs = [problem for problem in slugs if problem.where not in places]
        raise refused([*error.problems, *slugs]) from None
    people = people_problems(session, plan, by=by, owner_id=pilot.owner_id if pilot else None)
    if problems := [*people, *_slug_problems(session, plan.pilot.slug, pilot=pilot)]:
        raise refused(problems)
    refuse_unsupported(plan)
    return plan


def refuse_taken_slug(session: Session, slug: str, *, pilot: PilotRow | None) -> None:
    """Stop where another pilot has the slug.

    Raises:
        BadPlan: It has.
    """
    if not _is_free(session, slug, pilot=pilot):
        raise refused([_taken(slug)])


def freeze(
    session: Session, pilot: PilotRow, *, by: Caller, now: datetime, version: int | None = None
) -> str:
    """Freeze the plan that the draft says, once and for all.

    Args:
        session: The registry.
        pilot: The pilot.
        by: Who freezes it.
        now: When.
        version: Of the draft that was reviewed; None for whatever there is.

    Returns:
        Its fingerprint.

    Raises:
        PlanAlreadyFrozen: It is frozen.
        Stale: Somebody changed the draft since it was reviewed.
        BadPlan: The draft is not complete, or names wrong people.
        NotSupported: The plan asks for what this version does not do.
    """
    row = _locked(session, pilot)
    if plan_row(session, row) is not None:
        raise PlanAlreadyFrozen(row.slug)
    _refuse_stale(row, version)
    plan = check_draft(session, draft_of(row), by=by, pilot=row)
    row.slug = plan.pilot.slug
    frozen = _plan_row(row, plan, now=now)
    session.add_all([row, frozen])
    _flush(session, row.slug)
    return frozen.fingerprint


def sign_plan(
    session: Session,
    pilot: PilotRow,
    *,
    by: Caller,
    password: str,
    fingerprint: str,
    now: datetime,
) -> SignatureRow:
    """Sign the frozen plan, as its sponsor.

    Args:
        session: The registry; no transaction stays open while the password is checked.
        pilot: The pilot.
        by: Who signs.
        password: Theirs.
        fingerprint: Of the plan that they were shown.
        now: When they sign.

    Raises:
        NotNow: The plan is a draft, or signed already.
        NotAllowed: Somebody other than the sponsor signs, or the owner.
        Stale: Another plan was shown.
        BadInput: The password is wrong.
    """
    _refuse_signing(session, pilot, by=by, fingerprint=fingerprint)
    try:
        check_password(session, email=by.email, password=password)
    except BadInput:
        raise BadInput(
            "The plan was not signed.", [Problem("password", "is not yours; type it again")]
        ) from None
    row = _locked(session, pilot)
    _refuse_signing(session, row, by=by, fingerprint=fingerprint)
    signature = SignatureRow(
        pilot_id=pilot_id(row),
        user_id=by.user_id,
        what=SignedWhat.PLAN,
        fingerprint=fingerprint,
        signed_at=now,
    )
    session.add(signature)
    session.flush()
    return signature


def _refuse_stale(pilot: PilotRow, version: int | None) -> None:
    if version is not None and pilot.draft_version != version:
        raise Stale(
            f"Somebody else changed the plan of {pilot.slug} meanwhile: it is at version "
            f"{pilot.draft_version}, and yours began at {version}. Load it again."
        )


def _refuse_signing(session: Session, pilot: PilotRow, *, by: Caller, fingerprint: str) -> None:
    frozen = plan_row(session, pilot)
    if frozen is None:
        raise NotNow(f"The plan of {pilot.slug} is a draft; it is signed once it is frozen.")
    sponsor = Plan.model_validate_json(frozen.canonical_json).pilot.sponsor
    if by.user_id == pilot.owner_id:
        raise NotAllowed(f"{by.email} owns {pilot.slug}, and owners do not sign their own plans.")
    if by.email != as_email(sponsor):
        raise NotAllowed(f"The plan of {pilot.slug} is signed by its sponsor, {sponsor}.")
    if plan_signature(session, pilot) is not None:
        raise NotNow(f"The plan of {pilot.slug} is signed already.")
    if fingerprint != frozen.fingerprint:
        raise Stale(
            f"What was shown is not the frozen plan of {pilot.slug}, whose fingerprint begins "
            f"with {frozen.fingerprint[:12]}; load the page again and read it."
        )


def _plan_row(pilot: PilotRow, plan: Plan, *, now: datetime) -> PlanRow:
    return PlanRow(
        pilot_id=pilot_id(pilot),
        canonical_json=canonical_json(plan),
        fingerprint=fingerprint(plan),
        frozen_at=now,
    )


def _locked(session: Session, pilot: PilotRow) -> PilotRow:
    """The pilot as it is now; nobody else changes it until the transaction ends."""
    query = select(PilotRow).where(PilotRow.id == pilot_id(pilot)).with_for_update()
    return session.exec(query, execution_options={"populate_existing": True}).one()


def _owner(session: Session, draft: Draft) -> int | None:
    """The owner that a draft names; None where there is no such manager."""
    user = find_user(session, draft.said("owner"))
    return user.id if user and user.disabled_at is None and user.role in OWNERS else None


def _is_free(session: Session, slug: str, *, pilot: PilotRow | None) -> bool:
    found = find_pilot(session, slug)
    return slug not in TAKEN and (
        found is None or (pilot is not None and pilot_id(found) == pilot_id(pilot))
    )


def _slug_problems(session: Session, slug: str, *, pilot: PilotRow | None) -> list[Problem]:
    if slug != proposed_slug(slug):
        return [Problem("pilot.slug", f"{slug!r} is no address; {proposed_slug(slug)!r} is")]
    return [] if _is_free(session, slug, pilot=pilot) else [_taken(slug)]


def _taken(slug: str) -> Problem:
    return Problem("pilot.slug", f"{slug!r} is another pilot's; choose another one")


def _free_slug(session: Session, name: str) -> str:
    """The slug of a name, with a number behind it where it is taken."""
    wanted, number = proposed_slug(name), 1
    slug = wanted
    while not _is_free(session, slug, pilot=None):
        number += 1
        slug = f"{wanted[: LONGEST_SLUG - 1 - len(str(number))]}-{number}"
    return slug


def _flush(session: Session, slug: str) -> None:
    try:
        session.flush()
    except IntegrityError:  # PostgreSQL lets two people write at the same moment
        session.rollback()
        raise NotNow(f"Somebody else wrote to {slug!r} at the same moment; try again.") from None
