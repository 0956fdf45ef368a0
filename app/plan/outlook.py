"""What a plan leads to, as far as it is written: the panel beside the form, and the call for it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, TypeVar

from markupsafe import Markup
from pydantic import BaseModel, ValidationError

from app.plan.fields import ASIDE, READERS, Fields, Typed
from app.plan.forms import AMOUNT_ASIDE, RATE_ASIDE, label_of
from app.plan.known import NOTHING_KNOWN, Known
from app.plan.typed import plain_number
from app.plan.words import in_short
from experiments.design import Design
from experiments.errors import BadInput, BadPlan, Undefined
from experiments.pilot import Metric, Value, Window
from experiments.plan.baseline import Baseline
from experiments.plan.break_even import BreakEven, Costing, break_even, window_months
from experiments.plan.duration import duration
from experiments.plan.horizon import HorizonBreakEven, horizon_break_even
from experiments.plan.looking import Looking
from experiments.plan.outlook import Outlook, outlook
from experiments.plan.pilot_file import parse_plan
from experiments.plan.power import KINDS
from experiments.plan.trial import SHARES, Groups
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
from experiments.terms import MOST, Basis, MetricKind, Role, Stretch

AnyModel = TypeVar("AnyModel", bound=BaseModel)
USUAL_CUSTOMERS: Final = 10_000
SPREAD: Final = 3.0  # standard deviations of an amount per average, where nobody said
SD_ASSUMED: Final = "typed in; the standard deviation is assumed"
HOW_CUSTOMERS_ARE_READ: Final = (
    *("kind", "cluster", "look", "looks", "spending", "spending_parameter", "tuning_n"),
)
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
    left_out = AMOUNT_ASIDE if kind in SHARES else RATE_ASIDE
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
    return Assumed(**found), wrong


def assumed_facts(given: Mapping[str, Any], fields: Mapping[str, str]) -> list[tuple[str, str]]:
    """What was typed for the outlook, by the labels of the form, and what was assumed besides."""
    kind = kind_of(given)
    unit = "" if kind is not MetricKind.MEAN else _money_unit(given)
    left_out = AMOUNT_ASIDE if kind in SHARES else RATE_ASIDE
    facts = {}
    for name, typed in ASIDE.items():
        text = fields.get(name, "").strip()
        if not text or name in left_out:
            continue
        if typed is Typed.PERCENT:
            text = f"{text.rstrip('% ')}\u00a0% of customers"
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
    unit = _unit(given)
    found = draft_outlook(given, assumed_of(fields, kind=kind)[0])
    guardrails = any(metric.get("role") == Role.GUARDRAIL for metric in _metrics(given))
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
    unit = _unit(given)
    guardrails = any(metric.get("role") == Role.GUARDRAIL for metric in _metrics(given))
    details = outlook_details(found, unit=unit, guardrails=guardrails)
    return [line.text for line in (*outlook_lines(found, unit=unit), *details)]


def draft_outlook(given: Mapping[str, Any], assumed: Assumed) -> Outlook:
    """The numbers of a draft, complete or not."""
    kind = kind_of(given)
    days = _days(given)
    windows = [_read(Window, metric.get("window")) for metric in _metrics(given)]
    pays_from = _pays_from(given, days, assumed)
    design = _design(given)
    return outlook(
        Groups.of(design),
        kind=kind,
        baseline=assumed.baseline(kind),
        customers=assumed.customers,
        pays_from=pays_from,
        effect=assumed.effect,
        days=duration(windows, starts_on=days.starts_on, ends_on=days.ends_on)
        if days
        else Undefined("say the first and the last day"),
        design=design.kind,
        looking=Looking.of(design),
        over_horizon=_over_horizon(given, days, pays_from),
        guardrails=_guardrails(given, assumed),
    )


def kind_of(given: Mapping[str, Any]) -> MetricKind:
    """The kind of the metric that carries the money; an amount while nobody said."""
    said = _money(given).get("kind")
    return MetricKind(said) if said in {kind.value for kind in KINDS} else MetricKind.MEAN


def _counted_days(given: Mapping[str, Any]) -> str:
    """The days in which a customer's money counts, as the end of a question."""
    stretch, window = _days(given), _read(Window, _money(given).get("window"))
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


