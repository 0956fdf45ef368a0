"""Exact sums ran out of digits: the same sentence whichever engine found it."""

from experiments.errors import BadInput


def too_large(found: str) -> BadInput:
    """What to say where a total does not fit; sums never wrap around.

    Args:
        found: What the engine said.
    """
    return BadInput(
        "Values are too large to be added up exactly: a customer's total must stay below "
        "100,000,000,000,000. Record the measure in a larger unit, such as thousands. "
        f"({found.splitlines()[0].strip()})"
    )
