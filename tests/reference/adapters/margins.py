"""Equivalence and non-inferiority of means and rates."""

from collections.abc import Mapping
from pathlib import Path

from experiments.errors import Undefined
from experiments.stats.equivalence import (
    Equivalence,
    OneSided,
    equivalence,
    non_inferiority,
    rate_equivalence,
    relative_equivalence,
    relative_non_inferiority,
)
from experiments.stats.estimate import Alternative, Difference
from experiments.stats.rates import ZTest, pooled_z
from experiments.stats.score import relative_score_test, score_test
from tests.reference.adapters.answers import confidence, part, tested
from tests.reference.adapters.protocol import Adapter
from tests.reference.adapters.words import means
from tests.reference.reading import SIDES, Inputs, Results, sample, share


def equivalence_tost(inputs: Inputs, data: Path) -> Results:
    """Two one-sided tests of means or of rates."""
    level = {"alpha": inputs["alpha"]} if "alpha" in inputs else {}
    margin = inputs.get("margin", inputs.get("margin_relative"))
    if isinstance(margin, list):
        low, high = margin
    elif margin is None:
        low, high = inputs["margin_low"], inputs["margin_high"]
    else:
        low, high = -margin, margin
    margins = {"low": low, "high": high, **level}
    method = inputs.get("method", "Welch TOST").lower()
    found: Equivalence | Undefined
    if "farrington" in method or "score" in method:
        treated, controls = (share(inputs, side, data) for side in SIDES)
        found = rate_equivalence(treatment=treated, control=controls, **margins)
    elif "wald" in method or "unpooled" in method:
        treated, controls = (share(inputs, side, data) for side in SIDES)
        gap = pooled_z(treatment=treated, control=controls)
        found = gap if isinstance(gap, Undefined) else equivalence(gap, **margins)
    else:
        compare = means(method)
        treatment, control = (sample(inputs, side, data) for side in SIDES)
        if "margin_relative" in inputs:
            found = relative_equivalence(
                treatment=treatment, control=control, method=compare, **margins
            )
        else:
            gap = compare(treatment=treatment, control=control)
            found = gap if isinstance(gap, Undefined) else equivalence(gap, **margins)
    if isinstance(found, Undefined):
        return {"p": None}
    lower, upper = found.above_low, found.below_high
    return {
        "p": found.p_value,
        "t_lower": lower.statistic,
        "t_upper": upper.statistic,
        "z_lower": lower.statistic,
        "z_upper": upper.statistic,
        "p_lower": lower.p_value,
        "p_upper": upper.p_value,
        "df": lower.df,
        "equivalent": found.equivalent,
        "ci90_low": found.interval.low,
        "ci90_high": found.interval.high,
        "ci_low": found.interval.low,
        "ci_high": found.interval.high,
    }


def non_inferior(inputs: Inputs, data: Path) -> Results:
    """A difference tested against a margin."""
    words = inputs.get("method", inputs.get("methods", "Welch")).lower()
    hypothesis = inputs.get("hypothesis", "H0: <= margin")
    side = Alternative.GREATER if "<=" in hypothesis else Alternative.LESS
    if side is Alternative.LESS and ">=" not in hypothesis:
        raise ValueError(f"this hypothesis cannot be read: {hypothesis!r}")
    if "farrington" in words or "score" in words or "wald" in words:
        return _rate_non_inferior(inputs, data, side)
    treatment, control = (sample(inputs, one, data) for one in SIDES)
    compare = means(words)
    if "margin_relative" in inputs:
        return _one_sided(
            relative_non_inferiority(
                treatment=treatment,
                control=control,
                margin=inputs["margin_relative"],
                alternative=side,
                method=compare,
            )
        )
    gap = compare(treatment=treatment, control=control, **confidence(inputs), alternative=side)
    return {**tested(gap), **_one_sided(_against(gap, inputs["margin"], side))}


def _rate_non_inferior(inputs: Inputs, data: Path, side: Alternative) -> Results:
    treatment, control = (share(inputs, one, data) for one in SIDES)
    if "margin_relative" in inputs:
        score, corrected = (
            relative_score_test(
                treatment=treatment,
                control=control,
                margin=inputs["margin_relative"],
                alternative=side,
                corrected=with_factor,
            )
            for with_factor in (False, True)
        )
        return {**_z("farrington_manning", score), **_z("miettinen_nurminen", corrected)}
    score, corrected = (
        score_test(
            treatment=treatment,
            control=control,
            margin=inputs["margin"],
            alternative=side,
            corrected=with_factor,
        )
        for with_factor in (False, True)
    )
    gap = pooled_z(treatment=treatment, control=control)
    return {
        **_z("farrington_manning", score),
        **_z("miettinen_nurminen", corrected),
        **_z("wald", _against(gap, inputs["margin"], side)),
    }


def _against(gap: Difference | Undefined, margin: float, side: Alternative) -> OneSided | Undefined:
    if isinstance(gap, Undefined):
        return gap
    return non_inferiority(gap, margin=margin, alternative=side)


def _one_sided(found: OneSided | Undefined) -> Results:
    return {
        "t": part(found, "statistic"),
        "df": part(found, "df"),
        "p": part(found, "p_value"),
    }


def _z(name: str, found: ZTest | OneSided | Undefined) -> Results:
    return {f"z_{name}": part(found, "statistic"), f"p_{name}": part(found, "p_value")}


ADAPTERS: Mapping[str, Adapter] = {
    "equivalence_tost": equivalence_tost,
    "non_inferiority": non_inferior,
}
