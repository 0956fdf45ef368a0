"""The nouns that every stage shares: a plan and what it consists of.

The models check themselves when they are built, so a `Plan` in hand is a valid plan. They are
shaped like the pilot file (see `experiments.plan.pilot_file`), so that file, web form and API
fill one and the same thing.
"""

from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from experiments.design import Design
from experiments.terms import (
    CONTACT,
    Basis,
    CheckName,
    Count,
    Currency,
    DayCount,
    DesignKind,
    Direction,
    Exact,
    Goal,
    LifetimeValue,
    Look,
    MetricKind,
    Money,
    Name,
    Part,
    Role,
    Slug,
    Stretch,
    Text,
    VerdictOn,
    nearest,
)


class Header(Stretch):
    """Who believes what about which program, and when."""

    name: Name
    slug: Slug
    goal: Goal
    hypothesis: Text
    owner: Name
    sponsor: Name


class Window(Part):
    """Days after enrolment: day `days[0]` to day `days[1] - 1`; day 0 is the enrolment day."""

    days: tuple[Annotated[DayCount, Field(ge=0)], Annotated[DayCount, Field(gt=0)]]

    @property
    def length(self) -> int:
        """How many days it has."""
        return self.days[1] - self.days[0]

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        if self.days[1] <= self.days[0]:
            raise ValueError(f"days = {list(self.days)} holds no day; write [first, last + 1]")
        return self


