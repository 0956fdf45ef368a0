"""Which shape goes with a verdict or a check? Drawn, because a typeface may lack the sign."""

from dataclasses import dataclass
from typing import Final

from experiments.report.report import Tone

# Sixteen units square, drawn with the pen in the colour of the text around.
_DRAWINGS: Final = {
    "✓": '<path d="M2.5 8.8 6.2 12.6 13.5 3.8" fill="none" stroke-width="2.2"/>',
    "✕": '<path d="M3.2 3.2 12.8 12.8 M12.8 3.2 3.2 12.8" fill="none" stroke-width="2.2"/>',
    "◦": '<circle cx="8" cy="8" r="4.6" fill="none" stroke-width="2.2"/>',
    "!": '<path d="M8 2.2 V9.6 M8 12.3 V13.9" fill="none" stroke-width="2.4"/>',
    "▒": "".join(
        f'<path d="M2 {y} H14" fill="none" stroke-width="2.4" stroke-dasharray="2.4 2.4"'
        f' stroke-dashoffset="{shift}"/>'
        for y, shift in ((3.2, 0), (5.6, 2.4), (8, 0), (10.4, 2.4), (12.8, 0))
    ),
}
_OF_TONE: Final = {Tone.GOOD: "✓", Tone.BAD: "✕", Tone.CAUTION: "!", Tone.PLAIN: "◦"}


@dataclass(frozen=True, slots=True)
class Mark:
    """A drawn shape, and the word that it goes with."""

    svg: str
    word: str


def verdict_mark(line: str, *, colour: str = "currentColor") -> Mark:
    """Part a verdict such as "✓ Proved" into its shape and its word.

    Example:
        >>> verdict_mark("✓ Proved").word
        'Proved'
        >>> verdict_mark("No shape here")
        Mark(svg='', word='No shape here')
    """
    shape, _, word = line.partition(" ")
    if shape not in _DRAWINGS or not word:
        return Mark(svg="", word=line)
    return Mark(svg=_svg(shape, colour=colour), word=word)


def check_mark(tone: Tone, *, colour: str = "currentColor") -> str:
    """The shape of a check's outcome, as SVG."""
    return _svg(_OF_TONE[tone], colour=colour)


def _svg(shape: str, *, colour: str) -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" class="shape" viewBox="0 0 16 16" width="16"'
        f' height="16" aria-hidden="true"><g stroke="{colour}">{_DRAWINGS[shape]}</g></svg>'
    )
