"""What a pilot of this size can show, in sentences: the lines beside a plan, and its chart."""

from experiments.errors import Undefined
from experiments.plan.baseline import Baseline
from experiments.plan.outlook import Answer, Outlook
from experiments.report.design_words import (
    chance,
    design_words,
    guardrail_words,
    horizon_words,
)
from experiments.report.power_chart import PowerChart, PowerMark
from experiments.report.report import Line, Tone
from experiments.report.wording import Unit, amount, counted, number


def outlook_lines(outlook: Outlook, *, unit: Unit) -> tuple[Line, ...]:
    """The planning numbers, a line each; a line says what is missing where there is no number.

    Args:
        outlook: The numbers.
        unit: Of the money metric.
    """
    lines = (
        Line("Chance to prove it", _proof(outlook, unit), _tone(outlook)),
        Line("Customers needed", _needed(outlook)),
        Line("Break-even", _break_even(outlook, unit)),
        Line("Expected", _expected(outlook, unit)),
        Line("Smallest effect that is proved", _smallest(outlook, unit)),
        Line("Groups", _heads(outlook)),
        Line("Duration", _duration(outlook)),
    )
    return tuple(Line(line.label, _kept(line.text), line.tone) for line in lines if line.text)


def outlook_details(outlook: Outlook, *, unit: Unit, guardrails: bool) -> tuple[Line, ...]:
    """What an analyst asks besides.

    Args:
        outlook: The numbers.
        unit: Of the money metric.
        guardrails: Whether the plan has metrics that must not get worse.
    """
    told = f"{_detection(outlook, unit)}{_takes(outlook)}"
    lines = (
        Line("An effect from none", told),
        Line("Over the horizon", horizon_words(outlook, unit)),
        *(Line(one.metric, guardrail_words(one, outlook)) for one in outlook.guardrails),
        Line("Assumes", _assumptions(outlook, unit, guardrails=guardrails)),
    )
    return tuple(Line(line.label, _kept(line.text)) for line in lines if line.text)


def outlook_advice(outlook: Outlook, *, unit: Unit) -> tuple[str, ...]:
    """What could be done where the chance to prove it is low; nothing where it is not."""
    power, even = outlook.to_prove.power, outlook.break_even
    if isinstance(power, Undefined) or isinstance(even, Undefined):
        return ()
    if power >= outlook.target and not _is_too_small(outlook):
        return ()
    needed, smallest = outlook.to_prove.customers_needed, outlook.detectable_effect
    said = []
    if isinstance(needed, int) and needed > outlook.customers:
        said.append(f"Enrol more customers: {needed:,}.")
    if even > 0:
        said.append(
            f"Make the program cheaper, or choose customers who are worth more: then it pays from "
            f"less than {amount(even, unit)}."
        )
    if isinstance(smallest, float):
        said.append(
            f"Do more for each customer: with these customers, {amount(smallest, unit)} more per "
            f"customer would be proved with a chance of {chance(outlook.target)}."
        )
    said.append("Let the pilot run longer, if the program works on for more days.")
    return tuple(_kept(sentence) for sentence in said)


