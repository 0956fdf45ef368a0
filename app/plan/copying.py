"""Begin a new draft with the contents of a frozen plan, which itself can never be mended."""

from datetime import datetime

from sqlmodel import Session

from app.people.caller import Caller
from app.plan.draft import Draft, draft_of
from app.plan.fields import fields_of
from app.plan.service import begin_pilot, frozen_plan
from app.tables import PilotRow


def copy_plan(session: Session, pilot: PilotRow, *, by: Caller, now: datetime) -> PilotRow:
    """Begin a pilot with the contents of a frozen plan, and with the numbers of its outlook.

    Args:
        session: A writing session.
        pilot: Whose plan is copied; it stays as it is.
        by: Who copies it, and owns the copy.
        now: When.

    Raises:
        NotNow: The plan is a draft.
    """
    plan, _ = frozen_plan(session, pilot)
    before = draft_of(pilot)
    kept = before.given or plan.model_dump(mode="json", exclude_none=True)
    fields = {**(before.fields or fields_of(plan)), "pilot-owner": by.email}
    fields["pilot-slug"] = pilot.slug
    copy = begin_pilot(session, owner=by, draft=Draft.of_fields(fields, kept=kept), now=now)
    fields["pilot-slug"] = copy.slug
    copy.draft_json = Draft.of_fields(fields, kept=kept).as_json()
    return copy
