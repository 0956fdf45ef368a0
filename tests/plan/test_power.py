"""Power against published values, by exact counting, and against the verdict itself."""

from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from experiments.decide.verdict import Status, decide
from experiments.errors import BadInput, Undefined
from experiments.pilot import Costs
from experiments.plan.baseline import Baseline
from experiments.plan.break_even import BreakEven, Costing
from experiments.plan.power import (
    Groups,
    Trial,
    _dunnett_at,
    customers_needed,
    detectable_effect,
    power,
    powers,
)
from experiments.stats.estimate import Interval
from experiments.stats.limits import upper_tail
from experiments.stats.rates import Share, newcombe
from experiments.terms import MetricKind
from tests.evidence import CONTROL, TREATMENT, Values, analysed, metric, plan_of

HALVES = Groups(control=0.5, treatments=(0.5,))
NO_CONTACTS = Costing(Costs(cost_per_treated=Decimal("0.10")), months=1.0)


def mean_trial(
    groups: Groups = HALVES, *, mean: float = 0.0, sd: float = 1.0, correlation: float = 0.0
) -> Trial:
    base = Baseline(mean=mean, sd=sd, correlation=correlation)
    return Trial(kind=MetricKind.MEAN, baseline=base, groups=groups)


def rate_trial(rate: float, groups: Groups = HALVES) -> Trial:
    return Trial(kind=MetricKind.RATE, baseline=Baseline.of_rate(rate), groups=groups)


def number(found: float | Undefined) -> float:
    assert not isinstance(found, Undefined), found
    return found


def test_the_power_of_a_mean_is_that_of_r() -> None:
    """R's documentation: power.t.test(n = 20, delta = 1, sd = 1) has power 0.8689528."""
    assert power(mean_trial(), customers=40, effect=1.0) == pytest.approx(0.8689528, abs=1e-7)


def test_the_number_of_customers_is_that_of_r() -> None:
    """R's documentation: power.t.test(power = .90, delta = 1) needs n = 22.02110 in each group."""
    assert customers_needed(mean_trial(), effect=1.0, target=0.9) == 45
    assert number(power(mean_trial(), customers=44, effect=1.0)) < 0.9


@pytest.mark.parametrize(("d", "n"), [(0.2, 393), (0.5, 64), (0.8, 26)])
def test_the_number_of_customers_is_that_of_cohen(d: float, n: int) -> None:
    """Cohen (1992), A power primer, Psychological Bulletin 112:155-159, table 2: per group."""
    assert customers_needed(mean_trial(), effect=d) == pytest.approx(2 * n, abs=2)


def test_the_power_of_a_rate_is_close_to_that_of_r() -> None:
    """R's documentation: power.prop.test(n = 50, p1 = .50, p2 = .75) has power 0.7401659.

    90 per cent need n = 76.7; both are for the pooled test, not for Newcombe's limit.
    """
    trial = rate_trial(0.5)
    assert power(trial, customers=100, effect=0.25) == pytest.approx(0.7401659, abs=0.005)
    assert customers_needed(trial, effect=0.25, target=0.9) == pytest.approx(2 * 76.7, abs=2)


def counted_power(
    rate: float, effect: float, threshold: float, treated: int, controls: int
) -> float:
    """Every possible pair of counts: the probability that Newcombe's limit exceeds a threshold."""
    proved = np.zeros((treated + 1, controls + 1))
    for x in range(treated + 1):
        for y in range(controls + 1):
            found = newcombe(treatment=Share(x, treated), control=Share(y, controls))
            proved[x, y] = isinstance(found, Interval) and found.low > threshold
    chances = (
        binom.pmf(np.arange(treated + 1), treated, rate + effect),
        binom.pmf(np.arange(controls + 1), controls, rate),
    )
    return float(chances[0] @ proved @ chances[1])


