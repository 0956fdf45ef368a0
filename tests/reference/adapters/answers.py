"""Rename what the library answers to what the cases call it."""

from typing import Any

from experiments.errors import Undefined
from experiments.stats.estimate import Alternative, Interval
from experiments.stats.fieller import Ratio
from tests.reference.reading import Inputs, Results


def tested(found: object) -> Results:
    """What every tested difference is called in the cases."""
    return {
        "estimate": part(found, "value"),
        "se": part(found, "se"),
        "t": part(found, "statistic"),
        "df": part(found, "df"),
        "p": part(found, "p_value"),
        "ci_low": part(found, "low"),
        "ci_high": part(found, "high"),
    }


def ratio(found: Ratio | Undefined) -> Results:
    """What every ratio is called in the cases."""
    interval: Interval | Undefined = found if isinstance(found, Undefined) else found.interval
    delta = found if isinstance(found, Undefined) else found.delta_interval
    return {
        "estimate": part(found, "value"),
        "se": part(found, "se"),
        "se_delta": part(found, "se"),
        "delta_low": part(delta, "low"),
        "delta_high": part(delta, "high"),
        "fieller_low": part(interval, "low"),
        "fieller_high": part(interval, "high"),
        "ci_low": part(interval, "low"),
        "ci_high": part(interval, "high"),
        "fieller_g": part(found, "g"),
        "bounded": part(found, "bounded"),
    }


def part(found: object, name: str) -> object:
    """One field of a result; None where there is no number."""
    return None if isinstance(found, Undefined) else getattr(found, name)


def number(value: float | Undefined) -> float | None:
    """A number; None where there is none."""
    return None if isinstance(value, Undefined) else value


def confidence(inputs: Inputs) -> dict[str, Any]:
    """The confidence of a case, where it says one."""
    return {"confidence": inputs["confidence"]} if "confidence" in inputs else {}


def alternative(inputs: Inputs) -> dict[str, Any]:
    """The alternative of a case; two-sided where it is silent."""
    return {"alternative": Alternative(inputs.get("alternative", "two-sided"))}


def options(inputs: Inputs) -> dict[str, Any]:
    """Confidence and alternative of a case."""
    return {**confidence(inputs), **alternative(inputs)}
