"""Sign a plan, with as few tries at the password as signing in has."""

from datetime import datetime

from fastapi import Request
from sqlmodel import Session

from app.people.caller import Caller
from app.people.guessing import guessing_of
from app.plan.service import sign_plan
from app.tables import PilotRow, SignatureRow
from experiments.errors import BadInput


def sign(
    request: Request,
    session: Session,
    pilot: PilotRow,
    *,
    by: Caller,
    password: str,
    fingerprint: str,
    now: datetime,
) -> SignatureRow:
    """Sign a plan (see `sign_plan`).

    Raises:
        TooManyTries: Too many wrong passwords.
    """
    guessing = guessing_of(request)
    guessing.count(request, by.email)
    try:
        signature = sign_plan(
            session, pilot, by=by, password=password, fingerprint=fingerprint, now=now
        )
    except BadInput:
        guessing.was_wrong(request)
        raise
    guessing.was_right(request, by.email)
    return signature
