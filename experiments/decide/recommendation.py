"""What should be done, now that the verdict is known, and is the gate to a roll-out open?

The gate opens for a proof whose plan came before the outcome. Everything else needs a waiver: two
executives who sign, with a reason, that they roll out without it.
"""

from dataclasses import dataclass

from experiments.decide.verdict import Reason, Status
from experiments.plan.registration import Registration
from experiments.terms import Choice


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What the rule of the plan leads to.

    Attributes:
        choice: What to do; None while outcomes are veiled.
        sentence: The same in words, with the reason.
        gate_open: Whether a roll-out needs no waiver.
    """

    choice: Choice | None
    sentence: str
    gate_open: bool


def recommend(
    status: Status, *, registration: Registration, reason: Reason | None = None
) -> Recommendation:
    """What a verdict recommends.

    Args:
        status: The pilot's verdict.
        registration: Whether the plan came before the outcome.
        reason: Why it is not proved.

    Example:
        >>> recommend(Status.PROVED, registration=Registration.RETROSPECTIVE).choice.value
        'extend'
    """
    match status:
        case Status.PROVED if registration is Registration.PROSPECTIVE:
            return Recommendation(
                Choice.ROLL_OUT,
                "Roll it out: it pays, and the plan came before the outcome.",
                True,
            )
        case Status.PROVED:
            return _closed(
                Choice.EXTEND,
                "Repeat it as a planned pilot: it paid, but the plan came after the outcome.",
            )
        case Status.SUPPORTED:
            return _closed(
                Choice.EXTEND,
                "Test it with a random draw before a full roll-out: it seems to pay, but people "
                "chose the groups.",
            )
        case Status.DISPROVED:
            return _closed(Choice.STOP, "Stop it: it does not pay.")
        case Status.CONTRADICTED:
            return _closed(
                Choice.STOP,
                "Stop it, or test it with a random draw: it seems not to pay, but people chose the "
                "groups.",
            )
        case Status.INVALID:
            return _closed(
                Choice.EXTEND, "Mend what failed and run it again: these numbers prove nothing."
            )
        case Status.VEILED:
            return Recommendation(None, "Wait: outcomes may not be looked at yet.", False)
        case Status.NOT_PROVED if reason is Reason.GUARDRAIL_WORSE:
            return _closed(
                Choice.EXTEND, "Remove the harm and test again: it pays, but it does harm."
            )
        case Status.NOT_PROVED if reason is Reason.FEW_PRE_PERIODS:
            return _closed(
                Choice.EXTEND,
                "Test it with a random draw: too little is known of the time before to compare "
                "groups that people chose.",
            )
        case Status.NOT_PROVED:
            return _closed(Choice.EXTEND, "Test it longer or larger: it is not known to pay.")


def _closed(choice: Choice, sentence: str) -> Recommendation:
    return Recommendation(choice, sentence, False)
