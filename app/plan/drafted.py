"""The parts of a plan that is not complete: each as far as it is written and makes sense."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from experiments.design import Design
from experiments.errors import Undefined
from experiments.pilot import Value, Window
from experiments.plan.break_even import BreakEven, Costing, break_even, window_months
from experiments.plan.horizon import HorizonBreakEven, horizon_break_even
from experiments.plan.power import KINDS
from experiments.report.wording import Unit
from experiments.terms import Basis, MetricKind, Stretch

AnyModel = TypeVar("AnyModel", bound=BaseModel)
HOW_CUSTOMERS_ARE_READ: Final = (
    *("kind", "cluster", "look", "looks", "spending", "spending_parameter", "tuning_n"),
)


def kind_of(given: Mapping[str, Any]) -> MetricKind:
    """The kind of the metric that carries the money; an amount while nobody said."""
    said = money_of(given).get("kind")
    return MetricKind(said) if said in {kind.value for kind in KINDS} else MetricKind.MEAN


def design_of(given: Mapping[str, Any]) -> Design:
    """The design, as far as it makes sense; two halves and one look while it does not."""
    said = section(given, "design")
    arms = [arm or f"treatment {at}" for at, arm in enumerate(said.get("treatments") or [""])]
    parts = {"control": said.get("control") or "control", "treatments": arms}
    for more in (
        (*HOW_CUSTOMERS_ARE_READ, "shares", "alpha"),
        ("shares", "alpha"),
        ("shares",),
        (),
    ):
        keys = {key: said[key] for key in more if key in said}
        design = read_as(Design, {**parts, **keys})
        if design is not None:
            return design
    return Design(control="control", treatments=("treatment",))


def pays_from(
    given: Mapping[str, Any], days: Stretch | None, *, contacts: float | None
) -> BreakEven | Undefined:
    """When the program pays, as far as costs and worth are written."""
    value = value_of(given)
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
            window=read_as(Window, money_of(given).get("window")),
            horizon_months=value.horizon_months,
            customers=value.rollout.customers if value.rollout else None,
        )
    return break_even(
        costing,
        money_per_unit=float(value.money_per_unit),
        hurdle_rate=float(value.hurdle_rate),
        contacts=contacts,
    )


def over_horizon(
    given: Mapping[str, Any], days: Stretch | None, pays_from: BreakEven | Undefined
) -> HorizonBreakEven | Undefined:
    """When it pays over the horizon."""
    value = value_of(given)
    if value is None or days is None:
        return Undefined("say what a unit is worth and the pilot's days")
    return horizon_break_even(
        pays_from,
        window_months=window_months(
            read_as(Window, money_of(given).get("window")),
            starts_on=days.starts_on,
            ends_on=days.ends_on,
        ),
        persistence_months=value.persistence_months,
        horizon_months=value.horizon_months,
        discount_rate=float(value.discount_rate),
    )


def days_of(given: Mapping[str, Any]) -> Stretch | None:
    """The pilot's days."""
    header = section(given, "pilot")
    return read_as(Stretch, {key: header.get(key) for key in ("starts_on", "ends_on")})


def value_of(given: Mapping[str, Any]) -> Value | None:
    """The value section; currency and metric may still be missing."""
    return read_as(Value, {**section(given, "value"), "currency": "EUR", "metric": "money"})


def money_of(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The metric that carries the money, as far as it is written."""
    name = section(given, "value").get("metric")
    metrics = metrics_of(given)
    return next((one for one in metrics if one.get("name") == name), metrics[0] if metrics else {})


def metrics_of(given: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The metrics, as far as they are written."""
    return [one for one in given.get("metrics") or [] if isinstance(one, dict)]


def unit_of(given: Mapping[str, Any]) -> Unit:
    """How numbers of the money metric are said."""
    money = money_of(given)
    name = str(money.get("name") or "units")
    return Unit.of(kind_of(given), money.get("unit") or None, name=name)


def money_unit(given: Mapping[str, Any]) -> str:
    """The unit of the money, empty while nobody said."""
    return str(money_of(given).get("unit") or section(given, "value").get("currency") or "")


def section(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A section of the plan; empty while it is not written."""
    said = given.get(name)
    return said if isinstance(said, dict) else {}


def read_as(kind: type[AnyModel], given: Any) -> AnyModel | None:
    """A part of the plan; None while it is not valid."""
    try:
        return kind.model_validate(given)
    except ValidationError:
        return None
