"""The verdict in three sentences: what is so, why, and what to do.

A person who reads only these has the truth; doubt is said as plainly as success.
"""

from collections.abc import Mapping

from experiments.analyse.estimate import Method
from experiments.decide.guardrails import Safety
from experiments.decide.more_data import MoreData
from experiments.decide.verdict import Reason, Status, Verdict
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.plan.registration import Registration
from experiments.plan.trial import FEWEST_CLUSTERS
from experiments.report import wording
from experiments.report.chosen_words import SHORT_PAST, chosen_words
from experiments.report.report import Tone, VerdictLine
from experiments.report.wording import Unit, amount, number, reading
from experiments.terms import Basis, DesignKind
from experiments.value.contrast import Reading, Value
from experiments.words import day

MOST_CUSTOMERS = 100_000_000  # beyond that no pilot settles it, and a number would only puzzle

WORDS: Mapping[Status, tuple[str, Tone]] = {
    Status.PROVED: ("✓ Proved", Tone.GOOD),
    Status.SUPPORTED: ("✓ Supported", Tone.GOOD),
    Status.DISPROVED: ("✕ Disproved", Tone.BAD),
    Status.CONTRADICTED: ("✕ Contradicted", Tone.BAD),
    Status.NOT_PROVED: ("◦ Not proved", Tone.CAUTION),
    Status.INVALID: ("! Invalid", Tone.BAD),
    Status.VEILED: ("▒ Veiled", Tone.PLAIN),
}


def verdict_line(plan: Plan, verdict: Verdict, registration: Registration) -> VerdictLine:
    """Say a verdict."""
    word, tone = WORDS[verdict.status]
    if verdict.status is Status.VEILED and verdict.veiled_until is not None:
        word = f"{word} until {day(verdict.veiled_until)}"
    return VerdictLine(
        treatment=verdict.treatment,
        word=word,
        tone=tone,
        sentence=_what(plan, verdict),
        why=_why(plan, verdict),
        advice=_advice(plan, verdict, registration),
    )


def in_full(line: VerdictLine) -> str:
    """The three sentences in a row."""
    return " ".join(part for part in (line.sentence, line.why, line.advice) if part)


def _program(plan: Plan, verdict: Verdict) -> str:
    """How the program is called: by its arm, which tells several treatments apart."""
    return f"“{verdict.treatment}”"


def _what(plan: Plan, verdict: Verdict) -> str:
    program = _program(plan, verdict)
    match verdict.status:
        case Status.PROVED:
            return f"{program} pays."
        case Status.SUPPORTED:
            return f"{program} seems to pay; people chose who got it, so that this is no proof."
        case Status.DISPROVED:
            return f"{program} does not pay."
        case Status.CONTRADICTED:
            return f"{program} seems not to pay; people chose who got it, so that this is no proof."
        case Status.INVALID:
            return f"{program} cannot be judged: a check that must hold has failed."
        case Status.VEILED:
            return f"It is too early to look at what {program} did."
        case _:
            pass
    match verdict.reason:
        case Reason.GUARDRAIL_WORSE:
            return f"{program} pays, but it harms what it must not harm."
        case Reason.GUARDRAIL_UNCLEAR:
            return f"{program} pays, but we cannot tell yet whether it does harm."
        case _:
            return f"We cannot tell yet whether {program} pays."


def _why(plan: Plan, verdict: Verdict) -> str:
    if verdict.status is Status.VEILED:
        return f"Outcomes stay veiled because {verdict.veil}."
    if isinstance(verdict.value, Undefined):
        short = SHORT_PAST if verdict.reason is Reason.FEW_PRE_PERIODS else ""
        return f"There is no number: {verdict.value.reason}.{short}"
    money = _money_sentence(plan, verdict.value)
    if verdict.status is Status.INVALID:
        failed = ", ".join(name.replace("_", " ") for name in verdict.failed)
        return f"Failed: {failed}. The numbers stand here for the record and prove nothing. {money}"
    extra = {
        Reason.FEW_PRE_PERIODS: SHORT_PAST,
        Reason.INTERVAL: f" {_doubt(plan, verdict.value)}",
        Reason.GUARDRAIL_WORSE: f" {_harm(verdict, Safety.WORSE)}",
        Reason.GUARDRAIL_UNCLEAR: f" {_harm(verdict, Safety.UNCLEAR)}",
        Reason.FEW_CLUSTERS: (
            f" But a group has fewer than {FEWEST_CLUSTERS} clusters, too few to prove anything."
        ),
        Reason.TAILS: (
            " The groups are few clusters; read as carefully as that needs, the answer changes."
            if plan.design.kind is DesignKind.CLUSTERED
            else " A few customers carry much of the result; with allowance for that, the answer "
            "changes."
        ),
    }
    why = money + (extra.get(verdict.reason, "") if verdict.reason else "")
    return why + chosen_words(plan, verdict) + _other_reading(plan, verdict)


