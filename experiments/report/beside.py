"""What stands beside the estimates in `result.json`: segments, treatments compared, details."""

from experiments.analyse.detail import Detail
from experiments.analyse.estimate import AdjustedPValue
from experiments.analyse.segments import LevelEffect, SegmentEffects
from experiments.errors import Undefined
from experiments.report.plain import Json, bounded, number_or_reason, undefined
from experiments.stats.multiplicity import Correction

CORRECTIONS = {Correction.HOLM: "holm", Correction.BENJAMINI_HOCHBERG: "benjamini-hochberg"}


def adjusted_as_json(found: AdjustedPValue | None) -> Json | None:
    """A p-value raised for being one of several."""
    if found is None:
        return None
    return {
        "method": CORRECTIONS[found.correction],
        "value": number_or_reason(found.value),
        "family": found.family,
    }


def segment_as_json(found: SegmentEffects) -> Json:
    """A primary's effect by level of an attribute."""
    test = found.interaction
    return {
        "attribute": found.attribute,
        "metric": found.metric,
        "treatment": found.treatment,
        "interaction": undefined(test)
        if isinstance(test, Undefined)
        else {
            "statistic": test.statistic,
            "df": test.df,
            "df_residual": number_or_reason(test.df_residual),
            "p_value": test.p_value,
        },
        "between_sd": number_or_reason(found.between_sd),
        "tried": found.tried,
        "exploratory": True,
        "levels": [_level(level) for level in found.levels],
    }


def _level(found: LevelEffect) -> Json:
    return {
        "level": found.level,
        "method": found.estimate.method.value,
        "effect": bounded(found.estimate.difference),
        "pooled": bounded(found.pooled),
    }


def detail_as_json(found: Detail) -> Json:
    """Another method's answer; null where the method has no such number."""
    return {
        "metric": found.metric,
        "treatment": found.treatment,
        "name": found.name,
        **{
            key: None if number is None else number_or_reason(number)
            for key, number in (
                ("value", found.value),
                ("low", found.low),
                ("high", found.high),
                ("p_value", found.p_value),
            )
        },
        "note": found.note,
    }
