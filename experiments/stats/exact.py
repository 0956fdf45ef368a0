"""Test whether two rates are equal when there are too few events for a normal test.

Fisher (1935), Journal of the Royal Statistical Society 98:39-82: given both totals, the events
fall on the groups as in a draw without replacement.
"""

from experiments.errors import Undefined
from experiments.stats.estimate import Alternative
from experiments.stats.rates import Share, no_customers


def fisher_exact(
    *,
    treatment: Share,
    control: Share,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> float | Undefined:
    """The p-value of equal rates.

    Two-sided, it is the probability of all tables no more likely than the observed one. Where
    nobody or everybody had the event only one table is possible, and the p-value is 1.

    Example:
        >>> round(fisher_exact(treatment=Share(3, 4), control=Share(1, 4)), 4)
        0.4857
    """
    # Half a second to load, for a detail that few look at.
    from scipy.stats import fisher_exact as scipy_fisher_exact  # noqa: PLC0415

    missing = no_customers(treatment=treatment, control=control)
    if missing is not None:
        return missing
    if treatment.events + control.events in (0, treatment.n + control.n):
        return 1.0
    table = [[share.events, share.n - share.events] for share in (treatment, control)]
    return min(1.0, float(scipy_fisher_exact(table, alternative=alternative.value).pvalue))