def _money_sentence(plan: Plan, value: Value) -> str:
    """What each customer brought, and what it cost."""
    money = Unit.of_money(plan.value.currency)
    margin = value.margin
    decimals = wording.decimals_for(margin.low, margin.high)
    brought = f"{number(abs(margin.value), decimals)} {money.suffix.strip()} {_side(margin)} margin"
    interval = _more_or_less(margin, decimals)
    at = " at roll-out" if value.basis is Basis.ROLLOUT else ""
    chosen = plan.design.kind is DesignKind.SUPPLIED
    than = "control customers weighted to be like them" if chosen else "the control group"
    sentence = (
        f"Each customer assigned to it brought {brought} than {than} ({interval}) "
        f"for {amount(value.cost, money)} of cost{at}."
    )
    hurdle = plan.value.hurdle_rate
    if hurdle:
        sentence += f" It must earn {number(float(hurdle) * 100, 0)} % on that cost."
    if plan.value.value_per_unit is not None:
        unit = plan.money_metric.unit or plan.money_metric.name
        worth = amount(float(plan.value.value_per_unit), money)
        sentence += f" This assumes that one {unit} is worth {worth} of margin."
    return sentence


def _side(margin: Reading) -> str:
    return "more" if margin.value >= 0 else "less"


def _more_or_less(margin: Reading, decimals: int) -> str:
    """The interval on the side of its value; where it holds zero, both sides by name."""
    if margin.low < 0 < margin.high:
        return f"from {number(-margin.low, decimals)} less to {number(margin.high, decimals)} more"
    low, high = (margin.low, margin.high) if margin.value >= 0 else (-margin.high, -margin.low)
    return f"{number(low, decimals)} to {number(high, decimals)}"


def _other_reading(plan: Plan, verdict: Verdict) -> str:
    """Adjusted and unadjusted fall on different sides: the reader is told."""
    other = verdict.other_reading
    if other is None:
        return ""
    money = Unit.of_money(plan.value.currency)
    contrast = other.contrast
    adjusted = "Adjusted" if other.method is Method.LIN else "Not adjusted"
    decided = ""
    if isinstance(verdict.value, Value):
        own = verdict.value.contrast
        decided = f" instead of {reading(own.value, own.low, own.high, money)}"
    if plan.design.kind is DesignKind.SUPPLIED:
        return (
            f" Not weighted, a customer brings "
            f"{reading(contrast.value, contrast.low, contrast.high, money)} after cost{decided}; "
            f"that compares customers who were not alike before."
        )
    means = "would prove nothing"
    if contrast.low > 0 or contrast.high < 0:
        means = f"would {'prove' if contrast.low > 0 else 'disprove'} it"
    return (
        f" {adjusted} for what was known before the pilot, a customer brings "
        f"{reading(contrast.value, contrast.low, contrast.high, money)} after cost{decided}; "
        f"that alone {means}."
    )


def _doubt(plan: Plan, value: Value) -> str:
    """What the interval of D leaves open."""
    money = Unit.of_money(plan.value.currency)
    contrast = value.contrast
    required = " and the return that it must earn" if plan.value.hurdle_rate else ""
    found = reading(contrast.value, contrast.low, contrast.high, money)
    return (
        f"After its cost{required} that is {found} a customer, so that it may be a gain or a loss."
    )


