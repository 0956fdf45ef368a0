"""What the program does to those who got it because they were offered it.

The effect of the offer on the outcome over its effect on receipt. Where no control customer got
it, that is the effect on the treated: Bloom (1984), Evaluation Review 8:225-246. Otherwise it is
the effect on compliers, if the offer kept nobody from receiving: Imbens and Angrist (1994),
Econometrica 62:467-475. Interval: Fieller's, which here is Anderson and Rubin's (1949, Annals of
Mathematical Statistics 20:46-63). A first-stage F below 10 is too weak: Staiger and Stock (1997),
Econometrica 65:557-586.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from experiments.errors import Undefined
from experiments.stats.estimate import Interval
from experiments.stats.fieller import fieller
from experiments.stats.limits import p_value, quantile
from experiments.stats.means import no_spread, variance_of_mean
from experiments.stats.moments import Moments

SMALLEST_F = 10.0


class Whom(StrEnum):
    """On whom an effect is stated."""

    TREATED = "treated"
    COMPLIERS = "compliers"


@dataclass(frozen=True, slots=True)
class ReceiptEffect:
    """The effect of receiving the program, per customer who received it because of the offer.

    Attributes:
        whom: The treated where no control customer received it, otherwise the compliers.
        value: In the unit of the outcome.
        interval: Fieller's; Undefined where it is not finite.
        p_value: Of no effect, by the normal distribution; the offer's own.
        se: By the delta method.
        offer_effect: Treatment mean minus control mean of the outcome.
        receipt_difference: Share that received it, treatment minus control.
        first_stage_f: (receipt_difference / its standard error)^2; infinite where receipt follows
            the assignment exactly.
    """

    whom: Whom
    value: float
    interval: Interval | Undefined
    p_value: float
    se: float
    offer_effect: float
    receipt_difference: float
    first_stage_f: float


def effect_of_receipt(
    *,
    treatment: Moments,
    control: Moments,
    outcome: str,
    receipt: str,
    confidence: float = 0.95,
) -> ReceiptEffect | Undefined:
    """Divide the effect on the outcome by the effect on receipt.

    Args:
        treatment: Moments of outcome and receipt among all customers assigned to treatment.
        control: The same for those assigned to control.
        outcome: Name of the outcome.
        receipt: Name of the indicator of having received the program, 0 or 1.
        confidence: Of the interval, between 0 and 1.

    Returns:
        Undefined where the offer hardly moved receipt (F below 10), or moved it the wrong way.

    Example:
        >>> found = effect_of_receipt(
        ...     treatment=Moments.of(spend=[4.0, 8.0, 9.0, 7.0], got=[0.0, 1.0, 1.0, 1.0]),
        ...     control=Moments.of(spend=[3.0, 5.0, 4.0, 4.0], got=[0.0, 0.0, 0.0, 0.0]),
        ...     outcome="spend", receipt="got")
        >>> found.reason
        "the offer's effect on receipt is too weak: first-stage F 9.0, below 10"
    """
    missing = no_spread(treatment=treatment.sample(outcome), control=control.sample(outcome))
    if missing is not None:
        return missing
    received = treatment.sample(receipt), control.sample(receipt)
    difference = received[0].mean - received[1].mean
    variance = variance_of_mean(received[0]) + variance_of_mean(received[1])
    if difference <= 0:
        return Undefined("customers who were offered the program did not receive it more often")
    # Nobody in control and everybody in treatment: nothing about receipt is uncertain.
    strength = difference**2 / variance if variance > 0 else math.inf
    if strength < SMALLEST_F:
        return Undefined(
            f"the offer's effect on receipt is too weak: first-stage F {strength:.1f}, "
            f"below {SMALLEST_F:.0f}"
        )
    outcomes = treatment.sample(outcome), control.sample(outcome)
    effect = outcomes[0].mean - outcomes[1].mean
    variance_effect = variance_of_mean(outcomes[0]) + variance_of_mean(outcomes[1])
    found = fieller(
        numerator=effect,
        denominator=difference,
        variance_numerator=variance_effect,
        variance_denominator=variance,
        covariance=sum(
            group.covariance(outcome, receipt) / group.n for group in (treatment, control)
        ),
        critical=quantile((1 + confidence) / 2),
    )
    if isinstance(found, Undefined):
        return found
    return ReceiptEffect(
        whom=Whom.TREATED if received[1].mean == 0 else Whom.COMPLIERS,
        value=found.value,
        interval=found.interval,
        p_value=p_value(effect / math.sqrt(variance_effect)),
        se=found.se,
        offer_effect=effect,
        receipt_difference=difference,
        first_stage_f=strength,
    )
