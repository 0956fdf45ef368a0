"""Compare two means after taking out what one covariate explains, with one slope for both groups.

Deng, Xu, Kohavi and Walker (2013), Improving the Sensitivity of Online Controlled Experiments by
Utilizing Pre-Experiment Data, WSDM. The slope comes from both groups as one, the distance between
their means included.
"""

from dataclasses import dataclass

from experiments.errors import Undefined
from experiments.stats.covariates import both_groups, independent
from experiments.stats.estimate import Alternative, Difference
from experiments.stats.means import welch
from experiments.stats.moments import Moments


@dataclass(frozen=True, slots=True)
class Cuped:
    """A difference of means adjusted for one covariate.

    Attributes:
        difference: Welch's comparison of outcome - theta x (covariate - its mean over both).
        theta: Outcome units per covariate unit.
        variance_reduction: 1 - (se / se of Welch's unadjusted difference)^2.
        treatment_mean: Adjusted mean of the treatment group.
        control_mean: Adjusted mean of the control group.
    """

    difference: Difference
    theta: float
    variance_reduction: float
    treatment_mean: float
    control_mean: float


def cuped(
    *,
    treatment: Moments,
    control: Moments,
    outcome: str,
    covariate: str,
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> Cuped | Undefined:
    """Compare an outcome between groups, adjusted for one covariate.

    Args:
        treatment: Moments of outcome and covariate in the treatment group.
        control: The same in the control group.
        outcome: Name of the outcome.
        covariate: Name of the covariate, known before the pilot.
        confidence: Of the interval, between 0 and 1.
        alternative: One-sided intervals have an infinite limit.

    Example:
        >>> found = cuped(
        ...     treatment=Moments.of(spend=[4.0, 6.0, 9.0], before=[1.0, 2.0, 3.0]),
        ...     control=Moments.of(spend=[2.0, 4.0, 5.0], before=[1.0, 2.0, 3.0]),
        ...     outcome="spend", covariate="before")
        >>> found.theta, round(found.difference.value, 4)
        (2.0, 2.6667)
    """
    pair = (outcome, covariate)
    together = both_groups(treatment=treatment, control=control, names=pair)
    if not independent([together], [covariate]):
        return Undefined(f"{covariate} is the same for every customer, so that it explains nothing")
    theta = together.covariance(*pair) / together.covariance(covariate, covariate)
    weights = {outcome: 1.0, covariate: -theta}
    shift = theta * together.mean(covariate)
    adjusted_treatment = treatment.combine({"adjusted": weights}).sample("adjusted")
    adjusted_control = control.combine({"adjusted": weights}).sample("adjusted")
    found = welch(
        treatment=adjusted_treatment,
        control=adjusted_control,
        confidence=confidence,
        alternative=alternative,
    )
    unadjusted = welch(treatment=treatment.sample(outcome), control=control.sample(outcome))
    if isinstance(found, Undefined):
        return found
    if isinstance(unadjusted, Undefined):
        return unadjusted
    return Cuped(
        difference=found,
        theta=theta,
        variance_reduction=1 - (found.se / unadjusted.se) ** 2,
        treatment_mean=adjusted_treatment.mean + shift,
        control_mean=adjusted_control.mean + shift,
    )
