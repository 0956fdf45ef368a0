"""The search for a maximum, where there is one and where there is none."""

import numpy as np
import pytest

from experiments.errors import Undefined
from experiments.finance.likelihood import Maximum, maximise
from experiments.stats.moments import Floats


def hill(parameters: Floats) -> tuple[float, Floats]:
    """Highest at 3 and 50, where it is 7."""
    logs = np.log(parameters / np.array([3.0, 50.0]))
    bend = np.array([[2.0, 1.9], [1.9, 2.0]])
    return float(7 - logs @ bend @ logs / 2), -(bend @ logs) / parameters


def test_a_narrow_hill_is_climbed() -> None:
    found = maximise(hill, start={"one": 1.0, "other": 1.0}, customers=1)
    assert isinstance(found, Maximum)
    assert found.parameters == pytest.approx((3.0, 50.0))
    assert found.log_likelihood == pytest.approx(7)


def test_a_ridge_that_rises_for_ever_has_no_maximum() -> None:
    """5 - log(first)^2 - 1 / second."""

    def ridge(parameters: Floats) -> tuple[float, Floats]:
        first, second = parameters
        slopes = np.array([-2 * np.log(first) / first, 1 / second**2])
        return float(5 - np.log(first) ** 2 - 1 / second), slopes

    found = maximise(ridge, start={"first": 2.0, "second": 1.0}, customers=1)
    assert isinstance(found, Undefined)
    assert "as second grows" in found.reason


def test_a_plain_has_no_maximum() -> None:
    found = maximise(lambda parameters: (0.0, np.zeros(1)), start={"level": 1.0}, customers=1)
    assert isinstance(found, Undefined)