@pytest.mark.parametrize(
    ("rate", "effect", "threshold", "treated", "controls"),
    [(0.5, 0.25, 0.0, 50, 50), (0.1, 0.2, 0.02, 100, 60), (0.2, 0.2, 0.05, 150, 50)],
)
def test_the_power_of_a_rate_is_close_to_that_of_exact_counting(
    rate: float, effect: float, threshold: float, treated: int, controls: int
) -> None:
    customers = treated + controls
    groups = Groups(control=controls / customers, treatments=(treated / customers,))
    found = power(rate_trial(rate, groups), customers=customers, effect=effect, pays_from=threshold)
    exact = counted_power(rate, effect, threshold, treated, controls)
    assert found == pytest.approx(exact, abs=0.015)


def test_without_an_effect_the_power_is_half_of_alpha() -> None:
    assert power(mean_trial(), customers=90, effect=0.0) == pytest.approx(0.025)
    assert power(rate_trial(0.2), customers=9_000, effect=0.0) == pytest.approx(0.025, abs=1e-3)


def test_exactly_break_even_is_proved_as_seldom_as_nothing_is_detected() -> None:
    pays_from = BreakEven(NO_CONTACTS, money_per_unit=0.5)
    found = power(mean_trial(), customers=90, effect=0.2, pays_from=pays_from)
    assert found == pytest.approx(0.025)


def test_more_customers_share_a_fixed_cost() -> None:
    """Break-even is 100 / (customers / 2): 1 for 200 customers, 0.5 for 400."""
    pays_from = BreakEven(Costing(Costs(cost_fixed=Decimal(100)), months=1.0), money_per_unit=1.0)
    found = powers(mean_trial(sd=5), customers=[200, 400], effect=1.0, pays_from=pays_from)
    assert found[0] == pytest.approx(0.025)
    assert found[1] == number(power(mean_trial(sd=5), customers=400, effect=0.5))


def test_what_repeats_itself_needs_fewer_customers() -> None:
    """The variance that is left is 1 - 0.6^2 = 0.64 of it, and so are the customers."""
    plain = customers_needed(mean_trial(), effect=0.05)
    known = customers_needed(mean_trial(correlation=0.6), effect=0.05)
    assert number(known) == pytest.approx(0.64 * number(plain), rel=1e-3)


def test_groups_too_small_for_adjustment_are_read_unadjusted() -> None:
    """Under 20 customers a group the headline is unadjusted."""
    few = [power(mean_trial(correlation=r), customers=38, effect=1.0) for r in (0.0, 0.9)]
    assert few[0] == few[1]


def test_of_several_treatments_the_smallest_speaks_and_the_interval_is_wider() -> None:
    several = mean_trial(Groups(control=0.4, treatments=(0.4, 0.2)))
    single = mean_trial(Groups(control=2 / 3, treatments=(1 / 3,)))
    one, other = (
        number(power(several, customers=300, effect=0.5)),
        number(power(single, customers=180, effect=0.5)),
    )
    assert one < other


def test_dunnetts_value_between_two_degrees_of_freedom_is_interpolated() -> None:
    groups = Groups(control=0.2, treatments=(0.5, 0.3))
    trial = mean_trial(groups)
    wide = power(trial, customers=200, effect=0.0)
    # df of the smallest treatment's comparison: 60 and 40 customers, alike in spread.
    df = 1 / ((40 / 100) ** 2 / 59 + (60 / 100) ** 2 / 39)
    assert wide == pytest.approx(upper_tail(_dunnett_at(df, groups), df=df), abs=1e-4)


