"""Find where a likelihood of positive parameters is largest, or say that it has no such place.

Quasi-Newton search on the logarithms of the parameters (Nocedal and Wright 2006, Numerical
Optimization, chapters 6 and 7), then Newton steps. At a maximum these die out; along a likelihood
that rises for ever, as one of a + b / parameter does, each is as long as the one before.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.optimize import minimize

from experiments.errors import Undefined
from experiments.stats.moments import Floats

# Parameters in, log-likelihood and its slope in each parameter out.
LogLikelihood = Callable[[Floats], tuple[float, Floats]]

# How far a parameter may go from its start, as a factor's logarithm.
FARTHEST = 15.0
NEWTON_STEPS = 10
SMALL_STEP = 1e-6
APART = 1e-4


@dataclass(frozen=True, slots=True)
class Maximum:
    """The parameters in the order of the start, and the log-likelihood at them."""

    parameters: tuple[float, ...]
    log_likelihood: float


def maximise(
    log_likelihood: LogLikelihood, *, start: Mapping[str, float], customers: float
) -> Maximum | Undefined:
    """Maximise a likelihood over positive parameters.

    Args:
        log_likelihood: Its value and slopes, shape (parameters,).
        start: Where the search begins, by name of the parameter; of the right size or nearly.
        customers: How many customers the log-likelihood adds up, above 0.
    """
    origin = np.log(list(start.values()))

    def downhill(logs: Floats) -> tuple[float, Floats]:
        parameters = np.exp(logs)
        value, slopes = log_likelihood(parameters)
        return -value / customers, -slopes * parameters / customers

    found = minimize(
        downhill,
        origin,
        jac=True,
        method="L-BFGS-B",
        bounds=[(log - FARTHEST, log + FARTHEST) for log in origin],
        options={"maxiter": 2000, "maxfun": 10_000, "ftol": 1e-13, "gtol": 1e-6},
    )
    logs = np.asarray(found.x, dtype=np.float64)
    for _ in range(NEWTON_STEPS):
        step = _newton_step(downhill, logs)
        if step is None or np.max(np.abs(logs - origin)) > FARTHEST - APART:
            break
        longest = float(np.max(np.abs(step)))
        logs = logs + step / max(1.0, longest)
        if longest < SMALL_STEP:
            parameters = np.exp(logs)
            return Maximum(tuple(parameters.tolist()), float(log_likelihood(parameters)[0]))
    moved = logs - origin
    farthest = int(np.argmax(np.abs(moved)))
    way = "grows" if moved[farthest] > 0 else "falls towards zero"
    return Undefined(
        f"the likelihood has no finite maximum: it keeps rising as {list(start)[farthest]} {way}"
    )


def _newton_step(downhill: LogLikelihood, logs: Floats) -> Floats | None:
    """The step to the bottom of the parabola; None where the surface is no bowl."""
    nudges = APART * np.eye(len(logs))
    bend = np.array(
        [(downhill(logs + nudge)[1] - downhill(logs - nudge)[1]) / (2 * APART) for nudge in nudges]
    )
    try:
        factor = cho_factor((bend + bend.T) / 2)
    except LinAlgError:
        return None
    return np.asarray(-cho_solve(factor, downhill(logs)[1]), dtype=np.float64)
