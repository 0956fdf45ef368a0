"""Read several p-values together, so that one chance finding among many is not called proof.

Familywise error: Bonferroni (Dunn 1961, Journal of the American Statistical Association 56:52-64),
Holm (1979), Scandinavian Journal of Statistics 6:65-70, and, for tests that do not hinder one
another, Hochberg (1988), Biometrika 75:800-802. Share of false findings: Benjamini and Hochberg
(1995), Journal of the Royal Statistical Society B 57:289-300; under any dependence Benjamini and
Yekutieli (2001), Annals of Statistics 29:1165-1188.
"""

from collections.abc import Sequence
from enum import StrEnum
from itertools import accumulate

from experiments.errors import BadInput, Undefined


class Correction(StrEnum):
    """How p-values are adjusted for one another."""

    BONFERRONI = "bonferroni"
    HOLM = "holm"
    HOCHBERG = "hochberg"
    BENJAMINI_HOCHBERG = "bh"
    BENJAMINI_YEKUTIELI = "by"


def adjusted(
    p_values: Sequence[float | Undefined], *, correction: Correction
) -> tuple[float | Undefined, ...]:
    """Adjust p-values; a finding holds at level alpha where the adjusted one is at most alpha.

    Args:
        p_values: Of every planned test, each from 0 to 1. One that is Undefined stays so and
            still counts as a test of the family, so that no other gains by its absence.
        correction: Which error is limited.

    Example:
        >>> adjusted([0.01, 0.04, 0.03], correction=Correction.HOLM)
        (0.03, 0.06, 0.06)
    """
    known = [(p, at) for at, p in enumerate(p_values) if not isinstance(p, Undefined)]
    if any(not 0 <= p <= 1 for p, _ in known):
        raise BadInput("A p-value lies between 0 and 1.")
    # An unknown p-value could be as large as 1, so that it ranks last.
    tests = len(p_values)
    ranked = sorted(known)
    factors = [_factor(correction, rank=rank, tests=tests) for rank in range(1, len(ranked) + 1)]
    raised = [min(1.0, factor * p) for (p, _), factor in zip(ranked, factors, strict=True)]
    if correction is Correction.HOLM:
        raised = list(accumulate(raised, max))
    elif correction is not Correction.BONFERRONI:
        raised = list(accumulate(reversed(raised), min))[::-1]
    answers = list(p_values)
    for (_, at), p in zip(ranked, raised, strict=True):
        answers[at] = p
    return tuple(answers)


def found(
    p_values: Sequence[float | Undefined], *, correction: Correction, alpha: float = 0.05
) -> tuple[bool, ...]:
    """Which tests still reject their null hypothesis; an Undefined one never does.

    Example:
        >>> found([0.01, 0.04, 0.03], correction=Correction.BENJAMINI_HOCHBERG)
        (True, True, True)
    """
    return tuple(
        not isinstance(p, Undefined) and p <= alpha
        for p in adjusted(p_values, correction=correction)
    )


def _factor(correction: Correction, *, rank: int, tests: int) -> float:
    """By how much the p-value of a rank, the smallest being 1, is multiplied."""
    if correction is Correction.BONFERRONI:
        return tests
    if correction in (Correction.HOLM, Correction.HOCHBERG):
        return tests - rank + 1
    if correction is Correction.BENJAMINI_HOCHBERG:
        return tests / rank
    return tests / rank * sum(1 / one for one in range(1, tests + 1))