class Cap(Part):
    """A customer's number is cut at a value, or at a percentile of all arms together."""

    percentile: Annotated[Exact, Field(gt=0, lt=100)] | None = None
    value: Annotated[Exact, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if (self.percentile is None) == (self.value is None):
            raise ValueError("a cap is either a percentile or a value")
        return self


def _or_absent(asked: bool | None) -> bool | None:
    """Absent, not false: a plan of before the key was known keeps its fingerprint."""
    return asked or None


class Metric(Part):
    """A question about customers' behavior."""

    name: Name
    kind: MetricKind
    measure: Name
    unit: Name | None = None
    role: Role
    direction: Direction = Direction.UP
    covariates: tuple[Name, ...] = ()
    window: Window | None = None
    pre_days: Annotated[DayCount, Field(gt=0)] | None = None
    cap: Cap | None = None
    at_least: Count | None = None
    denominator: Name | None = None
    active_days: Annotated[DayCount, Field(gt=0)] | None = None
    tolerance: Annotated[Exact, Field(ge=0)] | None = None
    tolerance_relative: Annotated[Exact, Field(ge=0)] | None = None
    bootstrap: Annotated[bool | None, AfterValidator(_or_absent)] = None

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures whose rows the metric reads."""
        return (self.measure,) if self.denominator is None else (self.measure, self.denominator)

    @model_validator(mode="after")
    def _keys_fit_the_kind(self) -> Self:
        needs = {MetricKind.RATIO: "denominator", MetricKind.RETENTION: "active_days"}
        for kind, key in needs.items():
            if self.kind is kind and getattr(self, key) is None:
                raise ValueError(f'kind = "{kind}" needs {key}')
            if self.kind is not kind and getattr(self, key) is not None:
                raise ValueError(f'{key} is for kind = "{kind}" only')
        if self.at_least is not None and self.kind is not MetricKind.RATE:
            raise ValueError('at_least is for kind = "rate" only')
        if self.cap is not None and self.kind is not MetricKind.MEAN:
            raise ValueError('a cap is for kind = "mean" only')
        if self.bootstrap and self.kind is not MetricKind.MEAN:
            raise ValueError('bootstrap is for kind = "mean" only')
        if self.denominator is not None and self.denominator == self.measure:
            raise ValueError("a ratio divides two measures; measure and denominator are the same")
        if self.window and self.active_days and self.active_days >= self.window.length:
            raise ValueError(
                f"active_days = {self.active_days} must be shorter than the window, which has "
                f"{self.window.length} days"
            )
        tolerances = (self.tolerance, self.tolerance_relative)
        given = sum(tolerance is not None for tolerance in tolerances)
        if self.role is Role.GUARDRAIL and given != 1:
            raise ValueError("a guardrail needs tolerance or tolerance_relative, one of the two")
        if self.role is not Role.GUARDRAIL and given:
            raise ValueError('a tolerance is for role = "guardrail" only')
        return self


class Segment(Part):
    """An attribute whose levels are looked at one by one."""

    attribute: Name


class PhaseGoal(Part):
    """What a phase wants to reach."""

    metric: Name
    target: Exact
    direction: Direction = Direction.UP


class Phase(Stretch):
    """A stretch of the pilot with an owner and goals."""

    name: Name
    owner: Name | None = None
    goals: tuple[PhaseGoal, ...] = ()


class Waiver(Part):
    """A check whose failure somebody accepts, by name and with a reason."""

    check: CheckName
    reason: Text
    by: Name


class Costs(Part):
    """What the program costs, in the plan's currency.

    Attributes:
        cost_fixed: Once.
        cost_per_treated: Per customer in a treatment group.
        cost_per_contact: Per contact: the values of the measure `contact`, added up.
        cost_per_month: Per month of the whole program.
    """

    cost_fixed: Money = Decimal(0)
    cost_per_treated: Money = Decimal(0)
    cost_per_contact: Money = Decimal(0)
    cost_per_month: Money = Decimal(0)


class Rollout(Part):
    """The program at full scale; a cost that is left out is the pilot's."""

    customers: Count
    cost_fixed: Money | None = None
    cost_per_treated: Money | None = None
    cost_per_contact: Money | None = None
    cost_per_month: Money | None = None


class Value(Part):
    """How behavior becomes money, and what the money must beat."""

    currency: Currency
    metric: Name
    margin_rate: Annotated[Exact, Field(gt=0, le=1)] | None = None
    value_per_unit: Annotated[Exact, Field(gt=0)] | None = None
    hurdle_rate: Money = Decimal(0)
    pilot: Costs = Costs()
    cost_of_experiment: Money = Decimal(0)
    basis: Basis = Basis.PILOT
    verdict_on: VerdictOn = VerdictOn.OBSERVED
    ltv: LifetimeValue = LifetimeValue.NONE
    horizon_months: Annotated[int, Field(gt=0, le=600)] = 24
    discount_rate: Annotated[Exact, Field(ge=0, lt=10)] = Decimal("0.10")
    persistence_months: Annotated[int, Field(ge=0, le=600)] = 0
    rollout: Rollout | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, given: Any) -> Any:
        """Move costs written beside `currency` into `pilot`; choose the basis that was not said."""
        if not isinstance(given, dict):
            return given
        short = {key: given[key] for key in Costs.model_fields if key in given}
        kept = {key: value for key, value in given.items() if key not in short}
        pilot = kept.get("pilot", {})
        if short and isinstance(pilot, dict):
            twice = sorted(set(short) & set(pilot))
            if twice:
                raise ValueError(f"{twice[0]} is given in [value] and again in [value.pilot]")
            kept["pilot"] = {**pilot, **short}
        if "basis" not in kept and kept.get("rollout") is not None:
            kept["basis"] = Basis.ROLLOUT
        return kept

    @model_validator(mode="after")
    def _money_has_one_source(self) -> Self:
        if (self.margin_rate is None) == (self.value_per_unit is None):
            raise ValueError(
                "give margin_rate (the metric is money) or value_per_unit (it counts something)"
            )
        if self.basis is Basis.ROLLOUT and self.rollout is None:
            raise ValueError('basis = "rollout" needs [value.rollout] with customers')
        return self

    @property
    def money_per_unit(self) -> Decimal:
        """Margin that one unit of the metric is worth."""
        rate = self.margin_rate if self.margin_rate is not None else self.value_per_unit
        assert rate is not None  # noqa: S101 - the validator above leaves exactly one
        return rate

    def rollout_costs(self) -> Costs:
        """The costs at roll-out: what the plan says, else what the pilot costs."""
        if self.rollout is None:
            return self.pilot
        said = {key: getattr(self.rollout, key) for key in Costs.model_fields}
        return self.pilot.model_copy(update={k: v for k, v in said.items() if v is not None})


