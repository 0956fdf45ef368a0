"""Effects within strata and by level of an attribute."""

import math
from collections.abc import Mapping
from pathlib import Path

from experiments.errors import Undefined
from experiments.stats.interaction import (
    RateStratum,
    interaction_f,
    interaction_likelihood_ratio,
    interaction_wald,
    welch_interaction,
)
from experiments.stats.means import welch
from experiments.stats.moments import Sample
from experiments.stats.rates import Share
from experiments.stats.segments import heterogeneity, partial_pooling
from experiments.stats.strata import (
    StratifiedDifference,
    Stratum,
    Weights,
    stratified_difference,
)
from tests.reference.adapters.answers import confidence, options, part, tested
from tests.reference.adapters.protocol import Adapter
from tests.reference.adapters.regression import complete
from tests.reference.reading import SIDES, Inputs, Results, dataset, same, sample


def stratified(inputs: Inputs, data: Path) -> Results:
    """Weighted mean of the differences within strata."""
    words = inputs.get("weights", "N_h/N over both arms").lower()
    known = {
        "n_h/n": Weights.POPULATION,
        "population": Weights.POPULATION,
        "mantel": Weights.MANTEL_HAENSZEL,
        "cochran": Weights.MANTEL_HAENSZEL,
        "inverse": Weights.INVERSE_VARIANCE,
        "1/var": Weights.INVERSE_VARIANCE,
    }
    weights = next(found for word, found in known.items() if word in words)
    if "ddof=1" not in inputs.get("variance", "ddof=1"):
        raise ValueError(f"this variance is not known: {inputs['variance']!r}")
    strata = _strata(inputs, data)
    by_t, by_normal = (
        tested(
            _difference(
                stratified_difference(strata, weights=weights, normal=normal, **options(inputs))
            )
        )
        for normal in (False, True)
    )
    return {
        **(by_normal if "normal" in str(inputs.get("critical", "")) else by_t),
        "z": by_normal["t"],
        **{f"{name}_normal": value for name, value in by_normal.items()},
        **{f"{name}_t": value for name, value in by_t.items()},
    }


def heterogeneous_effects(inputs: Inputs, data: Path) -> Results:
    """Effects by level, and whether they differ."""
    results: Results = {}
    if "effects" in inputs:
        effects, ses = inputs["effects"], inputs.get("ses", inputs.get("standard_errors"))
        dfs = inputs.get("dfs")
    else:
        strata = _strata(inputs, data)
        found = [welch(treatment=one.treatment, control=one.control) for one in strata]
        effects, ses, dfs = ([part(one, name) for one in found] for name in ("value", "se", "df"))
        f, wald = interaction_f(strata), interaction_wald(strata)
        results = {
            "interaction_f": part(f, "statistic"),
            "interaction_f_df": part(f, "df"),
            "interaction_f_df_residual": part(f, "df_residual"),
            "interaction_f_p": part(f, "p_value"),
            "interaction_wald_hc1_chi2": part(wald, "statistic"),
            "interaction_wald_hc1_p": part(wald, "p_value"),
            **_logit(inputs, data),
        }
    if None in effects:
        return {"segment_effects": effects, "segment_ses": ses, **results}
    same_effect = heterogeneity(effects, ses, **confidence(inputs))
    pooled = partial_pooling(effects, ses, **confidence(inputs))
    test = welch_interaction(effects, ses, dfs) if dfs else None
    interval = part(same_effect, "pooled_interval")
    return {
        "segment_effects": effects,
        "segment_ses": ses,
        "cochran_q": part(same_effect, "q"),
        "cochran_q_df": part(same_effect, "df"),
        "cochran_q_p": part(same_effect, "p_value"),
        "i2_percent": part(same_effect, "i2_percent"),
        "pooled_inverse_variance": part(same_effect, "pooled"),
        "pooled_se": part(same_effect, "pooled_se"),
        "pooled_ci_low": getattr(interval, "low", None),
        "pooled_ci_high": getattr(interval, "high", None),
        "interaction_welch_p": getattr(test, "p_value", None),
        "tau2_reml": part(pooled, "between_variance"),
        "pooled_reml": part(pooled, "mean"),
        "pooled_reml_se": part(pooled, "mean_se"),
        "shrunken_effects": part(pooled, "effects"),
        **results,
    }


def _strata(inputs: Inputs, data: Path) -> list[Stratum]:
    if "strata" in inputs:
        return [
            Stratum(str(at), *(sample(one, side, data) for side in SIDES))
            for at, one in enumerate(inputs["strata"])
        ]
    return [
        Stratum(level, *(Sample.of(values) for values in groups))
        for level, groups in _by_level(inputs, data).items()
    ]


def _by_level(inputs: Inputs, data: Path) -> dict[str, tuple[list[float], list[float]]]:
    """The metric of treatment and control at each level, in the order that the case gives."""
    by = inputs["stratum"] if "stratum" in inputs else inputs["segment"]
    metric, group = inputs["metric"], inputs["group_column"]
    rows = complete(dataset(inputs, data), [metric, by])
    named = [
        str(level) for level in inputs.get("levels", sorted({row[by] for row in rows}, key=_place))
    ]
    levels: dict[str, tuple[list[float], list[float]]] = {level: ([], []) for level in named}
    for row in rows:
        level = (
            row[by]
            if row[by] in levels
            else next((one for one in named if same(row[by], one)), None)
        )
        for at, side in enumerate(SIDES):
            if level is not None and same(row[group], inputs[side]):
                levels[level][at].append(float(row[metric]))
    return levels


def _place(level: str) -> tuple[float, str]:
    """Numbers in their order, then text in its own."""
    try:
        return float(level), level
    except ValueError:
        return math.inf, level


def _logit(inputs: Inputs, data: Path) -> Results:
    """The likelihood ratio of equal odds ratios, for a metric that is 0 or 1."""
    if "strata" in inputs:
        return {}
    levels = _by_level(inputs, data)
    if not all(value in (0, 1) for groups in levels.values() for one in groups for value in one):
        return {}
    found = interaction_likelihood_ratio(
        [
            RateStratum(level, *(Share.of(values) for values in groups))
            for level, groups in levels.items()
        ]
    )
    return {
        "logit_lr": part(found, "statistic"),
        "logit_lr_df": part(found, "df"),
        "logit_lr_p": part(found, "p_value"),
    }


def _difference(found: StratifiedDifference | Undefined) -> object:
    return found if isinstance(found, Undefined) else found.difference


ADAPTERS: Mapping[str, Adapter] = {
    "heterogeneous_effects": heterogeneous_effects,
    "stratified": stratified,
}
