"""What a plan leads to, as far as it is written: the panel beside the form, and the call for it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from markupsafe import Markup

from app.plan.drafted import (
    days_of,
    design_of,
    kind_of,
    metrics_of,
    money_of,
    money_unit,
    over_horizon,
    pays_from,
    read_as,
    unit_of,
)
from app.plan.fields import ASIDE, LEVEL, READERS, Fields, Typed, rows_of
from app.plan.forms import AMOUNT_ASIDE, SUPPLIED_ASIDE, label_of, not_asked
from app.plan.known import NOTHING_KNOWN, Known
from app.plan.typed import plain_number, read_percent
from app.plan.words import in_short
from experiments.errors import BadInput, BadPlan, Undefined
from experiments.pilot import Metric, Window
from experiments.plan.baseline import Baseline
from experiments.plan.duration import duration
from experiments.plan.looking import Looking
from experiments.plan.outlook import Outlook, outlook
from experiments.plan.pilot_file import parse_plan
from experiments.plan.trial import Groups
from experiments.report.drawing import RESPONSIVE, Layout
from experiments.report.html import ChartBlock
from experiments.report.outlook_words import (
    outlook_advice,
    outlook_details,
    outlook_lines,
    power_chart,
)
from experiments.report.power_chart import POWER_KEY, power_svg, power_table
from experiments.report.report import Line
from experiments.report.wording import Unit, counted
from experiments.terms import MOST, SHARES, MetricKind, Role

USUAL_CUSTOMERS: Final = 10_000
SPREAD: Final = 3.0  # standard deviations of an amount per average, where nobody said
SD_ASSUMED: Final = "typed in; the standard deviation is assumed"
_LARGEST: Final = Decimal(10) ** 12


@dataclass(frozen=True, slots=True)
class Assumed:
    """What is assumed beside the plan, to see what it leads to.

    Attributes:
        customers: Of all groups together.
        mean: Of the money metric, per customer without the program.
        sd: Its spread between customers; assumed where nobody said.
        rate: Share of customers with the event, without the program; for a rate.
        effect: True effect per treated customer.
        contacts: Contacts per treated customer.
        known: What else is known of customers.
    """

    customers: int = USUAL_CUSTOMERS
    mean: float | None = None
    sd: float | None = None
    rate: float | None = None
    effect: float | None = None
    contacts: float | None = None
    known: Known = NOTHING_KNOWN

    def but(self, **changes: "float | Known | None") -> "Assumed":
        """The same, but for what is not None."""
        known: dict[str, Any] = {key: new for key, new in changes.items() if new is not None}
        return replace(self, **known)

    def baseline(self, kind: MetricKind) -> Baseline | Undefined:
        """What customers do now, as far as somebody said."""
        try:
            if kind in SHARES:
                if self.rate is None:
                    return Undefined("say which share does it without the program")
                return self.known.added_to(Baseline.of_rate(self.rate))
            if self.mean is None:
                return Undefined("say what a customer does without the program")
            if self.sd is None:
                base = Baseline(mean=self.mean, sd=self.usual_sd(kind), source=SD_ASSUMED)
            else:
                base = Baseline(mean=self.mean, sd=self.sd)
            return self.known.added_to(base)
        except BadInput as error:
            return Undefined(error.what.rstrip("."))

    def usual_sd(self, kind: MetricKind) -> float:
        """The spread where nobody said: few customers bring most; events spread geometrically."""
        mean = abs(self.mean or 0.0)
        if kind is MetricKind.RATIO and self.known.denominator is not None:
            mean *= self.known.denominator  # of a ratio it is the spread of what is divided
        counts = kind in (MetricKind.COUNT, MetricKind.BREADTH)
        return math.sqrt(mean + mean**2) if counts else SPREAD * mean


@dataclass(frozen=True, slots=True)
class Panel:
    """What stands beside the form, and again where the plan is frozen and signed.

    Attributes:
        short: The plan in a sentence, once it is complete.
        lines: The numbers.
        details: What an analyst asks besides.
        advice: What could be done where the chance to prove it is low.
        chart: The chance by the number of customers.
        is_known: Whether enough was said for the chance to be known.
        money_kind: What is counted of the metric that carries the money.
        days: The pilot's days, as the end of a question.
    """

    short: str
    lines: tuple[Line, ...]
    details: tuple[Line, ...]
    advice: tuple[str, ...]
    chart: ChartBlock | None
    is_known: bool
    money_kind: str
    days: str


def assumed_of(fields: Mapping[str, str], *, kind: MetricKind) -> tuple[Assumed, dict[str, str]]:
    """What was typed beside the plan; and, by field, what cannot be read."""
    found: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    left_out = not_asked(fields, kind=kind)
    for name, typed in ASIDE.items():
        text = fields.get(name, "").strip()
        if not text or name in left_out:
            continue
        number = READERS[typed](text)
        if isinstance(number, str):
            wrong[name] = f"{text!r} {number}"
        elif abs(Decimal(number)) > _LARGEST or (
            name == "outlook-customers" and not 0 < number <= MOST
        ):
            wrong[name] = f"{text!r} is out of range"
        else:
            key = name.removeprefix("outlook-")
            found[key] = int(number) if key == "customers" else float(number)
    expected = found.pop("rate_with", None)
    if kind in SHARES:
        found["effect"] = _more(found.get("rate"), expected)
    levels, unread = _levels(fields)
    besides = {key: found.pop(key) for key in Known.__slots__ if key in found}
    return Assumed(**found, known=Known(**besides, guardrails=levels)), wrong | unread


def _levels(
    fields: Mapping[str, str],
) -> tuple[tuple[tuple[str, tuple[float, float | None]], ...], dict[str, str]]:
    """Shares of customers typed beside guardrails; and, by field, what cannot be read."""
    levels: list[tuple[str, tuple[float, float | None]]] = []
    wrong: dict[str, str] = {}
    for place, row in enumerate(rows_of(fields, "metrics")):
        text, name = row.get(LEVEL, "").strip(), row.get("name", "").strip()
        if not text or row.get("role") != Role.GUARDRAIL or row.get("kind") not in SHARES:
            continue
        share = read_percent(text)
        if isinstance(share, str):
            wrong[f"metrics-{place}-{LEVEL}"] = f"{text!r} {share}"
        elif not 0 <= share <= 1:
            wrong[f"metrics-{place}-{LEVEL}"] = f"{text!r} is out of range"
        else:
            levels.append((name or row.get("measure", "").strip(), (float(share), None)))
    return tuple(levels), wrong


def assumed_facts(given: Mapping[str, Any], fields: Mapping[str, str]) -> list[tuple[str, str]]:
    """What was typed for the outlook, by the labels of the form, and what was assumed besides."""
    kind = kind_of(given)
    unit = "" if kind is not MetricKind.MEAN else money_unit(given)
    left_out = not_asked(fields, kind=kind)
    facts = {}
    for name, typed in ASIDE.items():
        text = fields.get(name, "").strip()
        if not text or name in left_out:
            continue
        if typed is Typed.PERCENT:
            whom = "the control group" if name in SUPPLIED_ASIDE else "customers"
            text = f"{text.rstrip('% ')}\u00a0% of {whom}"
        elif name in AMOUNT_ASIDE:
            text = f"{text} {unit}".strip()
        facts[name] = text
    assumed = assumed_of(fields, kind=kind)[0]
    if assumed.mean is not None and assumed.sd is None and kind not in SHARES:
        sd = plain_number(Decimal(f"{assumed.usual_sd(kind):.2f}"))
        why = "a little more than" if kind is MetricKind.COUNT else "three times"
        facts["outlook-sd"] = f"{sd} {unit}".strip() + f", assumed: {why} the average"
    labels = {name: label_of(name, kind=kind) for name in facts}
    if "outlook-mean" in labels:
        days = _counted_days(given)
        labels["outlook-mean"] = labels["outlook-mean"].replace(" without", f" {days} without")
    return [(labels[name], text) for name, text in facts.items()]


def panel_of(given: Mapping[str, Any], fields: Fields) -> Panel:
    """The panel of a draft: every number that its parts allow, a reason where one is missing."""
    kind = kind_of(given)
    unit = unit_of(given)
    found = draft_outlook(given, assumed_of(fields, kind=kind)[0])
    guardrails = any(metric.get("role") == Role.GUARDRAIL for metric in metrics_of(given))
    return Panel(
        _short(given),
        outlook_lines(found, unit=unit),
        outlook_details(found, unit=unit, guardrails=guardrails),
        outlook_advice(found, unit=unit),
        _block(found, unit),
        is_known=not isinstance(found.to_prove.power, Undefined),
        money_kind=kind.value,
        days=_counted_days(given),
    )


def sentences_of(given: Mapping[str, Any], found: Outlook) -> list[str]:
    """The numbers of a draft, a sentence each."""
    unit = unit_of(given)
    guardrails = any(metric.get("role") == Role.GUARDRAIL for metric in metrics_of(given))
    details = outlook_details(found, unit=unit, guardrails=guardrails)
    return [line.text for line in (*outlook_lines(found, unit=unit), *details)]


def draft_outlook(given: Mapping[str, Any], assumed: Assumed) -> Outlook:
    """The numbers of a draft, complete or not."""
    kind = kind_of(given)
    days = days_of(given)
    windows = [read_as(Window, metric.get("window")) for metric in metrics_of(given)]
    pays = pays_from(given, days, contacts=assumed.contacts)
    design = design_of(given)
    return outlook(
        Groups.of(design),
        kind=kind,
        baseline=assumed.baseline(kind),
        customers=assumed.customers,
        pays_from=pays,
        effect=assumed.effect,
        days=duration(windows, starts_on=days.starts_on, ends_on=days.ends_on)
        if days
        else Undefined("say the first and the last day"),
        design=design.kind,
        looking=Looking.of(design),
        over_horizon=over_horizon(given, days, pays),
        guardrails=_guardrails(given, assumed),
    )


def _counted_days(given: Mapping[str, Any]) -> str:
    """The days in which a customer's money counts, as the end of a question."""
    stretch, window = days_of(given), read_as(Window, money_of(given).get("window"))
    if window is not None:
        return f"in these {counted(window.days[1] - window.days[0], 'day', 'days')}"
    if stretch is None:
        return "over the days of the pilot"
    length = (stretch.ends_on - stretch.starts_on).days + 1
    return f"in these {counted(length, 'day', 'days')}"


