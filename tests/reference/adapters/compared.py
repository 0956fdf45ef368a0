"""Two groups compared: means, rates, ratios, lift, return."""

from collections.abc import Mapping
from pathlib import Path

from experiments.errors import Undefined
from experiments.finance.roi import known_cost_roi, variable_cost_roi
from experiments.stats.cuped import cuped
from experiments.stats.fieller import ratio_of_means
from experiments.stats.lift import delta_lift, fieller_lift, log_delta_lift
from experiments.stats.means import student, welch
from experiments.stats.moments import Sample
from experiments.stats.rates import newcombe, pooled_z, pooled_z_test, rate_difference
from experiments.stats.score import miettinen_nurminen
from experiments.stats.split import split_check
from tests.reference.adapters.answers import (
    alternative,
    confidence,
    number,
    options,
    part,
    ratio,
    tested,
)
from tests.reference.adapters.protocol import Adapter
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

MEANS = {"welch": welch, "student": student, "student_pooled": student}


def mean_difference(inputs: Inputs, data: Path) -> Results:
    """Welch's or Student's comparison of means."""
    treatment, control = (sample(inputs, side, data) for side in SIDES)
    compare = MEANS[inputs.get("method", "welch")]
    found = compare(treatment=treatment, control=control, **options(inputs))
    return {"mean_t": treatment.mean, "mean_c": control.mean, **tested(found)}


def relative_lift(inputs: Inputs, data: Path) -> Results:
    """Lift by one of three methods."""
    treatment, control = (sample(inputs, side, data) for side in SIDES)
    if inputs["method"].startswith("fieller"):
        return ratio(fieller_lift(treatment=treatment, control=control, **confidence(inputs)))
    lift = {"delta_linear": delta_lift, "delta_log": log_delta_lift}[inputs["method"]]
    found = lift(treatment=treatment, control=control, **options(inputs))
    return {"mean_t": treatment.mean, "mean_c": control.mean, **tested(found)}


def two_proportion_z(inputs: Inputs, data: Path) -> Results:
    """Pooled z test with the Wald interval."""
    treatment, control = (share(inputs, side, data) for side in SIDES)
    found = pooled_z(treatment=treatment, control=control, **options(inputs))
    test = pooled_z_test(treatment=treatment, control=control, **alternative(inputs))
    return {
        "p_treatment": number(treatment.rate),
        "p_control": number(control.rate),
        **tested(found),
        "estimate": number(rate_difference(treatment=treatment, control=control)),
        "se_unpooled": part(found, "se"),
        "z": part(test, "statistic"),
        "p": part(test, "p_value"),
    }


def newcombe_interval(inputs: Inputs, data: Path) -> Results:
    """Newcombe's hybrid score interval."""
    treatment, control = (share(inputs, side, data) for side in SIDES)
    found = newcombe(treatment=treatment, control=control, **confidence(inputs))
    return {
        "p_treatment": number(treatment.rate),
        "p_control": number(control.rate),
        "estimate": number(rate_difference(treatment=treatment, control=control)),
        "ci_low": part(found, "low"),
        "ci_high": part(found, "high"),
    }


def miettinen_nurminen_interval(inputs: Inputs, data: Path) -> Results:
    """Score interval, with and without the factor N / (N - 1)."""
    treatment, control = (share(inputs, side, data) for side in SIDES)
    options = confidence(inputs)
    found = miettinen_nurminen(treatment=treatment, control=control, **options)
    mee = miettinen_nurminen(treatment=treatment, control=control, corrected=False, **options)
    return {
        "mn_low": part(found, "low"),
        "mn_high": part(found, "high"),
        "mee_low": part(mee, "low"),
        "mee_high": part(mee, "high"),
    }


def srm_chi_square(inputs: Inputs, data: Path) -> Results:
    """Check of the planned split."""
    observed = inputs.get("observed")
    if observed is None:
        groups = [row[inputs["group_column"]] for row in dataset(inputs, data)]
        observed = [sum(same(group, one) for group in groups) for one in inputs["order"]]
    found = split_check(observed=observed, shares=inputs["expected_shares"])
    return {
        "chi2": part(found, "statistic"),
        "df": part(found, "df"),
        "p": part(found, "p_value"),
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
        **options(inputs),
    )
    return {
        "mean_t": part(found, "treatment_mean"),
        "mean_c": part(found, "control_mean"),
        "theta": part(found, "theta"),
        "variance_reduction": part(found, "variance_reduction"),
        **tested(found if isinstance(found, Undefined) else found.difference),
    }


def fieller_interval(inputs: Inputs, data: Path) -> Results:
    """Ratio of two means, or a lift, with Fieller's interval."""
    level = confidence_of_critical(inputs)
    if "numerator_values" in inputs:
        return ratio(
            ratio_of_means(
                numerator=Sample.of(inputs["numerator_values"]),
                denominator=Sample.of(inputs["denominator_values"]),
                confidence=level,
            )
        )
    treatment, control = (sample(inputs, side, data) for side in SIDES)
    if "- 1" in inputs["quantity"]:
        return ratio(fieller_lift(treatment=treatment, control=control, confidence=level))
    return ratio(ratio_of_means(numerator=treatment, denominator=control, confidence=level))


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
        return ratio(
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
    effect = welch(treatment=treated, control=controls, **confidence(inputs))
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
        "roi": part(found, "roi"),
        "roi_low": part(interval, "low"),
        "roi_high": part(interval, "high"),
        "incremental_revenue_total": part(found, "effect_total"),
        "net_profit_total": part(found, "net_total"),
        "break_even_uplift": part(found, "break_even_effect"),
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