def _design(given: Mapping[str, Any]) -> Design:
    """The design, as far as it makes sense; two halves and one look while it does not."""
    said = _section(given, "design")
    arms = [arm or f"treatment {at}" for at, arm in enumerate(said.get("treatments") or [""])]
    parts = {"control": said.get("control") or "control", "treatments": arms}
    for more in (
        (*HOW_CUSTOMERS_ARE_READ, "shares", "alpha"),
        ("shares", "alpha"),
        ("shares",),
        (),
    ):
        keys = {key: said[key] for key in more if key in said}
        design = _read(Design, {**parts, **keys})
        if design is not None:
            return design
    return Design(control="control", treatments=("treatment",))


def _guardrails(
    given: Mapping[str, Any], assumed: Assumed
) -> tuple[tuple[Metric, Baseline | Undefined], ...]:
    """The guardrails of a draft of whose level somebody said something."""
    metrics = [_read(Metric, one) for one in _metrics(given) if one.get("role") == Role.GUARDRAIL]
    levels = dict(assumed.known.guardrails)
    return tuple(
        (metric, assumed.known.guardrail(metric.kind, levels[metric.name]))
        for metric in metrics
        if metric is not None and metric.name in levels
    )


def _over_horizon(
    given: Mapping[str, Any], days: Stretch | None, pays_from: BreakEven | Undefined
) -> HorizonBreakEven | Undefined:
    value = _value(given)
    if value is None or days is None:
        return Undefined("say what a unit is worth and the pilot's days")
    return horizon_break_even(
        pays_from,
        window_months=window_months(
            _read(Window, _money(given).get("window")),
            starts_on=days.starts_on,
            ends_on=days.ends_on,
        ),
        persistence_months=value.persistence_months,
        horizon_months=value.horizon_months,
        discount_rate=float(value.discount_rate),
    )


def _value(given: Mapping[str, Any]) -> Value | None:
    return _read(Value, {**_section(given, "value"), "currency": "EUR", "metric": "money"})


def _pays_from(
    given: Mapping[str, Any], days: Stretch | None, assumed: Assumed
) -> BreakEven | Undefined:
    value = _value(given)
    if value is None:
        return Undefined("say what a unit is worth and what the program costs")
    if days is None:
        return Undefined("say the first and the last day")
    stretch = {"starts_on": days.starts_on, "ends_on": days.ends_on}
    if value.basis is Basis.PILOT:
        costing = Costing.in_pilot(value.pilot, **stretch)
    else:
        costing = Costing.at_rollout(
            value.rollout_costs(),
            **stretch,
            window=_read(Window, _money(given).get("window")),
            horizon_months=value.horizon_months,
            customers=value.rollout.customers if value.rollout else None,
        )
    return break_even(
        costing,
        money_per_unit=float(value.money_per_unit),
        hurdle_rate=float(value.hurdle_rate),
        contacts=assumed.contacts,
    )


def _days(given: Mapping[str, Any]) -> Stretch | None:
    header = _section(given, "pilot")
    return _read(Stretch, {key: header.get(key) for key in ("starts_on", "ends_on")})


def _money(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The metric that carries the money, as far as it is written."""
    name = _section(given, "value").get("metric")
    metrics = _metrics(given)
    return next((one for one in metrics if one.get("name") == name), metrics[0] if metrics else {})


def _unit(given: Mapping[str, Any]) -> Unit:
    money = _money(given)
    name = str(money.get("name") or "units")
    return Unit.of(kind_of(given), money.get("unit") or None, name=name)


def _money_unit(given: Mapping[str, Any]) -> str:
    return str(_money(given).get("unit") or _section(given, "value").get("currency") or "")


def _metrics(given: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for one in given.get("metrics") or [] if isinstance(one, dict)]


def _section(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    said = given.get(name)
    return said if isinstance(said, dict) else {}


def _read(kind: type[AnyModel], given: Any) -> AnyModel | None:
    try:
        return kind.model_validate(given)
    except ValidationError:
        return None