@given(
    effect=st.floats(0.05, 2),
    correlation=st.sampled_from([0.0, 0.5]),
    control=st.floats(0.1, 0.9),
    rate=st.booleans(),
)
def test_as_many_give_the_power_and_one_fewer_does_not(
    effect: float, correlation: float, control: float, rate: bool
) -> None:
    groups = Groups(control=control, treatments=(1 - control,))
    trial = mean_trial(groups, correlation=correlation)
    if rate:
        trial, effect = rate_trial(0.2, groups), effect / 4
    needed = customers_needed(trial, effect=effect)
    assert isinstance(needed, int)
    assert number(power(trial, customers=needed, effect=effect)) >= 0.8
    if needed > groups.fewest_customers:
        assert number(power(trial, customers=needed - 1, effect=effect)) < 0.8


@pytest.mark.parametrize("trial", [mean_trial(sd=3), rate_trial(0.1)])
def test_the_detectable_effect_has_the_power_asked_for(trial: Trial) -> None:
    pays_from = BreakEven(NO_CONTACTS, money_per_unit=10)
    found = number(detectable_effect(trial, customers=5_000, pays_from=pays_from))
    reached = power(trial, customers=5_000, effect=found, pays_from=pays_from)
    assert reached == pytest.approx(0.8, abs=1e-9)


@given(scale=st.floats(0.01, 1000), effect=st.floats(-0.5, 0.5))
def test_another_currency_changes_no_power(scale: float, effect: float) -> None:
    plain = power(mean_trial(), customers=300, effect=effect)
    scaled = power(mean_trial(sd=scale), customers=300, effect=effect * scale)
    assert scaled == pytest.approx(number(plain), abs=1e-9)


def test_power_grows_with_customers_and_effect() -> None:
    for trial in (mean_trial(sd=9), rate_trial(0.03)):
        curve = powers(trial, customers=range(20, 9_000, 40), effect=0.02)
        assert all(a <= b for a, b in pairwise(curve))
        by_effect = [number(power(trial, customers=3_000, effect=e / 200)) for e in range(40)]
        assert all(a <= b for a, b in pairwise(by_effect))


@pytest.mark.parametrize("effect", [-1e9, 1e9])
@pytest.mark.parametrize("groups", [HALVES, Groups(control=0.4, treatments=(0.3, 0.3))])
def test_beyond_doubt_is_still_a_number(effect: float, groups: Groups) -> None:
    found = power(mean_trial(groups), customers=10**10, effect=effect)
    assert found == (1.0 if effect > 0 else 0.0)


@pytest.mark.parametrize(
    ("trial", "customers", "effect", "reason"),
    [
        (mean_trial(), 3, 1.0, "fewer than 2"),
        (mean_trial(sd=0), 90, 1.0, "no spread"),
        (mean_trial(), 90, float("nan"), "no number"),
        (rate_trial(0.0), 90, 0.1, "no spread"),
        (rate_trial(0.9), 90, 0.2, "beyond 0 or 1"),
        (
            Trial(kind=MetricKind.RATIO, baseline=Baseline(mean=1, sd=1), groups=HALVES),
            90,
            1.0,
            "not planned",
        ),
    ],
)
def test_what_has_no_power_says_why(
    trial: Trial, customers: int, effect: float, reason: str
) -> None:
    found = power(trial, customers=customers, effect=effect)
    assert isinstance(found, Undefined)
    assert reason in found.reason


def test_an_effect_below_break_even_is_never_proved() -> None:
    pays_from = BreakEven(NO_CONTACTS, money_per_unit=0.5)
    found = customers_needed(mean_trial(), effect=0.2, pays_from=pays_from)
    assert isinstance(found, Undefined)
    assert "does not pay" in found.reason
    tiny = customers_needed(mean_trial(), effect=1e-6)
    assert isinstance(tiny, Undefined)
    assert "10,000,000,000" in tiny.reason


def test_a_rate_cannot_rise_beyond_everybody() -> None:
    dear = BreakEven(NO_CONTACTS, money_per_unit=0.1)
    for customers, pays_from, reason in ((4, 0.0, "proved"), (90, dear, "would pay")):
        found = detectable_effect(rate_trial(0.5), customers=customers, pays_from=pays_from)
        assert isinstance(found, Undefined)
        assert reason in found.reason


