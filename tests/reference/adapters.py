"""Call the library for each procedure that reference cases name, and rename what it answers.

Nothing is computed here. Where the library says that there is no number, the result is None.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from experiments.errors import Undefined
from experiments.finance.roi import known_cost_roi, variable_cost_roi
from experiments.stats.cuped import cuped
from experiments.stats.estimate import Alternative, Interval
from experiments.stats.fieller import Ratio, ratio_of_means
from experiments.stats.lift import delta_lift, fieller_lift, log_delta_lift
from experiments.stats.means import student, welch
from experiments.stats.moments import Sample
from experiments.stats.rates import newcombe, pooled_z, pooled_z_test, rate_difference
from experiments.stats.score import miettinen_nurminen
from experiments.stats.split import split_check
from tests.reference.reading import (
    SIDES,
    Inputs,
    Results,
    confidence_of_critical,
    dataset,
    moments,
    same,
    sample,
    share,
)

Adapter = Callable[[Inputs, Path], Results]
MEANS = {"welch": welch, "student": student, "student_pooled": student}


def mean_difference(inputs: Inputs, data: Path) -> Results:
    """Welch's or Student's comparison of means."""
    treatment, control = (sample(inputs, side, data) for side in SIDES)
    compare = MEANS[inputs.get("method", "welch")]
    found = compare(treatment=treatment, control=control, **_options(inputs))
    return {"mean_t": treatment.mean, "mean_c": control.mean, **_tested(found)}


def relative_lift(inputs: Inputs, data: Path) -> Results:
    """Lift by one of three methods."""
    treatment, control = (sample(inputs, side, data) for side in SIDES)
    if inputs["method"].startswith("fieller"):
        return _ratio(fieller_lift(treatment=treatment, control=control, **_confidence(inputs)))
    lift = {"delta_linear": delta_lift, "delta_log": log_delta_lift}[inputs["method"]]
    found = lift(treatment=treatment, control=control, **_options(inputs))
    return {"mean_t": treatment.mean, "mean_c": control.mean, **_tested(found)}


def two_proportion_z(inputs: Inputs, data: Path) -> Results:
    """Pooled z test with the Wald interval."""
    treatment, control = (share(inputs, side, data) for side in SIDES)
    found = pooled_z(treatment=treatment, control=control, **_options(inputs))
    test = pooled_z_test(treatment=treatment, control=control, **_alternative(inputs))
    return {
        "p_treatment": _number(treatment.rate),
        "p_control": _number(control.rate),
        **_tested(found),
        "estimate": _number(rate_difference(treatment=treatment, control=control)),
        "se_unpooled": _part(found, "se"),
        "z": _part(test, "statistic"),
        "p": _part(test, "p_value"),
    }


def newcombe_interval(inputs: Inputs, data: Path) -> Results:
    """Newcombe's hybrid score interval."""
    treatment, control = (share(inputs, side, data) for side in SIDES)
    found = newcombe(treatment=treatment, control=control, **_confidence(inputs))
    return {
        "p_treatment": _number(treatment.rate),
        "p_control": _number(control.rate),
        "estimate": _number(rate_difference(treatment=treatment, control=control)),
        "ci_low": _part(found, "low"),
        "ci_high": _part(found, "high"),
    }


def miettinen_nurminen_interval(inputs: Inputs, data: Path) -> Results:
    """Score interval, with and without the factor N / (N - 1)."""
    treatment, control = (share(inputs, side, data) for side in SIDES)
    options = _confidence(inputs)
    found = miettinen_nurminen(treatment=treatment, control=control, **options)
    mee = miettinen_nurminen(treatment=treatment, control=control, corrected=False, **options)
    return {
        "mn_low": _part(found, "low"),
        "mn_high": _part(found, "high"),
        "mee_low": _part(mee, "low"),
        "mee_high": _part(mee, "high"),
    }


def srm_chi_square(inputs: Inputs, data: Path) -> Results:
    """Check of the planned split."""
    observed = inputs.get("observed")
    if observed is None:
        groups = [row[inputs["group_column"]] for row in dataset(inputs, data)]
        observed = [sum(same(group, one) for group in groups) for one in inputs["order"]]
    found = split_check(observed=observed, shares=inputs["expected_shares"])
    return {
        "chi2": _part(found, "statistic"),
        "df": _part(found, "df"),
        "p": _part(found, "p_value"),
    }


def cuped_difference(inputs: Inputs, data: Path) -> Results:
    """Comparison of means with one covariate taken out."""
    outcome, covariate = inputs["metric"], inputs["covariate"]
    treatment, control = (moments(inputs, side, data, [outcome, covariate]) for side in SIDES)
    found = cuped(
        treatment=treatment,
        control=control,
        outcome=outcome,
        covariate=covariate,
        **_options(inputs),
    )
    return {
        "mean_t": _part(found, "treatment_mean"),
        "mean_c": _part(found, "control_mean"),
        "theta": _part(found, "theta"),
        "variance_reduction": _part(found, "variance_reduction"),
        **_tested(found if isinstance(found, Undefined) else found.difference),
    }


