"""D's careful interval, where skewed spending or few clusters may put the usual one off.

Two readings, and what both of them hold counts. Hall's correction from the third moments, or where
the plan asks the bootstrap-t on rows, heeds the skewness that a group shows. One spread for both
groups (Student; ANCOVA where the headline adjusts) heeds what it does not show: a small group that
lacks its few large customers has a low mean and a small spread together. Few clusters are read with
one spread, and with the degrees of freedom of the smaller side. How often the rule proves what is
not there is in `tests/studies/RESULTS.md`.

All give limits of the money metric, which are moved to D: costs are constant or nearly so.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.analyse.analysis import Analysis
from experiments.analyse.comparison import COMBINED, Comparison, overall
from experiments.analyse.estimate import Estimate, Method
from experiments.analyse.estimates import headline_of
from experiments.analyse.variables import Outcome
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.stats.ancova import ancova
from experiments.stats.bootstrap import BootstrapT
from experiments.stats.estimate import Difference, Interval
from experiments.stats.limits import quantile
from experiments.stats.means import student
from experiments.stats.moments import Moments, Sample
from experiments.stats.skew import hall, needs_skewness_correction
from experiments.value.contrast import Value

# From so many clusters on each side both readings hardly differ from the headline's.
ENOUGH_FOR_TWO_SPREADS = 40


@dataclass(frozen=True, slots=True)
class _Money:
    """The money metric of one treatment, as the headline reads it."""

    comparison: Comparison
    headline: Estimate
    difference: Difference
    outcome: Outcome
    confidence: float


def careful_interval(
    plan: Plan, analysis: Analysis, treatment: str, value: Value | Undefined
) -> Interval | None:
    """D's interval that heeds skewness or few clusters; None where neither asks for one."""
    money = _money(plan, analysis, treatment)
    if money is None or isinstance(value, Undefined):
        return None
    readings = (
        _few_clusters(money) if money.comparison.clustered else _skewed(plan, analysis, money)
    )
    if not readings:
        return None
    # The widest limits, relative to those of the headline, in units of its half-widths.
    difference = money.difference
    below = difference.value - min(one.low for one in readings)
    above = max(one.high for one in readings) - difference.value
    half = (difference.high - difference.low) / 2
    half_contrast = (value.contrast.high - value.contrast.low) / 2
    return Interval(
        value.contrast.value - below / half * half_contrast,
        value.contrast.value + above / half * half_contrast,
    )


def _money(plan: Plan, analysis: Analysis, treatment: str) -> _Money | None:
    """What decides, where a mean or a count of customers or of clusters does."""
    metric, evidence = plan.value.metric, analysis.evidence
    headline = headline_of(analysis.estimates, metric=metric, treatment=treatment)
    if headline is None or evidence is None or isinstance(headline.difference, Undefined):
        return None
    if headline.method is Method.NEWCOMBE:
        return None  # its interval follows the skewness of a rate by itself
    if headline.method is Method.WEIGHTED_CHANGES:
        return None  # weighted customers have not the third moments that everybody has
    comparison = overall(plan, evidence, treatment, metric=metric)
    if comparison is None:
        return None
    return _Money(
        comparison, headline, headline.difference, evidence.outcomes[metric], analysis.confidence
    )


def _skewed(plan: Plan, analysis: Analysis, money: _Money) -> list[Interval]:
    """Hall's interval or the bootstrap's, and that with one spread; none where none is needed."""
    variable = money.outcome.variable
    treated, controls = (
        sums.moments([variable]).sample(variable)
        for sums in (money.comparison.treatment, money.comparison.control)
    )
    skewed = any(needs_skewness_correction(arm) for arm in (treated, controls))
    found: list[Interval | Undefined | None] = []
    if plan.money_metric.bootstrap:
        found.append(_resampled(plan, analysis, money))
    elif skewed:
        found.append(
            hall_after_adjustment(
                value=money.difference.value,
                se=money.difference.se,
                control_variance=money.difference.control_variance,
                treatment=treated,
                control=controls,
                confidence=money.confidence,
            )
        )
    if skewed:
        found.append(_one_spread(money))
    return [one for one in found if isinstance(one, Interval)]


