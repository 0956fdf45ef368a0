"""The groups of a plan, how customers get into them, and when the answer may be read."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from experiments.terms import Count, DesignKind, Exact, Look, Name, Part, Share, Spending

MOST_LOOKS = 20


class Prior(Part):
    """What was believed of the money metric's effect before the pilot: a normal distribution."""

    mean: Exact
    sd: Annotated[Exact, Field(gt=0)]


class Design(Part):
    """The groups, how customers get into them, and how the answer is read."""

    kind: DesignKind = DesignKind.RANDOMIZED
    control: Name
    treatments: Annotated[tuple[Name, ...], Field(min_length=1)]
    shares: dict[str, Share] | None = None
    cluster: Name | None = None
    strata: tuple[Name, ...] = ()
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    alpha: Annotated[Exact, Field(gt=0, le=Decimal("0.5"))] = Decimal("0.05")
    look: Look = Look.FIXED
    looks: tuple[date, ...] = ()
    spending: Spending | None = None
    spending_parameter: Exact | None = None
    futility: Spending | None = None
    tuning_n: Count | None = None
    prior: Prior | None = None

    @property
    def arms(self) -> tuple[str, ...]:
        """Control first, then the treatments in the order of the plan."""
        return (self.control, *self.treatments)

    def planned_shares(self) -> dict[str, Fraction]:
        """The share of customers planned for each arm; equal where the plan is silent."""
        if self.shares is not None:
            return {arm: Fraction(self.shares[arm]) for arm in self.arms}
        return {arm: Fraction(1, len(self.arms)) for arm in self.arms}

    @model_validator(mode="after")
    def _arms_make_sense(self) -> Self:
        if len(set(self.arms)) < len(self.arms):
            raise ValueError("control and treatments must be different arms; one is named twice")
        if self.shares is not None:
            if set(self.shares) != set(self.arms):
                raise ValueError(
                    f"shares must name each arm once: {', '.join(self.arms)}; "
                    f"they name {', '.join(self.shares)}"
                )
            total = sum(self.shares.values(), Decimal(0))
            if abs(total - 1) > Decimal("0.000001"):
                raise ValueError(f"shares add up to {total}; they must add up to 1")
        if self.kind is DesignKind.CLUSTERED and self.cluster is None:
            raise ValueError('a clustered design needs cluster = "..." (the attribute to group by)')
        return self

    @model_validator(mode="after")
    def _looks_make_sense(self) -> Self:
        sequential = self.look is Look.GROUP_SEQUENTIAL
        if self.looks and not sequential:
            raise ValueError('looks are for look = "group_sequential"; a fixed design looks once')
        if sequential and not self.looks:
            raise ValueError(
                'look = "group_sequential" needs looks = [...]: the last day that each look takes '
                "in, such as [2026-03-27, 2026-04-03]"
            )
        if len(self.looks) > MOST_LOOKS:
            raise ValueError(f"{len(self.looks)} looks are planned; at most {MOST_LOOKS} can be")
        if any(later <= earlier for earlier, later in pairwise(self.looks)):
            raise ValueError("looks must be in the order of the calendar, each day once")
        needs = (Spending.KIM_DEMETS, Spending.HWANG_SHIH_DECANI)
        if self.spending_parameter is not None and self.spending not in needs:
            raise ValueError(
                'spending_parameter is for spending = "kim-demets" (its power) and '
                '"hwang-shih-decani" (its gamma); remove it'
            )
        if self.spending is Spending.KIM_DEMETS and (self.spending_parameter or 1) <= 0:
            raise ValueError("spending_parameter of kim-demets is its power, above 0")
        return self

    @model_validator(mode="after")
    def _keys_fit_the_kind_and_the_look(self) -> Self:
        """A key that another design would heed must not be passed over in silence."""
        owners = (
            ("spending", "look", self.look, Look.GROUP_SEQUENTIAL),
            ("futility", "look", self.look, Look.GROUP_SEQUENTIAL),
            ("tuning_n", "look", self.look, Look.ALWAYS_VALID),
        )
        if self.cluster is not None and self.kind is DesignKind.RANDOMIZED:
            raise ValueError(
                'cluster is for kind = "clustered" or "supplied", and kind is "randomized"; '
                "remove cluster or change kind"
            )
        if self.kind is DesignKind.SUPPLIED and self.look is not Look.FIXED:
            raise ValueError(
                f'look = "{self.look}" needs groups that chance drew; where people chose them '
                f'(kind = "supplied") outcomes are looked at once: look = "fixed"'
            )
        for key, chooser, chosen, owner in owners:
            if getattr(self, key) is not None and chosen is not owner:
                raise ValueError(
                    f'{key} is for {chooser} = "{owner}", and {chooser} is "{chosen}"; '
                    f"remove {key} or change {chooser}"
                )
        return self
