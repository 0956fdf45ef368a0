"""What can the report's typeface show, and how wide does it set a text?

A printed report embeds Inter and nothing else, and PDF/A refuses a character without a glyph.
So a name from any alphabet must be checked before it is set.

Tables: OpenType specification 1.9, "cmap" (format 12), "hmtx", "hhea" and "head".
"""

import struct
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

FONTS: Final = Path(__file__).parent / "fonts"

# Drawn in the verdict line; inside a sentence the nearest sign that Inter has stands in.
_STAND_INS: Final = {"✕": "×", "▒": "■"}
_UNKNOWN: Final = "□"
_LONGEST_WORD: Final = 24
_PIECE: Final = 6
_BREAK: Final = "\u200b"


@dataclass(frozen=True, slots=True)
class _Face:
    """One weight: glyph by character, and advance by glyph, in parts of an em."""

    glyphs: dict[int, int]
    advances: tuple[float, ...]


def clean(text: str) -> str:
    r"""Take out what no page and no drawing may hold: control characters and lone surrogates.

    Example:
        >>> clean("Men's\x07 e-mail,\nspring")
        "Men's e-mail, spring"
    """
    spaced = "".join(" " if c in "\t\n\r" else c for c in unicodedata.normalize("NFC", text))
    return "".join(_UNKNOWN if _is_surrogate(c) else c for c in spaced if not _is_control(c))


def printable(text: str) -> str:
    """The text with every character that Inter lacks replaced by a visible sign.

    Example:
        >>> printable("Zażółć ✕ 日本")
        'Zażółć × □□'
    """
    known = _face(bold=False).glyphs
    swapped = (_STAND_INS.get(c, c) for c in clean(text))
    return "".join(
        c if ord(c) in known and unicodedata.category(c) != "Co" else _UNKNOWN
        for c in swapped
        if unicodedata.category(c) not in {"Cf", "Mn", "Me"} or ord(c) in known
    )


def breakable(text: str) -> str:
    """The text with places to break inside words that are longer than a column.

    Example:
        >>> breakable("Men's e-mail " + "a" * 25).split("\u200b")[1:]
        ['aaaaaa', 'aaaaaa', 'aaaaaa', 'a']
    """
    return " ".join(_pieces(word) for word in text.split(" "))


def text_width(text: str, *, size: float, bold: bool = False) -> float:
    """Width of one line, in the unit of `size`; a character that Inter lacks counts one em."""
    face = _face(bold=bold)
    return size * sum(
        face.advances[face.glyphs[ord(c)]] if ord(c) in face.glyphs else 1.0 for c in text
    )


def wrapped(
    text: str, *, width: float, size: float, bold: bool = False, lines: int = 3
) -> list[str]:
    """Break a text into lines that fit; what does not fit in the last line ends in an ellipsis."""

    def fits(candidate: str) -> bool:
        return text_width(candidate, size=size, bold=bold) <= width

    rows = [""]
    for word in clean(text).split():
        if fits(f"{rows[-1]} {word}".strip()):
            rows[-1] = f"{rows[-1]} {word}".strip()
            continue
        if rows[-1]:
            rows.append("")
        for character in word:
            if not fits(rows[-1] + character):
                rows.append("")
            rows[-1] += character
    if len(rows) <= lines:
        return rows
    last = rows[lines - 1]
    while last and not fits(f"{last}…"):
        last = last[:-1]
    return [*rows[: lines - 1], f"{last.rstrip()}…"]


def _pieces(word: str) -> str:
    if len(word) <= _LONGEST_WORD:
        return word
    return _BREAK.join(word[i : i + _PIECE] for i in range(0, len(word), _PIECE))


@cache
def _face(*, bold: bool) -> _Face:
    data = (FONTS / ("Inter-SemiBold.ttf" if bold else "Inter-Regular.ttf")).read_bytes()
    (count,) = struct.unpack_from(">H", data, 4)
    tables = {
        tag: offset
        for tag, _, offset, _ in (
            struct.unpack_from(">4sLLL", data, 12 + 16 * i) for i in range(count)
        )
    }
    (units,) = struct.unpack_from(">H", data, tables[b"head"] + 18)
    (metrics,) = struct.unpack_from(">H", data, tables[b"hhea"] + 34)
    (glyph_count,) = struct.unpack_from(">H", data, tables[b"maxp"] + 4)
    advances = [
        struct.unpack_from(">H", data, tables[b"hmtx"] + 4 * i)[0] / units for i in range(metrics)
    ]
    advances += [advances[-1]] * (glyph_count - metrics)
    return _Face(_characters(data, tables[b"cmap"]), tuple(advances))


def _characters(data: bytes, cmap: int) -> dict[int, int]:
    (count,) = struct.unpack_from(">H", data, cmap + 2)
    for i in range(count):
        (offset,) = struct.unpack_from(">L", data, cmap + 4 + 8 * i + 4)
        if struct.unpack_from(">H", data, cmap + offset) != (12,):
            continue
        (groups,) = struct.unpack_from(">L", data, cmap + offset + 12)
        spans = struct.iter_unpack(">LLL", data[cmap + offset + 16 :][: 12 * groups])
        return {
            first + step: glyph + step
            for first, last, glyph in spans
            for step in range(last - first + 1)
        }
    raise ValueError("The typeface has no character table of format 12.")


def _is_control(character: str) -> bool:
    return unicodedata.category(character) == "Cc" or character in "\ufffe\uffff"


def _is_surrogate(character: str) -> bool:
    return unicodedata.category(character) == "Cs"