def fieller_interval(inputs: Inputs, data: Path) -> Results:
    """Ratio of two means, or a lift, with Fieller's interval."""
    confidence = confidence_of_critical(inputs)
    if "numerator_values" in inputs:
        return _ratio(
            ratio_of_means(
                numerator=Sample.of(inputs["numerator_values"]),
                denominator=Sample.of(inputs["denominator_values"]),
                confidence=confidence,
            )
        )
    treatment, control = (sample(inputs, side, data) for side in SIDES)
    if "- 1" in inputs["quantity"]:
        return _ratio(fieller_lift(treatment=treatment, control=control, confidence=confidence))
    return _ratio(ratio_of_means(numerator=treatment, denominator=control, confidence=confidence))


def roi(inputs: Inputs, data: Path) -> Results:
    """Return on a known cost, or on one that depends on a behavior."""
    prefix, suffix = "cost_per_", "_in_treatment"
    units = {
        name.removeprefix(prefix).removesuffix(suffix): cost
        for name, cost in inputs.items()
        if name.startswith(prefix) and name.endswith(suffix)
    }
    outcome = inputs["metric"]
    if units:
        treatment, control = (moments(inputs, side, data, [outcome, *units]) for side in SIDES)
        return _ratio(
            variable_cost_roi(
                treatment=treatment,
                control=control,
                outcome=outcome,
                unit_costs=units,
                cost_per_customer=inputs.get("cost_per_contact", 0.0),
                margin_rate=inputs["gross_margin"],
                confidence=confidence_of_critical(inputs),
            )
        )
    treated, controls = (sample(inputs, side, data) for side in SIDES)
    effect = welch(treatment=treated, control=controls, **_confidence(inputs))
    if isinstance(effect, Undefined):
        return {}
    found = known_cost_roi(
        effect=effect.value,
        low=effect.low,
        high=effect.high,
        cost_per_customer=inputs["cost_per_contact"],
        customers=treated.n,
        margin_rate=inputs["gross_margin"],
    )
    interval = found if isinstance(found, Undefined) else found.interval
    return {
        "roi": _part(found, "roi"),
        "roi_low": _part(interval, "low"),
        "roi_high": _part(interval, "high"),
        "incremental_revenue_total": _part(found, "effect_total"),
        "net_profit_total": _part(found, "net_total"),
        "break_even_uplift": _part(found, "break_even_effect"),
    }


ADAPTERS: Mapping[str, Adapter] = {
    "cuped": cuped_difference,
    "fieller_interval": fieller_interval,
    "mean_difference": mean_difference,
    "miettinen_nurminen_interval": miettinen_nurminen_interval,
    "newcombe_interval": newcombe_interval,
    "relative_lift": relative_lift,
    "roi": roi,
    "srm_chi_square": srm_chi_square,
    "two_proportion_z": two_proportion_z,
}


def _tested(found: object) -> Results:
    """What every tested difference is called in the cases."""
    return {
        "estimate": _part(found, "value"),
        "se": _part(found, "se"),
        "t": _part(found, "statistic"),
        "df": _part(found, "df"),
        "p": _part(found, "p_value"),
        "ci_low": _part(found, "low"),
        "ci_high": _part(found, "high"),
    }


def _ratio(found: Ratio | Undefined) -> Results:
    interval: Interval | Undefined = found if isinstance(found, Undefined) else found.interval
    delta = found if isinstance(found, Undefined) else found.delta_interval
    return {
        "estimate": _part(found, "value"),
        "se": _part(found, "se"),
        "se_delta": _part(found, "se"),
        "delta_low": _part(delta, "low"),
        "delta_high": _part(delta, "high"),
        "fieller_low": _part(interval, "low"),
        "fieller_high": _part(interval, "high"),
        "ci_low": _part(interval, "low"),
        "ci_high": _part(interval, "high"),
        "fieller_g": _part(found, "g"),
        "bounded": _part(found, "bounded"),
    }


def _part(found: object, name: str) -> object:
    return None if isinstance(found, Undefined) else getattr(found, name)


def _number(value: float | Undefined) -> float | None:
    return None if isinstance(value, Undefined) else value


def _confidence(inputs: Inputs) -> dict[str, Any]:
    return {"confidence": inputs["confidence"]} if "confidence" in inputs else {}


def _alternative(inputs: Inputs) -> dict[str, Any]:
    return {"alternative": Alternative(inputs.get("alternative", "two-sided"))}


def _options(inputs: Inputs) -> dict[str, Any]:
    return {**_confidence(inputs), **_alternative(inputs)}
