"""Whether results agree with what a reference case expects."""

import math

from tests.reference.reading import Case, Results


def disagreements(case: Case, results: Results) -> list[str]:
    """One phrase for each expected key that is missing or outside its tolerance."""
    found: list[str] = []
    for key, expected in case["expected"].items():
        if key not in results:
            found.append(f"{key} is missing")
            continue
        relative, absolute = _tolerance(case, key)
        got = results[key]
        if not _agree(expected, got, relative=relative, absolute=absolute):
            found.append(f"{key} is {got}, expected {expected}")
    return found


def _tolerance(case: Case, key: str) -> tuple[float, float]:
    """Relative and absolute tolerance; one that an override leaves out is zero."""
    override = case["tolerance"].get("keys", {}).get(key)
    if override:
        return override.get("rel", 0.0), override.get("abs", 0.0)
    return case["tolerance"].get("rel", 0.0), case["tolerance"].get("abs", 0.0)


def _agree(expected: object, got: object, *, relative: float, absolute: float) -> bool:
    if expected is None or got is None:
        return expected is got
    if isinstance(expected, bool):
        return got is expected
    if isinstance(expected, list):
        return (
            isinstance(got, list | tuple)
            and len(got) == len(expected)
            and all(
                _agree(one, other, relative=relative, absolute=absolute)
                for one, other in zip(expected, got, strict=True)
            )
        )
    wanted, have = _number(expected), _number(got)
    if wanted is None or have is None or math.isnan(have):
        return False
    if math.isinf(wanted) or math.isinf(have):
        return wanted == have
    return abs(have - wanted) <= max(absolute, relative * abs(wanted))


def _number(value: object) -> float | None:
    """A number, or infinity by its name; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    return {"inf": math.inf, "-inf": -math.inf}.get(str(value))