def _more(rate: float | None, expected: float | None) -> float | None:
    return None if rate is None or expected is None else expected - rate


def _short(given: Mapping[str, Any]) -> str:
    try:
        return in_short(parse_plan(given))
    except BadPlan:
        return ""


def _block(found: Outlook, unit: Unit) -> ChartBlock | None:
    chart = power_chart(found, unit=unit)
    if chart is None:
        return None
    # Every text in a drawing is escaped there; its size is left to the page's style sheet.
    drawing = Markup(power_svg(chart, layout=Layout.NARROW).replace(RESPONSIVE, ""))  # noqa: S704
    return ChartBlock(
        title=chart.title,
        wide=drawing,
        narrow=drawing,
        key=POWER_KEY,
        table=power_table(chart),
    )


def _guardrails(
    given: Mapping[str, Any], assumed: Assumed
) -> tuple[tuple[Metric, Baseline | Undefined], ...]:
    """The guardrails of a draft of whose level somebody said something."""
    metrics = [
        read_as(Metric, one) for one in metrics_of(given) if one.get("role") == Role.GUARDRAIL
    ]
    levels = dict(assumed.known.guardrails)
    return tuple(
        (metric, assumed.known.guardrail(metric.kind, levels[metric.name]))
        for metric in metrics
        if metric is not None and metric.name in levels
    )
