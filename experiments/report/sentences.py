"""The verdict in three sentences: what is so, why, and what to do.

A person who reads only these has the truth; doubt is said as plainly as success.
"""

from collections.abc import Mapping

from experiments.decide.guardrails import Safety
from experiments.decide.verdict import Reason, Status, Verdict
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.plan.registration import Registration
from experiments.report import wording
from experiments.report.report import Tone, VerdictLine
from experiments.report.wording import Unit, amount, counted, day, number, reading
from experiments.terms import Basis
from experiments.value.contrast import Value

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
        case Status.PROVED | Status.SUPPORTED:
            return f"{program} pays."
        case Status.DISPROVED | Status.CONTRADICTED:
            return f"{program} does not pay."
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
        return f"There is no number: {verdict.value.reason}."
    money = _money_sentence(plan, verdict.value)
    if verdict.status is Status.INVALID:
        return f"Failed: {', '.join(verdict.failed)}. As labelled, not as proof: {money}"
    extra = {
        Reason.INTERVAL: f" {_doubt(plan, verdict.value)}",
        Reason.GUARDRAIL_WORSE: f" {_harm(verdict, Safety.WORSE)}",
        Reason.GUARDRAIL_UNCLEAR: f" {_harm(verdict, Safety.UNCLEAR)}",
        Reason.TAILS: (
            " A few customers carry much of the result; corrected for that, the answer changes."
        ),
    }
    return money + (extra.get(verdict.reason, "") if verdict.reason else "")


def _money_sentence(plan: Plan, value: Value) -> str:
    """What each customer brought, and what it cost."""
    money = Unit.of_money(plan.value.currency)
    margin = value.margin
    side = "more" if margin.value >= 0 else "less"
    low, high = (margin.low, margin.high) if margin.value >= 0 else (-margin.high, -margin.low)
    decimals = wording.decimals_for(low, high)
    brought = f"{number(abs(margin.value), decimals)} {plan.value.currency} {side} margin"
    interval = f"{number(low, decimals)} to {number(high, decimals)}"
    at = " at roll-out" if value.basis is Basis.ROLLOUT else ""
    sentence = (
        f"Each customer assigned to it brought {brought} than the control group ({interval}) "
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


def _doubt(plan: Plan, value: Value) -> str:
    """What the interval of D leaves open."""
    money = Unit.of_money(plan.value.currency)
    contrast = value.contrast
    return (
        f"After its cost that is {reading(contrast.value, contrast.low, contrast.high, money)} a "
        f"customer, which may be a gain or a loss."
    )


def _harm(verdict: Verdict, safety: Safety) -> str:
    names = ", ".join(g.metric for g in verdict.guardrails if g.safety is safety)
    if safety is Safety.WORSE:
        return f"Worse than the plan accepts: {names}."
    return f"Not yet clear of what the plan accepts: {names}."


def _advice(plan: Plan, verdict: Verdict, registration: Registration) -> str:
    late = registration is Registration.RETROSPECTIVE
    match verdict.status:
        case Status.PROVED if late:
            return (
                "The plan was written after the outcome (retrospective), so that rolling it out "
                "needs a signed waiver or a planned repeat."
            )
        case Status.PROVED:
            return "Roll it out, and keep a holdback group to check the promise."
        case Status.DISPROVED | Status.CONTRADICTED:
            return "Stop it, or change it and test again." + _retrospective(late)
        case Status.INVALID:
            return "Mend the cause and run a new pilot; do not act on these numbers."
        case Status.VEILED:
            return "Wait, and keep recording behavior for both groups."
        case Status.SUPPORTED:
            return "Confirm it with a randomized pilot before a full roll-out."
        case _:
            return _more_data(verdict) + _retrospective(late)


def _retrospective(late: bool) -> str:
    return " The plan was written after the outcome (retrospective)." if late else ""


def _more_data(verdict: Verdict) -> str:
    if verdict.reason is Reason.GUARDRAIL_WORSE:
        return "Do not roll it out as it is; remove the harm and test again."
    more = verdict.more_data
    if more is None:
        return "Do not roll it out on this evidence."
    needed = []
    if isinstance(more.for_break_even, int):
        needed.append(
            f"{counted(more.for_break_even, 'customer', 'customers')} in the treatment group to "
            f"see an effect as large as break-even"
        )
    if isinstance(more.for_observed, int):
        needed.append(f"{more.for_observed:,} if the effect is as observed")
    if not needed:
        return "Do not roll it out on this evidence."
    return f"Do not roll it out yet; a new pilot needs about {', or '.join(needed)}."


def registration_sentence(registration: Registration) -> str:
    """Whether the plan came before the outcome."""
    if registration is Registration.PROSPECTIVE:
        return "Prospective: the plan was frozen before the pilot began and before any outcome."
    return (
        "Retrospective: the plan was registered after the outcome could be known. It shows what "
        "happened; it does not open the roll-out gate without a signed waiver."
    )
