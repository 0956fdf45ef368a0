"""Looking more than once: group-sequential designs and confidence sequences."""

import re
from collections.abc import Mapping
from pathlib import Path

from experiments.errors import Undefined
from experiments.stats.boundaries import (
    Boundaries,
    equally_spaced,
    spending_boundaries,
    wang_tsiatis_boundaries,
)
from experiments.stats.confidence_sequence import (
    asymptotic_sequence,
    mixture_test,
    sequence_of_means,
    sequence_of_rates,
)
from experiments.stats.means import welch
from experiments.stats.mixture import (
    beta_binomial_boundary,
    beta_binomial_log_mixture,
    mixture_tuning,
    normal_boundary,
    normal_log_mixture,
    prior_weight,
    rate_sequence,
    stitched_boundary,
)
from experiments.stats.rates import pooled_z
from experiments.stats.sequential_power import drift_for_power, sequential_power
from experiments.stats.spending import Sided, Spending, SpendingFamily
from tests.reference.adapters.answers import alternative, number, part
from tests.reference.adapters.protocol import Adapter
from tests.reference.reading import SIDES, Inputs, Results, sample, share

# Words of a design, the more telling ones first: "hwang" ends in the name of Wang.
FAMILIES = {
    "hwang": SpendingFamily.HWANG_SHIH_DECANI,
    "hsd": SpendingFamily.HWANG_SHIH_DECANI,
    "kim": SpendingFamily.KIM_DEMETS,
    "power family": SpendingFamily.KIM_DEMETS,
    "pocock": SpendingFamily.POCOCK,
    "o'brien": SpendingFamily.OBRIEN_FLEMING,
    "obrien": SpendingFamily.OBRIEN_FLEMING,
}
SHAPES = {"pocock": 0.5, "o'brien": 0.0, "obrien": 0.0}
PARAMETERS = ("delta", "rho", "gamma", "parameter", "phi")


def group_sequential_boundaries(inputs: Inputs, data: Path) -> Results:
    """Boundaries that spend an error rate, or of a classical shape."""
    design, fractions = inputs["design"].casefold(), information(inputs)
    if "futility" in design or "beta" in inputs:
        raise ValueError(f"this design is not known: {inputs['design']!r}")
    errors = {"alpha": inputs["alpha"], "sided": sides(inputs)}
    family = next((found for word, found in FAMILIES.items() if word in design), None)
    spends = any(word in design for word in ("spending", "demets", "hwang", "hsd", "family"))
    if family is not None and (spends or "type" in design):
        with_parameter = family in (SpendingFamily.KIM_DEMETS, SpendingFamily.HWANG_SHIH_DECANI)
        spending = Spending(family, parameter(inputs) if with_parameter else None)
        found = spending_boundaries(fractions, spending=spending, **errors)
    elif "wang" in design:
        found = wang_tsiatis_boundaries(fractions, shape=parameter(inputs), **errors)
    else:
        shape = next(found for word, found in SHAPES.items() if word in design)
        found = wang_tsiatis_boundaries(fractions, shape=shape, **errors)
    if isinstance(found, Undefined):
        return {}
    return {
        "z_bounds": found.z,
        "final_constant": found.z[-1],
        "cumulative_alpha_spent": found.spent,
        "nominal_p_two_sided" if found.sided == 2 else "nominal_p_one_sided": found.nominal,
    }


def group_sequential_power(inputs: Inputs, data: Path) -> Results:
    """Drift, power at each look and expected size; at a drift where the case gives one."""
    design = Boundaries.of(fractions=information(inputs), z=inputs["z_bounds"], sided=sides(inputs))
    if isinstance(design, Undefined):
        return {}
    if "power" in inputs:
        found = drift_for_power(design, power=inputs["power"])
    else:
        found = sequential_power(design, drift=inputs["drift"])
    return {
        "drift": part(found, "drift"),
        "drift_squared": part(found, "drift_squared"),
        "power": part(found, "power"),
        "cumulative_power": part(found, "cumulative_power"),
        "inflation": inner(found, "inflation"),
        "expected_n_ratio_h1": inner(found, "expected_over_fixed"),
    }


def confidence_sequence(inputs: Inputs, data: Path) -> Results:
    """A boundary by its name, or a sequence by its method."""
    if "boundary" in inputs:
        name = inputs["boundary"].casefold()
        return next(answer for word, answer in BOUNDARIES.items() if word in name)(inputs)
    method = inputs["method"].casefold()
    return next(answer for word, answer in METHODS.items() if word in method)(inputs, data)


def _asymptotic(inputs: Inputs, data: Path) -> Results:
    options = {"alpha": inputs["alpha"], **alternative(inputs)}
    if "tuning_n" in inputs:
        options["tuning_customers"] = inputs["tuning_n"]
    if "se" in inputs:
        found = asymptotic_sequence(
            value=inputs["estimate"], se=inputs["se"], customers=inputs["n"], **options
        )
    else:
        options["relative"] = "relative" in inputs.get("effect", "absolute")
        if _of_rates(inputs):
            treated, controls = (share(inputs, side, data) for side in SIDES)
            found = sequence_of_rates(treatment=treated, control=controls, **options)
        else:
            treatment, control = (sample(inputs, side, data) for side in SIDES)
            found = sequence_of_means(treatment=treatment, control=control, **options)
    return {
        "estimate": part(found, "value"),
        "se": part(found, "se"),
        "rho": part(found, "rho"),
        "ci_low": part(found, "low"),
        "ci_high": part(found, "high"),
        "p": part(found, "p_value"),
        "p_always_valid": part(found, "p_value"),
    }