def _resampled(plan: Plan, analysis: Analysis, money: _Money) -> Interval | None:
    """The quantiles of the bootstrap-t, at the spread that the headline has after adjustment."""
    found = analysis.resampled.get(plan.value.metric, {}).get(money.comparison.treatment_arm)
    if not isinstance(found, BootstrapT):
        return None
    value, se = money.difference.value, money.difference.se
    below, above = (found.value - found.low) / found.se, (found.high - found.value) / found.se
    return Interval(value - below * se, value + above * se)


def _one_spread(money: _Money) -> Interval | Undefined:
    """The difference with one spread for both groups, adjusted where the headline is."""
    adjusting = money.headline.adjusted_for if money.headline.method is Method.LIN else ()
    comparison, weights = money.comparison, {money.outcome: 1.0}
    treatment = comparison.combined(comparison.treatment, weights, keeping=adjusting)
    control = comparison.combined(comparison.control, weights, keeping=adjusting)
    if isinstance(treatment, Undefined):
        return treatment
    if isinstance(control, Undefined):
        return control
    return one_spread(
        treatment=treatment, control=control, covariates=adjusting, confidence=money.confidence
    )


def _few_clusters(money: _Money) -> list[Interval]:
    """With one spread, and with the smaller side's degrees of freedom, where clusters are few."""
    clusters = min(money.comparison.treatment.n, money.comparison.control.n)
    careful = smaller_side(
        value=money.difference.value,
        se=money.difference.se,
        clusters=clusters,
        confidence=money.confidence,
    )
    if careful is None:
        return []
    common = _one_spread(money)
    return [careful, common] if isinstance(common, Interval) else [careful]


def hall_after_adjustment(
    *,
    value: float,
    se: float,
    control_variance: float,
    treatment: Sample,
    control: Sample,
    confidence: float,
) -> Interval | Undefined:
    """Hall's interval at the value and the spread of a difference that may be adjusted.

    Args:
        value: The difference.
        se: Its standard error.
        control_variance: The part of `se` squared that the control group contributes.
        treatment: The treated customers' numbers, of which size and skewness are taken.
        control: The same of the control customers.
        confidence: Of the interval.
    """
    of_treated = se**2 - control_variance
    return hall(
        treatment=Sample(treatment.n, value, of_treated * treatment.n, treatment.skewness),
        control=Sample(control.n, 0.0, control_variance * control.n, control.skewness),
        confidence=confidence,
    )


def one_spread(
    *, treatment: Moments, control: Moments, covariates: Sequence[str], confidence: float
) -> Interval | Undefined:
    """The difference with one spread for both groups: ANCOVA, without covariates Student.

    Args:
        treatment: Moments of `combined` and the covariates in the treatment group.
        control: The same of the control group.
        covariates: Variables that adjust.
        confidence: Of the interval.
    """
    found = (
        ancova(
            treatment=treatment,
            control=control,
            outcome=COMBINED,
            covariates=covariates,
            confidence=confidence,
        )
        if covariates
        else student(
            treatment=treatment.sample(COMBINED),
            control=control.sample(COMBINED),
            confidence=confidence,
        )
    )
    return found if isinstance(found, Undefined) else Interval(found.low, found.high)


def smaller_side(*, value: float, se: float, clusters: int, confidence: float) -> Interval | None:
    """The difference with the smaller side's degrees of freedom; None where clusters are many.

    Args:
        value: The difference between clusters.
        se: Its standard error.
        clusters: Of the smaller side.
        confidence: Of the interval.
    """
    if not 2 <= clusters < ENOUGH_FOR_TWO_SPREADS:
        return None
    reach = quantile(0.5 + confidence / 2, df=clusters - 1) * se
    return Interval(value - reach, value + reach)
