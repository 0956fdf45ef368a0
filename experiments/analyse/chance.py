"""Where does the chance inside an analysis come from? From names, so that it can be repeated."""

import hashlib

import numpy as np


def chance_of(*names: str) -> np.random.Generator:
    """Chance of its own for each use, whatever else is drawn: the same names, the same draws.

    Args:
        names: The plan's fingerprint, and what the chance is for.

    Example:
        >>> one, again = chance_of("a plan", "spend"), chance_of("a plan", "spend")
        >>> one.random() == again.random()
        True
    """
    digest = hashlib.sha256("\n".join(names).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16]))
