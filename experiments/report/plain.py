"""Values as JSON has them: for a number that does not exist stands the reason."""

import json
import math
from typing import Any, Protocol

from experiments.errors import Undefined

Json = dict[str, Any]


def as_json(value: Json) -> str:
    """Text of a result; for a number that JSON does not have stands the reason."""
    return json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return number_or_reason(value) if isinstance(value, float) else value


def number_or_reason(value: float | Undefined) -> float | Json:
    """A number, or {"undefined": reason}."""
    if isinstance(value, Undefined):
        return undefined(value)
    if math.isnan(value):
        return undefined(Undefined("the computation gives no number"))
    if not math.isfinite(value):
        return undefined(Undefined("there is no bound"))
    return value


def undefined(value: Undefined) -> Json:
    """How a value that cannot be computed is written."""
    return {"undefined": value.reason}


class Bounded(Protocol):
    """A number with its interval, whatever it is the number of."""

    @property
    def value(self) -> float:
        """The number."""

    @property
    def low(self) -> float:
        """Its lower limit."""

    @property
    def high(self) -> float:
        """Its upper limit."""


def bounded(found: Bounded | Undefined) -> Json:
    """A number with its interval, or why there is none."""
    if isinstance(found, Undefined):
        return undefined(found)
    return {"value": found.value, "low": found.low, "high": found.high}
