"""What words in a case's text stand for."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from experiments.errors import Undefined
from experiments.stats.estimate import Difference
from experiments.stats.means import student, welch

Meaning = TypeVar("Meaning")


def word(words: str, meanings: Mapping[str, Meaning]) -> Meaning:
    """What the first known word of a text stands for."""
    for known, meaning in meanings.items():
        if known in words.lower():
            return meaning
    raise ValueError(f"this method is not known: {words!r}")


def means(words: str) -> Callable[..., Difference | Undefined]:
    """The comparison of means that a text names."""
    return word(words, {"welch": welch, "student": student, "pooled": student})
