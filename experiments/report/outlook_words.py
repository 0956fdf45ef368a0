"""What a pilot of this size can show, in sentences: the lines beside a plan, and its chart."""

from experiments.errors import Undefined
from experiments.plan.baseline import Baseline
from experiments.plan.outlook import Answer, Outlook
from experiments.report.power_chart import PowerChart, PowerMark
from experiments.report.report import Line, Tone
from experiments.report.wording import Unit, amount, counted, number


def outlook_lines(outlook: Outlook, *, unit: Unit) -> tuple[Line, ...]:
    """The planning numbers, a line each; a line says what is missing where there is no number.

    Args:
        outlook: The numbers.
        unit: Of the money metric.
    """
    return (
        Line("Break-even", _break_even(outlook, unit)),
        Line("Chance of a proof", _proof(outlook, unit), _tone(outlook)),
        Line("Customers needed", _needed(outlook)),
        Line("Smallest effect that is proved", _smallest(outlook, unit)),
        Line("Told from no effect", f"{_detection(outlook, unit)}{_takes(outlook)}"),
        Line("Duration", _duration(outlook)),
        Line("Assumes", _assumptions(outlook, unit)),
    )


def power_chart(outlook: Outlook, *, unit: Unit) -> PowerChart | None:
    """The power to prove the assumed effect, else to detect break-even; None where there is none.

    Args:
        outlook: The numbers.
        unit: Of the money metric.
    """
    for answer, effect, finding, asks in (
        (outlook.to_prove, outlook.effect, _proof, "Probability to prove that the program pays"),
        (
            outlook.to_detect,
            outlook.break_even,
            _detection,
            "Probability to tell it from no effect",
        ),
    ):
        power, even = answer.power, outlook.break_even
        if isinstance(power, Undefined) or isinstance(effect, Undefined):
            continue
        known = "not known" if isinstance(even, Undefined) else amount(even, unit)
        return PowerChart(
            title=finding(outlook, unit).removesuffix("."),
            asked=f"{asks}, if the true effect is {amount(effect, unit)}. Break-even: {known}.",
            points=tuple((point.customers, point.power) for point in answer.curve),
            target=outlook.target,
            target_text=f"{chance(outlook.target)} asked for",
            plan=PowerMark(
                outlook.customers, power, f"the plan: {outlook.customers:,}, {chance(power)}"
            ),
            needed=_needed_mark(answer),
        )
    return None


def chance(power: float) -> str:
    """A probability in whole per cent, never quite none and never quite certain.

    Example:
        >>> chance(0.834), chance(0.0004), chance(0.9999)
        ('83 %', 'under 1 %', 'over 99 %')
    """
    if power < 0.01:
        return "under 1 %"
    return "over 99 %" if power > 0.99 else f"{100 * power:.0f} %"


def _needed_mark(answer: Answer) -> PowerMark | None:
    known = {point.customers: point.power for point in answer.curve}
    needed = answer.customers_needed
    if isinstance(needed, Undefined) or needed not in known:
        return None
    return PowerMark(needed, known[needed], f"{needed:,} needed")


def _not_yet(missing: Undefined) -> str:
    return f"Not known: {missing.reason}."


def _break_even(outlook: Outlook, unit: Unit) -> str:
    if isinstance(outlook.break_even, Undefined):
        return _not_yet(outlook.break_even)
    if outlook.break_even == 0:
        return "The program costs nothing, so that any gain pays."
    return f"The program pays from {amount(outlook.break_even, unit)} more per treated customer."


def _proof(outlook: Outlook, unit: Unit) -> str:
    power, effect, even = outlook.to_prove.power, outlook.effect, outlook.break_even
    if isinstance(power, Undefined):
        return _not_yet(power)
    if isinstance(effect, Undefined) or isinstance(even, Undefined):
        return ""
    if effect <= even:
        return (
            f"An effect of {amount(effect, unit)} does not pay; it would be proved by mistake "
            f"with a probability of {chance(power)}."
        )
    size = counted(outlook.customers, "customer proves", "customers prove")
    return (
        f"If the true effect is {amount(effect, unit)}, {size} that the program pays with a "
        f"probability of {chance(power)}."
    )


def _tone(outlook: Outlook) -> Tone:
    power = outlook.to_prove.power
    if isinstance(power, Undefined):
        return Tone.PLAIN
    return Tone.GOOD if power >= outlook.target else Tone.CAUTION


def _needed(outlook: Outlook) -> str:
    needed = outlook.to_prove.customers_needed
    if isinstance(needed, Undefined):
        return _not_yet(needed)
    held_back = f"{needed * outlook.groups.control:,.0f} of them held back"
    return (
        f"{counted(needed, 'customer', 'customers')}, {held_back}, give a probability of "
        f"{chance(outlook.target)}."
    )


def _smallest(outlook: Outlook, unit: Unit) -> str:
    effect = outlook.detectable_effect
    if isinstance(effect, Undefined):
        return _not_yet(effect)
    size = counted(outlook.customers, "customer proves", "customers prove")
    return (
        f"{size} an effect of {amount(effect, unit)} or more with a probability of "
        f"{chance(outlook.target)}."
    )


def _detection(outlook: Outlook, unit: Unit) -> str:
    power, even = outlook.to_detect.power, outlook.break_even
    if isinstance(power, Undefined) or isinstance(even, Undefined):
        return _not_yet(power if isinstance(power, Undefined) else Undefined("no break-even"))
    size = counted(outlook.customers, "customer tells", "customers tell")
    return (
        f"{size} an effect of {amount(even, unit)}, which is break-even, from none with a "
        f"probability of {chance(power)}."
    )


def _takes(outlook: Outlook) -> str:
    needed = outlook.to_detect.customers_needed
    if isinstance(needed, Undefined):
        return ""
    return (
        f" {chance(outlook.target)} takes {needed:,}. That shows an effect, not that the program "
        f"pays."
    )


def _duration(outlook: Outlook) -> str:
    if isinstance(outlook.days, Undefined):
        return _not_yet(outlook.days)
    return f"{counted(outlook.days, 'day', 'days')}, until the last window closes."


def _assumptions(outlook: Outlook, unit: Unit) -> str:
    said = []
    base = outlook.baseline
    if isinstance(base, Baseline):
        before = base.correlation**2
        level = f"{number(base.mean * unit.factor, 2)}{unit.mean_suffix}"
        spread = "" if unit.mean_suffix == " %" else f", standard deviation {number(base.sd, 2)}"
        said.append(f"Without the program {level} per customer{spread} ({base.source}).")
        if before:
            said.append(f"What customers did before explains {before:.0%} of it.")
    treatments = len(outlook.groups.treatments)
    if treatments > 1:
        said.append(f"Numbers are those of the smallest of {treatments} treatments.")
    said.append("Guardrails hold, and checks pass.")
    return " ".join(said).replace("%", " %").replace("  %", " %")