def _harm(verdict: Verdict, safety: Safety) -> str:
    names = ", ".join(g.metric for g in verdict.guardrails if g.safety is safety)
    if safety is Safety.WORSE:
        return f"Worse than the plan accepts: {names}."
    return f"Not yet clear of what the plan accepts: {names}."


def _advice(plan: Plan, verdict: Verdict, registration: Registration) -> str:
    late = registration is Registration.RETROSPECTIVE
    return _what_to_do(verdict, late=late) + _registered(verdict, late=late)


def _what_to_do(verdict: Verdict, *, late: bool) -> str:
    match verdict.status:
        case Status.PROVED if late:
            return (
                "Before a roll-out, repeat it as a planned pilot or have an executive sign a "
                "waiver: the plan was written after the outcome (retrospective)."
            )
        case Status.PROVED:
            return "Roll it out, and keep a holdback group to check the promise."
        case Status.DISPROVED | Status.CONTRADICTED:
            return "Stop it, or change it and test again."
        case Status.INVALID:
            return "Mend the cause and run a new pilot; do not act on these numbers."
        case Status.VEILED:
            if verdict.veiled_until is None:
                return (
                    "Record the missing rows, or declare the file complete through the last of "
                    "these days: complete = its date."
                )
            return "Wait, and keep recording behavior for both groups."
        case Status.SUPPORTED:
            return "Confirm it with a randomized pilot before a full roll-out."
        case _:
            return _more_data(verdict)


def _registered(verdict: Verdict, *, late: bool) -> str:
    """Whether the plan came first; the advice on a late proof has said it already."""
    if not late:
        return " The plan was frozen before any outcome (prospective)."
    if verdict.status is Status.PROVED:
        return ""
    return " The plan was registered when outcomes could be known (retrospective)."


def _more_data(verdict: Verdict) -> str:
    if verdict.reason is Reason.GUARDRAIL_WORSE:
        return "Do not roll it out as it is; remove the harm and test again."
    if verdict.goes_on and verdict.is_futile:
        return (
            "Consider stopping: D lies below the plan's futility boundary, so that a proof at the "
            "later looks is unlikely. You may go on; the error rate does not depend on it."
        )
    if verdict.goes_on:
        return "Let it go on: nothing is settled at this look, and others are to come."
    if verdict.reason is Reason.FEW_PRE_PERIODS:
        return "Do not roll it out on this evidence; a pilot with a random draw needs no past."
    more = verdict.more_data
    if more is None:
        return "Do not roll it out on this evidence."
    if verdict.reason is Reason.GUARDRAIL_UNCLEAR:
        return "Do not roll it out yet; " + _to_clear_guardrails(more)
    seen = verdict.value.customers if isinstance(verdict.value, Value) else 0
    needed = []
    if isinstance(more.for_break_even, int) and seen < more.for_break_even <= MOST_CUSTOMERS:
        needed.append(
            f"{_about(more.for_break_even)} customers in the treatment group to see an effect as "
            f"large as break-even"
        )
    if isinstance(more.for_observed, int) and more.for_observed <= MOST_CUSTOMERS:
        customers = "" if needed else " customers in the treatment group"
        needed.append(f"{_about(more.for_observed)}{customers} if the effect is as observed")
    if not needed:
        return "Do not roll it out on this evidence."
    return f"Do not roll it out yet; a new pilot needs about {', or '.join(needed)}."


def _about(customers: int) -> str:
    """A number of customers to two significant digits, which is all that such a forecast bears."""
    digits = len(str(customers))
    return f"{round(customers, min(0, 2 - digits)):,}"


def _to_clear_guardrails(more: MoreData) -> str:
    if isinstance(more.for_observed, Undefined):
        return "find out first whether it does harm."
    return (
        f"a new pilot needs about {_about(more.for_observed)} customers in the treatment group to "
        f"rule the harm out, if the effect is as observed."
    )


def registration_sentence(registration: Registration) -> str:
    """Whether the plan came before the outcome."""
    if registration is Registration.PROSPECTIVE:
        return "Prospective: the plan was frozen before the pilot began and before any outcome."
    return (
        "Retrospective: the plan was registered when the outcome could be known already. It shows "
        "what happened; rolling out on it needs a signed waiver."
    )
