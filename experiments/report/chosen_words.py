"""What it means that people chose the groups, in sentences."""

from experiments.decide.verdict import Status, Verdict
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.report.wording import number
from experiments.stats.evalue import EValue
from experiments.terms import DesignKind

SHORT_PAST = (
    " The ledger reaches fewer than 3 periods back, so that nobody can tell whether the groups "
    "were parting already before the program."
)


def chosen_words(plan: Plan, verdict: Verdict) -> str:
    """That what nobody recorded may still differ, and how strong it would have to be."""
    if plan.design.kind is not DesignKind.SUPPLIED or isinstance(verdict.value, Undefined):
        return ""
    settled = verdict.status in (Status.SUPPORTED, Status.CONTRADICTED)
    strength = _strength(verdict.e_value) if settled and verdict.e_value else ""
    return (
        f" People chose who got it: the groups were made alike in what was recorded, and may "
        f"differ in what was not.{strength}"
    )


def _strength(found: EValue) -> str:
    return (
        f" An unknown cause would have to be {number(found.estimate, 1)} times as frequent among "
        f"those who got it, and make what it changes as many times as likely, to explain the whole "
        f"result; {number(found.limit, 1)} times would leave it open."
    )