class Plan(Part):
    """A pilot as planned: what is believed, what would prove it, what it costs, who answers."""

    pilot: Header
    design: Design
    metrics: Annotated[tuple[Metric, ...], Field(min_length=1)]
    segments: tuple[Segment, ...] = ()
    phases: tuple[Phase, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    value: Value

    @property
    def money_metric(self) -> Metric:
        """The primary metric that carries money."""
        return next(metric for metric in self.metrics if metric.name == self.value.metric)

    @property
    def confidence(self) -> float:
        """Of every two-sided interval: one minus alpha."""
        return float(1 - self.design.alpha)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        for what, names in (
            ("metric", [metric.name for metric in self.metrics]),
            ("segment", [segment.attribute for segment in self.segments]),
        ):
            # Capitals do not tell two names apart: the query engine does not heed them either.
            folded = [name.casefold() for name in names]
            twice = [name for name in names if folded.count(name.casefold()) > 1]
            if twice:
                raise ValueError(f"{what} {twice[0]!r} is there twice; give each its own name")
        return self

    @model_validator(mode="after")
    def _bootstrap_fits_the_design(self) -> Self:
        """The bootstrap draws customers one by one, as a randomized design assigns them."""
        asked = [metric.name for metric in self.metrics if metric.bootstrap]
        if asked and self.design.kind is not DesignKind.RANDOMIZED:
            raise ValueError(
                f"metric {asked[0]!r} has bootstrap = true, which is for design kind = "
                f'"randomized" only; remove it'
            )
        return self

    @model_validator(mode="after")
    def _looks_fit_the_windows(self) -> Self:
        """The designs with several looks need customers whose windows close one after the other."""
        design, ends_on = self.design, self.pilot.ends_on
        if design.look is Look.ALWAYS_VALID:
            growing = [metric.name for metric in self.metrics if metric.window is None]
            if growing:
                raise ValueError(
                    f'look = "always_valid" reads customers whose days are over, one after the '
                    f"other; metric {growing[0]!r} has no window, so that everybody's days end "
                    f'together. Give it window = {{ days = [0, 30] }}, or use "group_sequential"'
                )
        if design.looks and design.looks[0] < self.pilot.starts_on:
            raise ValueError(
                f"the first look, {design.looks[0]}, is before the pilot starts on "
                f"{self.pilot.starts_on}"
            )
        if design.looks and self.money_metric.window is None and design.looks[-1] != ends_on:
            raise ValueError(
                f"the last look, {design.looks[-1]}, must be the last day of the pilot, {ends_on}, "
                f"because the window of {self.money_metric.name!r} runs until then"
            )
        return self

    @model_validator(mode="after")
    def _phases_fit_the_pilot(self) -> Self:
        first, last = self.pilot.starts_on, self.pilot.ends_on
        # Contacts are no outcome, so that a fixed design may judge a phase on them before the end.
        known = [*(metric.name for metric in self.metrics), CONTACT]
        for phase in self.phases:
            if phase.starts_on < first or phase.ends_on > last:
                raise ValueError(
                    f"phase {phase.name!r} runs from {phase.starts_on} to {phase.ends_on}, outside "
                    f"the pilot, which runs from {first} to {last}"
                )
            for goal in phase.goals:
                if goal.metric not in known:
                    raise ValueError(
                        f"a goal of phase {phase.name!r} has metric = {goal.metric!r}, which the "
                        f"plan does not have; {nearest(goal.metric, known)}"
                    )
                if goal.metric != CONTACT and phase.ends_on < self._first_seen_through:
                    raise ValueError(
                        f"a goal of phase {phase.name!r} judges {goal.metric!r} when it ends on "
                        f"{phase.ends_on}, but outcomes may not be looked at before the days "
                        f"through {self._first_seen_through} are over; set a goal for "
                        f"{CONTACT!r}, or plan a look for then"
                    )
        return self

    @property
    def _first_seen_through(self) -> date:
        """The last day that the first permitted look can take in, at the earliest."""
        if self.design.look is Look.GROUP_SEQUENTIAL:
            return self.design.looks[0]
        window = self.money_metric.window
        if self.design.look is Look.FIXED or window is None:
            return self.pilot.ends_on
        return min(self.pilot.ends_on, self.pilot.starts_on + timedelta(days=window.days[1] - 1))

    @model_validator(mode="after")
    def _money_is_a_primary(self) -> Self:
        names = [metric.name for metric in self.metrics]
        if self.value.metric not in names:
            raise ValueError(
                f"value.metric = {self.value.metric!r} is none of the metrics: {', '.join(names)}"
            )
        money = self.money_metric
        if money.role is not Role.PRIMARY:
            raise ValueError(f"metric {money.name!r} carries the money, so its role is primary")
        if money.cap is not None:
            raise ValueError(
                f"metric {money.name!r} carries the money, so it has no cap; "
                f"a capped metric of the same measure may stand beside it"
            )
        if money.direction is not Direction.UP:
            raise ValueError(
                f"metric {money.name!r} carries the money, so more of it is better and its "
                f'direction is "up"; let the metric count what is gained (such as customers kept)'
            )
        if money.kind in (MetricKind.RATIO, MetricKind.LATEST):
            raise ValueError(
                f"metric {money.name!r} is of kind {money.kind}, which has no amount per customer "
                f"that cost could be set against; let a mean, rate or count carry the money, and "
                f"the {money.kind} stand beside it"
            )
        if (self.value.margin_rate is not None) != (money.kind is MetricKind.MEAN):
            raise ValueError(
                f"margin_rate goes with kind = mean, value_per_unit with rate or count; "
                f"metric {money.name!r} is of kind {money.kind}"
            )
        return self
