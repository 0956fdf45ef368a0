"""Compare the arms of a plain table by the methods of the verdicts, all segments at once."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, Literal

import ibis
import ibis.expr.types as ir

from experiments.behavior.frames import Frame, sum_up
from experiments.errors import BadInput, Problem, Undefined
from experiments.notebook.effects import Effect, Effects
from experiments.stats.estimate import Difference, Interval
from experiments.stats.fieller import Ratio
from experiments.stats.lift import adjusted_lift, fieller_lift_many
from experiments.stats.lin import LinEstimate, lin_many
from experiments.stats.many import ManyMoments, Samples
from experiments.stats.means import welch_many
from experiments.stats.moments import Moments, Sample
from experiments.stats.rates import Share, Shares, newcombe_many, pooled_z_many
from experiments.stats.ratio import linearised

Kind = Literal["mean", "rate"] | tuple[str, str]


def compare(
    data: Any,
    *,
    arm: str,
    control: str,
    metrics: Mapping[str, Kind],
    covariates: Sequence[str] = (),
    by: Sequence[str] = (),
    confidence: float = 0.95,
) -> Effects:
    """Compare every arm with the control arm.

    Args:
        data: A row per customer: pandas, Polars, Arrow, a mapping of columns, or an Ibis table.
        arm: Column of the arm.
        control: The arm that was held back.
        metrics: By name of a column, "mean" or "rate" (0 or 1); by any name, a pair of columns
            for a sum over a sum.
        covariates: Columns known before the start; a second effect of each metric adjusts for them.
        by: Columns whose levels are compared one by one beside all customers together.
        confidence: Of the intervals, between 0 and 1.

    Raises:
        BadInput: A column is missing or holds what is no number, or the control arm has no row.

    Example:
        >>> visits = {"arm": list("ttttcccc"), "spend": [9.5, 4, 8, 7, 2, 4, 3, 4],
        ...     "visits": [2, 1, 2, 1, 1, 2, 1, 1], "before": [5, 1, 4, 3, 1, 3, 2, 3]}
        >>> compare(visits, arm="arm", control="c", covariates=["before"],
        ...     metrics={"spend": "mean", "basket": ("spend", "visits")})
        metric  method  customers  treatment  control  effect  95 % interval     p       lift
        spend   welch   4 : 4      7.125      3.250    3.875   0.3839 to 7.366   0.0369  +119.2%
        spend   lin     4 : 4      6.446      3.750    2.696   1.839 to 3.553    0.0054  +71.9%
        basket  delta   4 : 4      4.750      2.600    2.150   0.4070 to 3.893   0.0236  +82.7%
        basket  lin     4 : 4      4.750      2.716    2.034   -0.3999 to 4.467  0.0805  +74.9%
        Treatment minus control, from exact sums. Under 20 customers per covariate: read no lin.
    """
    outcomes = {
        name: kind if isinstance(kind, tuple) else (name,) for name, kind in metrics.items()
    }
    _refuse(metrics, outcomes, covariates)
    frame = sum_up(
        _without_booleans(data, {*covariates}.union(*outcomes.values()) - {arm, *by}),
        arm=arm,
        families=[(*columns, *covariates) for columns in outcomes.values()],
        shares=[name for name, kind in metrics.items() if kind == "rate"],
        by=by,
    )
    effects: list[Effect] = []
    for name, columns in outcomes.items():
        pairs = _pairs(frame, (*columns, *covariates), control=control)
        metric = _Metric(name, metrics[name], columns, tuple(covariates), confidence)
        effects += metric.effects(pairs)
    return Effects(tuple(effects), confidence, frame.exact)


def _without_booleans(data: Any, names: Collection[str]) -> Any:
    """An Ibis table in some columns of which yes and no are 1 and 0; other data as they are."""
    if not isinstance(data, ir.Table):
        return data
    # Spelled out, because PostgreSQL casts no boolean to a decimal.
    return data.mutate(
        [
            ibis.cases((data[name], 1), (~data[name], 0)).name(name)
            for name in data.columns
            if name in names and isinstance(data[name], ir.BooleanColumn)
        ]
    )


def _refuse(
    metrics: Mapping[str, Kind], outcomes: Mapping[str, Sequence[str]], covariates: Sequence[str]
) -> None:
    problems = [
        Problem(repr(name), f'is neither "mean", "rate" nor a pair of columns but {kind!r}')
        for name, kind in metrics.items()
        if kind not in ("mean", "rate") and not (isinstance(kind, tuple) and len(kind) == 2)
    ]
    problems += [
        Problem(repr(name), f"cannot adjust for {column!r}, of which it is made")
        for name, columns in outcomes.items()
        for column in columns
        if column in covariates
    ]
    if problems or not metrics:
        raise BadInput("Metrics cannot be compared:", problems)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two groups of customers."""

    segment: str | None
    level: str | None
    arms: tuple[str, str]
    groups: tuple[Moments, Moments]


def _pairs(frame: Frame, family: tuple[str, ...], *, control: str) -> list[_Pair]:
    """Every other arm against control: overall, then in each level of each attribute."""
    overall = frame.overall[family]
    if control not in overall:
        raise BadInput(f"No row has the arm {control!r}; there are {', '.join(overall)}.")
    nobody = Moments.from_sums(family, n=0, sums=[], products=[])
    treatments = [arm for arm in overall if arm != control]
    if not treatments:
        raise BadInput(f"Every row has the arm {control!r}, so that there is nothing to compare.")
    found = [
        _Pair(None, None, (arm, control), (overall[arm], overall[control])) for arm in treatments
    ]
    for segment, families in frame.by_level.items():
        cells = families[family]
        found += [
            _Pair(
                segment,
                level,
                (arm, control),
                (cells.get((level, arm), nobody), cells.get((level, control), nobody)),
            )
            for arm in treatments
            for level in dict.fromkeys(level for level, _ in cells)
        ]
    return found


