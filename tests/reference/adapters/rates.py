"""Rates and ratios in more detail, Bayesian readings, several tests together."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.errors import Undefined
from experiments.stats.bayes_rates import BetaPrior, bayes_rates
from experiments.stats.estimate import Difference
from experiments.stats.exact import fisher_exact
from experiments.stats.lift import Lift, delta_lift
from experiments.stats.mantel_haenszel import (
    Stratum,
    cochran_mantel_haenszel,
    equal_odds_ratios,
    pooled_odds_ratio,
    pooled_risk_difference,
    pooled_risk_ratio,
)
from experiments.stats.multiplicity import Correction, adjusted
from experiments.stats.posterior import (
    NormalPrior,
    credible_interval,
    expected_gain,
    expected_loss,
    posterior,
    probability_above,
)
from experiments.stats.rates import Share, pooled_z, pooled_z_test
from experiments.stats.ratio import ratio_difference
from experiments.stats.risk import Association, odds_ratio, risk_ratio
from tests.reference.adapters.answers import alternative, confidence, number, options, part, tested
from tests.reference.adapters.protocol import Adapter
from tests.reference.adapters.words import means, word
from tests.reference.reading import (
    SIDES,
    Inputs,
    Results,
    dataset,
    moments,
    same,
    sample,
    share,
)

PRIORS = {
    "uniform": BetaPrior(1.0, 1.0),
    "flat": BetaPrior(1.0, 1.0),
    "jeffreys": BetaPrior(0.5, 0.5),
}


def ratio_metric_delta(inputs: Inputs, data: Path) -> Results:
    """Difference of sums over sums by the delta method."""
    top, bottom = inputs["numerator"], inputs["denominator"]
    unit, degrees = inputs.get("unit", "customer (row)"), inputs.get("df", "Welch")
    if "welch" not in degrees.lower() or not ("row" in unit or "aggregate" in inputs):
        raise ValueError(f"this unit or reference distribution is not known: {unit}, {degrees}")
    treatment, control = (moments(inputs, side, data, [top, bottom]) for side in SIDES)
    found = ratio_difference(
        treatment=treatment,
        control=control,
        numerator=top,
        denominator=bottom,
        **options(inputs),
    )
    if isinstance(found, Undefined):
        return tested(found)
    method = inputs.get("relative_method", "delta_log")
    lift = {"delta_linear": found.lift, "delta_log": found.log_lift}[method]
    return {
        "ratio_t": found.treatment,
        "ratio_c": found.control,
        "rel_estimate": part(lift, "value"),
        "rel_se": part(lift, "se"),
        "rel_ci_low": part(lift, "low"),
        "rel_ci_high": part(lift, "high"),
        **tested(found.difference),
    }


def risk_ratio_odds_ratio(inputs: Inputs, data: Path) -> Results:
    """Risk ratio and odds ratio, on the log scale or by the score test."""
    treatment, control = (share(inputs, side, data) for side in SIDES)
    scale = word(inputs.get("method", "log"), {"log": "log", "score": "score"})
    risk = risk_ratio(treatment=treatment, control=control, **options(inputs))
    odds = odds_ratio(treatment=treatment, control=control, **options(inputs))
    return {
        "p_treatment": number(treatment.rate),
        "p_control": number(control.rate),
        "risk_ratio": part(risk, "value"),
        **_association("rr", risk, scale),
        "odds_ratio": part(odds, "value"),
        **_association("or", odds, scale),
    }


def fisher(inputs: Inputs, data: Path) -> Results:
    """Fisher's exact test."""
    treatment, control = (share(inputs, side, data) for side in SIDES)
    found = fisher_exact(treatment=treatment, control=control, **alternative(inputs))
    odds = odds_ratio(treatment=treatment, control=control)
    return {"p": number(found), "odds_ratio": part(odds, "value")}


