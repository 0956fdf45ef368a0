"""Other methods beside the headline of a rate, from counts alone."""

from collections.abc import Sequence
from typing import TypedDict

from experiments.analyse.detail import Detail, Subject
from experiments.errors import Undefined
from experiments.stats.bayes_rates import bayes_rates
from experiments.stats.estimate import Interval
from experiments.stats.exact import fisher_exact
from experiments.stats.mantel_haenszel import (
    Stratum,
    cochran_mantel_haenszel,
    pooled_odds_ratio,
    pooled_risk_difference,
    pooled_risk_ratio,
)
from experiments.stats.mixture import rate_sequence, stitched_interval
from experiments.stats.rates import Share, pooled_z, rate_difference
from experiments.stats.risk import Association, odds_ratio, risk_ratio
from experiments.stats.score import miettinen_nurminen, score_test

ANY_DAY = "if one had looked any day"
MANTEL_HAENSZEL = "Mantel-Haenszel over the strata of the plan"


class _Pair(TypedDict):
    """Two groups, as every method names them."""

    treatment: Share
    control: Share


def rate_details(
    subject: Subject, *, treatment: Share, control: Share, confidence: float
) -> list[Detail]:
    """Ratios, exact and score readings of two rates.

    Args:
        subject: Metric and treatment.
        treatment: Treated customers.
        control: Control customers.
        confidence: Of the intervals.
    """
    pair = _Pair(treatment=treatment, control=control)
    scored = score_test(**pair, corrected=True)
    return [
        _association(subject, "risk_ratio", risk_ratio(**pair, confidence=confidence)),
        _association(subject, "odds_ratio", odds_ratio(**pair, confidence=confidence)),
        subject.test("fisher_exact", fisher_exact(**pair), "exact test of equal rates"),
        subject.interval(
            "miettinen_nurminen",
            miettinen_nurminen(**pair, confidence=confidence),
            "difference with its score interval and test",
            value=rate_difference(**pair),
            p_value=scored if isinstance(scored, Undefined) else scored.p_value,
        ),
        subject.tested(
            "wald",
            pooled_z(**pair, confidence=confidence),
            "difference with unpooled standard error; pooled z test",
        ),
    ]


def stratified_rate_details(
    subject: Subject, strata: Sequence[Stratum], *, confidence: float
) -> list[Detail]:
    """What the strata of a plan say together of two rates."""
    tested = cochran_mantel_haenszel(strata)
    return [
        subject.tested(
            "mantel_haenszel_difference",
            pooled_risk_difference(strata, confidence=confidence),
            f"difference of rates, {MANTEL_HAENSZEL}",
        ),
        subject.tested(
            "mantel_haenszel_risk_ratio",
            pooled_risk_ratio(strata, confidence=confidence),
            f"risk ratio, {MANTEL_HAENSZEL}",
        ),
        subject.tested(
            "mantel_haenszel_odds_ratio",
            pooled_odds_ratio(strata, confidence=confidence),
            f"odds ratio, {MANTEL_HAENSZEL}",
        ),
        subject.test(
            "cochran_mantel_haenszel",
            tested if isinstance(tested, Undefined) else tested.p_value,
            "equal rates in every stratum",
        ),
    ]


def posterior_detail(
    subject: Subject, *, treatment: Share, control: Share, confidence: float
) -> Detail:
    """What to believe of the difference of two rates, before which nothing was believed."""
    found = bayes_rates(treatment=treatment, control=control, credible=confidence)
    if isinstance(found, Undefined):
        return subject.missing("beta_binomial", found, "posterior difference of rates")
    better = found.treatment.probability_best
    return subject.interval(
        "beta_binomial",
        Interval(found.low, found.high),
        f"posterior mean and credible interval of the difference of rates, uniform priors; the "
        f"treatment's rate is the higher one with probability {better:.4g}",
        value=found.mean,
    )


def rate_sequences(
    subject: Subject, *, treatment: Share, control: Share, alpha: float, tuned_n: float
) -> list[Detail]:
    """Limits of each rate that hold at all times.

    Args:
        subject: Metric and treatment.
        treatment: Treated customers.
        control: Control customers.
        alpha: Probability that a limit ever fails.
        tuned_n: Customers of one group at which the limits are about tightest.
    """
    found = []
    for side, share in (("treatment", treatment), ("control", control)):
        limits = {
            "beta_binomial_sequence": rate_sequence(
                successes=share.events, n=share.n, tuned_n=tuned_n, alpha=alpha
            ),
            "stitched_sequence": stitched_interval(
                mean=share.rate or 0.0, n=share.n, low=0.0, high=1.0, alpha=alpha
            ),
        }
        found += [
            subject.interval(
                f"{name}_{side}", one, f"rate of the {side} group, {ANY_DAY}", value=share.rate
            )
            for name, one in limits.items()
        ]
    return found


def _association(subject: Subject, name: str, found: Association | Undefined) -> Detail:
    """A ratio, with its score interval where a cell without customers has no logarithm."""
    said = name.replace("_", " ")
    if isinstance(found, Undefined):
        return subject.missing(name, found, said)
    if isinstance(found.log, Undefined):
        return subject.interval(name, found.score, f"{said}, score interval", value=found.value)
    return subject.interval(
        name,
        Interval(found.log.low, found.log.high),
        f"{said}, interval and test on the scale of its logarithm",
        value=found.value,
        p_value=found.log.p_value,
    )
