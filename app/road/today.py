"""What needs the reader today: a sentence and a link for each thing that waits for this person."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlmodel import Session

from app.looking import look_name, takes_in
from app.people.caller import Caller
from app.road.portfolio import open_pilots
from app.steps import PilotHead
from app.tables import Role
from experiments.analyse.schedule import ONE_DAY
from experiments.report.wording import counted
from experiments.words import day

SOON: Final = 14  # days before the start from which a draft is worth a word
QUIET: Final = 7  # days without a row after the start that are worth a word
MOST: Final = 200  # open pilots that are looked at, the newest
UNREAD: Final = "behavior is complete, and the outcome not analysed"
OWNERS: Final = frozenset({Role.MANAGER, Role.ADMIN})


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that waits.

    Attributes:
        pilot: Its name.
        text: What waits, as the end of a sentence.
        href: Where it is done.
        action: What is done there, a word.
    """

    pilot: str
    text: str
    href: str
    action: str


def needs_today(
    session: Session, reader: Caller, *, today: date, timezone: str = "UTC"
) -> tuple[Item, ...]:
    """What waits for the reader, over all open pilots; days are those of the time zone."""
    owner = reader.user_id if reader.role in OWNERS else None
    heads = open_pilots(session, owner=owner, today=today, timezone=timezone, limit=MOST)
    return tuple(items_of(heads, reader, today=today))


def items_of(heads: Iterable[PilotHead], reader: Caller, *, today: date) -> Iterator[Item]:
    """What of some pilots waits for the reader."""
    for head in heads:
        match reader.role:
            case Role.EXECUTIVE:
                yield from _of_executive(head, reader)
            case Role.ANALYST:
                yield from _analysis(head, today)
            case _:
                yield from _of_owner(head, today)


def _of_executive(head: PilotHead, reader: Caller) -> Iterator[Item]:
    """Nobody signs what they own, nor seconds their own override."""
    facts = head.facts
    if head.owner_id == reader.user_id:
        return
    is_sponsor = head.sponsor.casefold() == reader.email.casefold()
    if is_sponsor and facts.plan is not None and facts.signed_at is None:
        yield _item(head, "the plan waits for your signature", "plan", "Sign")
    may_stop = facts.is_unveiled and not facts.goes_on
    if is_sponsor and may_stop and facts.decision is None:
        yield _item(head, "the decision waits for you", "decide", "Decide")
    decision = facts.decision
    if decision is not None and not facts.is_decided and decision.decided_by != reader.user_id:
        yield _item(head, "an override waits for a second executive", "decide", "Open")


def _of_owner(head: PilotHead, today: date) -> Iterator[Item]:
    facts = head.facts
    if facts.plan is None:
        yield from _draft(head, today)
    elif facts.listed and not facts.enrolled:
        waiting = counted(facts.listed, "customer waits", "customers wait")
        yield _item(head, f"{waiting} for their groups to be drawn", "enrol", "Draw")
    elif not facts.enrolled:
        yield _item(head, "the customers are not enrolled yet", "enrol", "Enrol")
    else:
        yield from _behavior(head, today)
        yield from _analysis(head, today)


def _draft(head: PilotHead, today: date) -> Iterator[Item]:
    if head.starts_on is None or (head.starts_on - today).days > SOON:
        return
    if today <= head.starts_on:
        said = f"the plan is a draft, and the pilot starts on {day(head.starts_on)}"
    else:
        said = (
            f"the pilot began on {day(head.starts_on)} and its plan is not frozen; "
            f"its result will be called retrospective"
        )
    yield _item(head, said, "plan", "Freeze")


def _behavior(head: PilotHead, today: date) -> Iterator[Item]:
    facts = head.facts
    if facts.is_recorded or facts.starts_on is None or facts.schedule is None:
        return
    due = facts.look_due(today)
    if facts.missing and (due is not None or (today - facts.starts_on).days >= QUIET):
        yield _item(
            head, f"no rows of {', '.join(facts.missing)} have arrived yet", "record", "Upload"
        )
    elif due is not None and not facts.is_recorded_to(due - ONE_DAY):
        name = look_name(facts.schedule, due)
        said = f"behavior is not declared complete through {takes_in(due)}"
        yield _item(head, f"{said}, which {name} takes in" if name else said, "record", "Upload")


def _analysis(head: PilotHead, today: date) -> Iterator[Item]:
    facts = head.facts
    due = facts.look_due(today)
    if due is None or facts.schedule is None:
        return
    if facts.is_recorded or facts.is_recorded_to(due - ONE_DAY):
        name = look_name(facts.schedule, due)
        said = f"{name} is due, and behavior is complete" if name else UNREAD
        yield _item(head, said, "analyse", "Analyse")


def _item(head: PilotHead, text: str, step: str, action: str) -> Item:
    return Item(head.name, text, f"/pilots/{head.slug}/{step}", action)