def mantel_haenszel(inputs: Inputs, data: Path) -> Results:
    """Tests and pooled measures over strata."""
    strata = _strata(inputs, data)
    continuity = bool(inputs.get("continuity", inputs.get("correction", False)))
    test = cochran_mantel_haenszel(strata, continuity=continuity)
    odds = pooled_odds_ratio(strata, **confidence(inputs))
    risk = pooled_risk_ratio(strata, **confidence(inputs))
    gap = pooled_risk_difference(strata, **confidence(inputs))
    tarone, breslow_day = (equal_odds_ratios(strata, tarone=one) for one in (True, False))
    return {
        "chi2": part(test, "statistic"),
        "df": part(test, "df"),
        "p": part(test, "p_value"),
        "odds_ratio": part(odds, "value"),
        "or_se": part(odds, "se"),
        "or_low": part(odds, "low"),
        "or_high": part(odds, "high"),
        "risk_ratio": part(risk, "value"),
        "rr_se": part(risk, "se"),
        "rr_low": part(risk, "low"),
        "rr_high": part(risk, "high"),
        "risk_difference": part(gap, "value"),
        "rd_se": part(gap, "se"),
        "rd_low": part(gap, "low"),
        "rd_high": part(gap, "high"),
        "tarone_chi2": part(tarone, "statistic"),
        "tarone_df": part(tarone, "df"),
        "tarone_p": part(tarone, "p_value"),
        "breslow_day_chi2": part(breslow_day, "statistic"),
        "breslow_day_p": part(breslow_day, "p_value"),
    }


def bayes_proportions(inputs: Inputs, data: Path) -> Results:
    """Beta posteriors of two rates."""
    kind = inputs.get("credible_kind", "equal-tailed for p_t - p_c")
    if not ("equal" in kind and "p_t - p_c" in kind):
        raise ValueError(f"this credible interval is not known: {kind!r}")
    treatment, control = (share(inputs, side, data) for side in SIDES)
    given = inputs.get("prior", "uniform")
    one_each = isinstance(given, Mapping) and "treatment" in given
    found = bayes_rates(
        treatment=treatment,
        control=control,
        prior=_beta_prior(given["treatment"] if one_each else given),
        control_prior=_beta_prior(given["control"] if one_each else given),
        credible=inputs.get("credible", 0.95),
    )
    if isinstance(found, Undefined):
        return dict.fromkeys(("prob_t_better", "posterior_mean_diff", "ci_low", "ci_high"))
    return {
        "prob_t_better": found.treatment.probability_best,
        "prob_c_better": found.control.probability_best,
        "expected_loss_choose_t": found.treatment.expected_loss,
        "expected_loss_choose_c": found.control.expected_loss,
        "posterior_mean_diff": found.mean,
        "ci_low": found.low,
        "ci_high": found.high,
    }


def bayes_normal(inputs: Inputs, data: Path) -> Results:
    """Normal posterior of an estimate."""
    effect = _effect(inputs, data)
    if isinstance(effect, Undefined):
        return dict.fromkeys(("mean", "sd", "ci_low", "ci_high", "prob_t_better"))
    given: dict[str, Any] = {
        "value": effect.value,
        "se": effect.se,
        "prior": _normal_prior(inputs.get("prior")),
    }
    belief = posterior(**given)
    limits = credible_interval(
        **given, credible=inputs.get("credible", inputs.get("confidence", 0.95))
    )
    return {
        "estimate": effect.value,
        "se": effect.se,
        "mean": part(belief, "mean"),
        "sd": part(belief, "sd"),
        "ci_low": part(limits, "low"),
        "ci_high": part(limits, "high"),
        "prob_t_better": number(probability_above(**given)),
        "loss_choose_t": number(expected_loss(**given)),
        "loss_choose_c": number(expected_gain(**given)),
    }


def multiple_testing(inputs: Inputs, data: Path) -> Results:
    """Adjusted p-values of given ones, or of a family of comparisons in a data set."""
    if "p_values" in inputs:
        raw: list[float | Undefined] = list(inputs["p_values"])
    else:
        raw = [_family_p(inputs, data, member) for member in inputs["family"]]
    return {
        "raw": [number(p) for p in raw],
        **{
            correction.value: [number(p) for p in adjusted(raw, correction=correction)]
            for correction in Correction
        },
    }