def power_chart(outlook: Outlook, *, unit: Unit) -> PowerChart | None:
    """The power to prove the assumed effect, else to detect break-even; None where there is none.

    Args:
        outlook: The numbers.
        unit: Of the money metric.
    """
    for answer, effect, finding, asks in (
        (outlook.to_prove, outlook.effect, _proof, "Chance to prove that the program pays"),
        (outlook.to_detect, outlook.break_even, _detection, "Chance to tell it from no effect"),
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


def _kept(text: str) -> str:
    """The text, with no line break before a per cent sign."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def _needed_mark(answer: Answer) -> PowerMark | None:
    known = {point.customers: point.power for point in answer.curve}
    needed = answer.customers_needed
    if isinstance(needed, Undefined) or needed not in known:
        return None
    return PowerMark(needed, known[needed], f"{needed:,} needed")


def _not_yet(missing: Undefined) -> str:
    return f"Not known: {missing.reason}."


def _sentence(missing: Undefined) -> str:
    return f"{missing.reason[0].upper()}{missing.reason[1:]}."


def _break_even(outlook: Outlook, unit: Unit) -> str:
    if isinstance(outlook.break_even, Undefined):
        return _not_yet(outlook.break_even)
    if outlook.break_even == 0:
        return "The program costs nothing, so that any gain pays."
    return f"The program pays from {amount(outlook.break_even, unit)} more per customer."


def _is_too_small(outlook: Outlook) -> bool:
    """Whether the expected effect does not even pay."""
    effect, even = outlook.effect, outlook.break_even
    return isinstance(effect, float) and isinstance(even, float) and effect <= even


def _proof(outlook: Outlook, unit: Unit) -> str:
    power = outlook.to_prove.power
    if isinstance(power, Undefined):
        return _not_yet(power)
    if not _is_too_small(outlook):
        size = counted(outlook.customers, "customer", "customers")
        return f"With {size} the chance to prove it is {chance(power)}."
    effect, even = outlook.effect, outlook.break_even
    assert isinstance(effect, float)  # noqa: S101 - the power is known
    assert isinstance(even, float)  # noqa: S101
    return (
        f"An effect of {amount(effect, unit)} does not pay: it needs more than "
        f"{amount(even, unit)}."
    )


def _tone(outlook: Outlook) -> Tone:
    power = outlook.to_prove.power
    if isinstance(power, Undefined):
        return Tone.PLAIN
    return Tone.GOOD if power >= outlook.target else Tone.CAUTION


def _needed(outlook: Outlook) -> str:
    needed = outlook.to_prove.customers_needed
    if isinstance(outlook.to_prove.power, Undefined):
        return ""  # said already
    if isinstance(needed, Undefined):
        return _sentence(needed)
    size = counted(needed, "customer", "customers")
    return f"With {size} it would be {chance(outlook.target)}."


def _expected(outlook: Outlook, unit: Unit) -> str:
    base, effect = outlook.baseline, outlook.effect
    if isinstance(base, Undefined) or isinstance(effect, Undefined):
        return ""
    said = f"{amount(effect, unit)} more than the {_level(base.mean, unit)} without the program"
    if unit.suffix == unit.mean_suffix:
        return f"{said}."
    return f"{_level(base.mean + effect, unit)}, which is {said}."


def _level(mean: float, unit: Unit) -> str:
    shown = number(mean * unit.factor, 2)
    return f"{shown.removesuffix('.00')}{unit.mean_suffix}"


def _smallest(outlook: Outlook, unit: Unit) -> str:
    effect = outlook.detectable_effect
    if isinstance(effect, Undefined):
        return "" if isinstance(outlook.to_prove.power, Undefined) else _sentence(effect)
    return (
        f"With these customers {amount(effect, unit)}, with a chance of {chance(outlook.target)}."
    )


def _heads(outlook: Outlook) -> str:
    treated = round(outlook.groups.treated(outlook.customers))
    return f"{treated:,} treated, {outlook.customers - treated:,} left alone."


def _detection(outlook: Outlook, unit: Unit) -> str:
    power, even = outlook.to_detect.power, outlook.break_even
    if isinstance(power, Undefined) or isinstance(even, Undefined):
        return _not_yet(power if isinstance(power, Undefined) else Undefined("no break-even"))
    size = counted(outlook.customers, "customer", "customers")
    return (
        f"With {size} the chance to tell an effect of {amount(even, unit)}, which is break-even, "
        f"from none is {chance(power)}."
    )


def _takes(outlook: Outlook) -> str:
    needed = outlook.to_detect.customers_needed
    if isinstance(needed, Undefined):
        return ""
    size = counted(needed, "customer", "customers")
    return (
        f" With {size} it would be {chance(outlook.target)}. That shows an effect, not that the "
        f"program pays."
    )


def _duration(outlook: Outlook) -> str:
    if isinstance(outlook.days, Undefined):
        return _not_yet(outlook.days)
    return f"{counted(outlook.days, 'day', 'days')}, until the last window closes."


def _assumptions(outlook: Outlook, unit: Unit, *, guardrails: bool) -> str:
    said = []
    base = outlook.baseline
    if isinstance(base, Baseline):
        before = base.correlation**2
        level = f"{number(base.mean * unit.factor, 2)}{unit.mean_suffix}"
        spread = "" if unit.mean_suffix == " %" else f", standard deviation {number(base.sd, 2)}"
        said.append(f"Without the program {level} per customer{spread} ({base.source}).")
        if before:
            said.append(f"What customers did before explains {before:.0%} of it.")
    said.extend(design_words(outlook))
    treatments = len(outlook.groups.treatments)
    if treatments > 1:
        said.append(f"Numbers are those of the smallest of {treatments} treatments.")
    said.append("Guardrails hold, and checks pass." if guardrails else "Checks pass.")
    return " ".join(said).replace("%", " %").replace("  %", " %")