@dataclass(frozen=True, slots=True)
class _Found:
    """What a method says of a pair."""

    mean_treatment: float | Undefined
    mean_control: float | Undefined
    difference: Difference | Undefined
    lift: Ratio | Undefined
    adjusted_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Metric:
    """How one metric is compared."""

    name: str
    kind: Kind
    columns: tuple[str, ...]
    covariates: tuple[str, ...]
    confidence: float

    @property
    def _outcome(self) -> str:
        """The variable that is compared."""
        return " per ".join(self.columns)

    def effects(self, pairs: Sequence[_Pair]) -> Iterator[Effect]:
        """The unadjusted effect of each pair, and after it the adjusted one."""
        treated = [self._with_outcome(pair.groups[0], "treatment") for pair in pairs]
        controls = [self._with_outcome(pair.groups[1], "control") for pair in pairs]
        unadjusted = self._rates(pairs) if self.kind == "rate" else self._means(treated, controls)
        method = {"mean": "welch", "rate": "newcombe"}.get(str(self.kind), "delta")
        adjusted = self._adjusted(treated, controls) if self.covariates else ()
        for pair, found, more in zip_longest(pairs, unadjusted, adjusted):
            yield self._effect(pair, method, found)
            if more is not None:
                yield self._effect(pair, "lin", more)

    def _with_outcome(self, group: Moments, side: str) -> Moments | Undefined:
        """The group with the outcome as its first variable."""
        if len(self.columns) == 1:
            return group
        top, bottom = self.columns
        found = linearised(group, name=self._outcome, numerator=top, denominator=bottom)
        if isinstance(found, Undefined):
            return Undefined(f"in the {side} group {found.reason}")
        return found

    def _means(
        self, treated: Sequence[Moments | Undefined], controls: Sequence[Moments | Undefined]
    ) -> Iterator[_Found]:
        one, other = (
            Samples.of([_sample(group) for group in groups]) for groups in (treated, controls)
        )
        gaps = welch_many(treatment=one, control=other, confidence=self.confidence)
        lifts = fieller_lift_many(treatment=one, control=other, confidence=self.confidence)
        for at, groups in enumerate(zip(treated, controls, strict=True)):
            missing = next((group for group in groups if isinstance(group, Undefined)), None)
            yield _Found(
                mean_treatment=_mean(groups[0]),
                mean_control=_mean(groups[1]),
                difference=gaps[at] if missing is None else missing,
                lift=lifts[at] if missing is None else missing,
            )

    def _rates(self, pairs: Sequence[_Pair]) -> Iterator[_Found]:
        samples = [[_sample(group) for group in pair.groups] for pair in pairs]
        shares = [
            [Share(round(sample.n * sample.mean), sample.n) for sample in both] for both in samples
        ]
        one, other = (Shares.of([both[side] for both in shares]) for side in (0, 1))
        tests = pooled_z_many(treatment=one, control=other, confidence=self.confidence)
        intervals = newcombe_many(treatment=one, control=other, confidence=self.confidence)
        lifts = fieller_lift_many(
            treatment=Samples.of([both[0] for both in samples]),
            control=Samples.of([both[1] for both in samples]),
            confidence=self.confidence,
        )
        for at, (treated, controls) in enumerate(shares):
            found, interval = tests[at], intervals[at]
            if isinstance(found, Difference) and isinstance(interval, Interval):
                found = replace(found, low=interval.low, high=interval.high)
            yield _Found(treated.rate, controls.rate, found, lifts[at])

    def _adjusted(
        self, treated: Sequence[Moments | Undefined], controls: Sequence[Moments | Undefined]
    ) -> Iterator[_Found]:
        known = [
            (one, other)
            for one, other in zip(treated, controls, strict=True)
            if isinstance(one, Moments) and isinstance(other, Moments)
        ]
        stacked = [
            ManyMoments.of([both[side] for both in known], [self._outcome, *self.covariates])
            for side in (0, 1)
        ]
        estimates = lin_many(treatment=stacked[0], control=stacked[1], confidence=self.confidence)
        at = 0
        for one, other in zip(treated, controls, strict=True):
            if isinstance(one, Undefined):
                yield _nothing(one)
            elif isinstance(other, Undefined):
                yield _nothing(other)
            else:
                yield self._of_lin(estimates[at])
                at += 1

    def _of_lin(self, found: LinEstimate | Undefined) -> _Found:
        if isinstance(found, Undefined):
            return _nothing(found)
        return _Found(
            mean_treatment=found.treatment_mean,
            mean_control=found.control_mean,
            difference=found.difference,
            lift=adjusted_lift(found, confidence=self.confidence),
            adjusted_for=found.covariates,
        )

    def _effect(self, pair: _Pair, method: str, found: _Found) -> Effect:
        return Effect(
            metric=self.name,
            segment=pair.segment,
            level=pair.level,
            treatment=pair.arms[0],
            control=pair.arms[1],
            method=method,
            n_treatment=pair.groups[0].n,
            n_control=pair.groups[1].n,
            mean_treatment=found.mean_treatment,
            mean_control=found.mean_control,
            difference=found.difference,
            lift=found.lift,
            adjusted_for=found.adjusted_for,
        )


def _nothing(missing: Undefined) -> _Found:
    return _Found(missing, missing, missing, missing)


def _sample(group: Moments | Undefined) -> Sample:
    return group.sample(group.names[0]) if isinstance(group, Moments) else Sample(0, 0.0, 0.0)


def _mean(group: Moments | Undefined) -> float | Undefined:
    if isinstance(group, Undefined):
        return group
    return group.means[0] if group.n else Undefined("there is no customer")