def _association(prefix: str, found: Association | Undefined, scale: str) -> Results:
    interval = part(found, scale)
    log = part(found, "log")
    return {
        f"{prefix}_low": None if interval is None else part(interval, "low"),
        f"{prefix}_high": None if interval is None else part(interval, "high"),
        f"{prefix}_se": None if log is None else part(log, "se"),
        f"{prefix}_p": None if log is None else part(log, "p_value"),
    }


def _strata(inputs: Inputs, data: Path) -> list[Stratum]:
    if "tables" in inputs:
        return [Stratum(*(Share(row[0], sum(row)) for row in table)) for table in inputs["tables"]]
    if "strata" in inputs:
        return [Stratum(*(share(one, side, data) for side in SIDES)) for one in inputs["strata"]]
    columns = [inputs["stratum"]] if isinstance(inputs["stratum"], str) else inputs["stratum"]
    rows = [row for row in dataset(inputs, data) if row[inputs["metric"]]]
    kept: dict[tuple[str, ...], dict[str, list[float]]] = {}
    for row in rows:
        stratum = kept.setdefault(tuple(row[one] for one in columns), {side: [] for side in SIDES})
        for side in SIDES:
            if same(row[inputs["group_column"]], inputs[side]):
                stratum[side].append(float(row[inputs["metric"]]))
    return [Stratum(*(Share.of(stratum[side]) for side in SIDES)) for stratum in kept.values()]


def _beta_prior(given: object) -> BetaPrior:
    if isinstance(given, Mapping):
        return BetaPrior(given["alpha"], given["beta"])
    return PRIORS[str(given).lower()]


def _normal_prior(given: object) -> NormalPrior | None:
    if isinstance(given, Mapping):
        if "sd" in given:
            return NormalPrior(given["mean"], given["sd"])
        return NormalPrior.of_variance(mean=given["mean"], variance=given["variance"])
    if given in (None, "flat", "none", "improper"):
        return None
    raise ValueError(f"this prior is not known: {given!r}")


def _effect(inputs: Inputs, data: Path) -> Difference | Lift | Undefined:
    words = inputs["effect"].lower()
    if "unpooled" in words:
        treated, controls = (share(inputs, side, data) for side in SIDES)
        return pooled_z(treatment=treated, control=controls)
    treatment, control = (sample(inputs, side, data) for side in SIDES)
    if "relative" in words:
        word(words, {"delta_linear": ""})
        return delta_lift(treatment=treatment, control=control)
    return means(words)(treatment=treatment, control=control)


def _family_p(inputs: Inputs, data: Path, member: str) -> float | Undefined:
    """The p-value of a comparison named like "mens spend Welch": group, metric, test."""
    *group, metric, test = member.split()
    rows = dataset(inputs, data)
    column = inputs.get("group_column") or next(
        name
        for name in rows[0]
        if any(same(cell, inputs["control"]) for cell in {row[name] for row in rows})
    )
    levels = sorted({row[column] for row in rows} - {str(inputs["control"])})
    named = [one for one in levels if one.lower().startswith(" ".join(group).lower())]
    if len(named) != 1:
        raise ValueError(f"{member!r} names {len(named)} of the groups {levels}")
    case = {**inputs, "group_column": column, "treatment": named[0], "metric": metric}
    if test.lower() in ("z", "chi2"):
        treated, controls = (share(case, side, data) for side in SIDES)
        found = pooled_z_test(treatment=treated, control=controls)
        return found if isinstance(found, Undefined) else found.p_value
    treatment, control = (sample(case, side, data) for side in SIDES)
    gap = means(test.lower())(treatment=treatment, control=control)
    return gap if isinstance(gap, Undefined) else gap.p_value


ADAPTERS: Mapping[str, Adapter] = {
    "bayes_normal": bayes_normal,
    "bayes_proportions": bayes_proportions,
    "fisher_exact": fisher,
    "mantel_haenszel": mantel_haenszel,
    "multiple_testing": multiple_testing,
    "ratio_metric_delta": ratio_metric_delta,
    "risk_ratio_odds_ratio": risk_ratio_odds_ratio,
}