def _mixture_test(inputs: Inputs, data: Path) -> Results:
    if "relative" in inputs.get("effect", "absolute"):
        raise ValueError("an mSPRT on the relative effect is not known")
    if _of_rates(inputs):
        treated, controls = (share(inputs, side, data) for side in SIDES)
        effect = pooled_z(treatment=treated, control=controls)
    else:
        treatment, control = (sample(inputs, side, data) for side in SIDES)
        effect = welch(treatment=treatment, control=control)
    if isinstance(effect, Undefined):
        return {}
    errors = {"alpha": inputs["alpha"]} if "alpha" in inputs else {}
    found = mixture_test(value=effect.value, se=effect.se, spread=inputs["tau"], **errors)
    return {
        "estimate": effect.value,
        "se": effect.se,
        "log_lambda": part(found, "log_ratio"),
        "p_always_valid": part(found, "p_value"),
        "ci_low": part(found, "low"),
        "ci_high": part(found, "high"),
    }


def _of_rates(inputs: Inputs) -> bool:
    """Whether a case compares rates: it counts events, or says how a rate varies."""
    given = inputs["treatment"]
    return (isinstance(given, Mapping) and "x" in given) or any(
        "p(1-p)" in str(inputs.get(key, "")) for key in ("effect", "method", "variance")
    )


def _rate_sequence(inputs: Inputs, data: Path) -> Results:
    found = rate_sequence(
        successes=inputs["successes"],
        n=inputs["n"],
        tuned_n=inputs["t_opt"],
        alpha=inputs["alpha"],
    )
    return {"ci_low": part(found, "low"), "ci_high": part(found, "high")}


def _normal(inputs: Inputs) -> Results:
    sided, total = sides(inputs), inputs.get("s", SUM_OF_CASES)
    rho = mixture_tuning(time=inputs["v_opt"], alpha=inputs["alpha_opt"], sided=sided)
    time = inputs["v"]
    return {
        "rho": rho,
        "bound": number(normal_boundary(time=time, rho=rho, alpha=inputs["alpha"], sided=sided)),
        "log_mixture": normal_log_mixture(total, time=time, rho=rho, sided=sided),
        "log_mixture_at_s10": normal_log_mixture(SUM_OF_CASES, time=time, rho=rho, sided=sided),
    }


def _beta_binomial(inputs: Inputs) -> Results:
    common = {"below": inputs["g"], "above": inputs["h"], "sided": sides(inputs)}
    weight = prior_weight(time=inputs["v_opt"], alpha=inputs["alpha_opt"], **common)
    now = {"time": inputs["v"], "weight": weight, **common}
    return {
        "bound": number(beta_binomial_boundary(alpha=inputs["alpha"], **now)),
        "log_mixture": beta_binomial_log_mixture(inputs.get("s", SUM_OF_CASES), **now),
        "log_mixture_at_s10": beta_binomial_log_mixture(SUM_OF_CASES, **now),
    }


def _stitched(inputs: Inputs) -> Results:
    tuned = {"power": "s", "growth": "eta"}
    bound = stitched_boundary(
        time=inputs["v"],
        alpha=inputs["alpha"],
        first_time=inputs["v_min"],
        scale=inputs.get("c", 0.0),
        **{name: inputs[key] for name, key in tuned.items() if key in inputs},
    )
    return {"bound": number(bound)}


def information(inputs: Inputs) -> tuple[float, ...]:
    """Information at the looks of a case, equally spaced where it only counts them."""
    if "information_rates" in inputs:
        return tuple(inputs["information_rates"])
    if inputs.get("spacing", "equal") != "equal":
        raise ValueError(f"this spacing is not known: {inputs['spacing']!r}")
    return equally_spaced(inputs["looks"])


def sides(inputs: Inputs) -> Sided:
    """How many sides a case has, by number or in words."""
    given = str(inputs.get("sided", inputs.get("boundary", "")))
    if given.startswith(("1", "one")):
        return 1
    if given.startswith(("2", "two")):
        return 2
    raise ValueError(f"this number of sides is not known: {given!r}")


def parameter(inputs: Inputs) -> float:
    """The parameter of a design: under its own name, or in the design's words."""
    for name in PARAMETERS:
        if name in inputs:
            return float(inputs[name])
    found = re.search(r"=\s*(-?\d+(?:\.\d+)?)", inputs["design"])
    if found is None:
        raise ValueError(f"this design names no parameter: {inputs['design']!r}")
    return float(found[1])


def inner(found: object, name: str) -> object:
    """A field that may itself have no number; None where there is none."""
    value = part(found, name)
    return None if isinstance(value, Undefined) else value


SUM_OF_CASES = 10.0
BOUNDARIES = {"stitch": _stitched, "beta": _beta_binomial, "normal": _normal}
METHODS = {
    "beta-binomial": _rate_sequence,
    "msprt": _mixture_test,
    "mixture sprt": _mixture_test,
    "asymptotic": _asymptotic,
}
ADAPTERS: Mapping[str, Adapter] = {
    "confidence_sequence": confidence_sequence,
    "group_sequential_boundaries": group_sequential_boundaries,
    "group_sequential_power": group_sequential_power,
}