@pytest.mark.parametrize(
    ("control", "treatments", "alpha"),
    [(0.5, (), 0.05), (0.5, (0.4,), 0.05), (1.0, (0.0,), 0.05), (0.5, (0.5,), 0.0)],
)
def test_impossible_groups_are_refused(
    control: float, treatments: tuple[float, ...], alpha: float
) -> None:
    with pytest.raises(BadInput):
        Groups(control=control, treatments=treatments, alpha=alpha)


def share_proved(trial: Trial, *, customers: int, effect: float, repeats: int, seed: int) -> float:
    """Draw pilots, hand each to the verdict's own rule, and count how many are proved.

    The cost of 0.10 is the break-even effect.
    """
    rng = np.random.default_rng(seed)
    rate, base = trial.kind is MetricKind.RATE, trial.baseline
    names = [f"{TREATMENT} {at}" for at in range(len(trial.groups.treatments))]
    shares = dict(
        zip([CONTROL, *names], [trial.groups.control, *trial.groups.treatments], strict=True)
    )
    plan = plan_of(
        design={"control": CONTROL, "treatments": names},
        metrics=[metric("spend", role="primary", kind=trial.kind)],
        value={"value_per_unit": 1, "margin_rate": None} if rate else {},
    )

    def drawn(n: int, shift: float) -> dict[str, Values]:
        if rate:
            return {"spend": (rng.random(n) < base.mean + shift).astype(float)}
        before = rng.normal(size=n)
        noise = rng.normal(size=n) * np.sqrt(1 - base.correlation**2)
        spend = base.mean + shift + base.sd * (base.correlation * before + noise)
        return {"spend": spend.round(4), "before": before.round(4)}

    proved = 0
    for _ in range(repeats):
        arms = {
            arm: drawn(round(customers * share), 0.0 if arm == CONTROL else effect)
            for arm, share in shares.items()
        }
        known = ["before"] if base.correlation else []
        decision = decide(plan, analysed(plan, arms, covariates=known))
        smallest = min(decision.verdicts, key=lambda one: shares[one.treatment])
        proved += smallest.status is Status.PROVED
    return proved / repeats


STUDIES = {
    "two halves": (mean_trial(mean=5.0), 120, 0.55),
    "a small control group, adjusted": (
        mean_trial(Groups(control=0.2, treatments=(0.8,)), mean=5.0, correlation=0.6),
        200,
        0.45,
    ),
    "three groups": (mean_trial(Groups(control=0.4, treatments=(0.4, 0.2)), mean=5.0), 300, 0.6),
    "a rate": (rate_trial(0.2, Groups(control=0.3, treatments=(0.7,))), 400, 0.25),
    "rates of three groups": (
        rate_trial(0.2, Groups(control=0.4, treatments=(0.3, 0.3))),
        400,
        0.3,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_as_many_pilots_are_proved_as_were_promised(name: str) -> None:
    """600 pilots each; three standard errors of a share near 0.7 are 0.056."""
    trial, customers, effect = STUDIES[name]
    pays_from = BreakEven(NO_CONTACTS, money_per_unit=1.0)
    promised = number(power(trial, customers=customers, effect=effect, pays_from=pays_from))
    found = share_proved(trial, customers=customers, effect=effect, repeats=600, seed=11)
    print(f"\n{name}: {found:.3f} proved, {promised:.3f} promised")
    assert found == pytest.approx(promised, abs=0.056)


@pytest.mark.parametrize(
    "trial",
    [
        mean_trial(sd=1e-200),
        mean_trial(sd=1e200),
        rate_trial(1e-200),
    ],
    ids=["tiny spread", "huge spread", "tiny rate"],
)
def test_a_spread_beyond_what_computes_is_undefined(trial: Trial) -> None:
    assert isinstance(power(trial, customers=1000, effect=1e-210), Undefined)
