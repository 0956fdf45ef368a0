"""Blocks of NDJSON whose lines differ in their values only, read as text between quotation marks.

The first line is the pattern. A block is read so only if every byte outside the values is that of
the pattern, every number is one, and no string has an escape: then no reader could take it in two
ways. Any other block is left to a slower reader.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from experiments.intake.limits import PARSED_BYTES
from experiments.intake.lines import is_plain

_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_PAIR = re.compile(rf' *"([^"]+)"( *: *)(?:"[^"]*"|({_NUMBER}))( *[,}}] *)'.encode())
_QUOTE = ord('"')


@dataclass(frozen=True, slots=True)
class _Value:
    """Where a value stands: `part` counts the texts between quotation marks from 0.

    A number shares its part with what stands around it, `before` and `after`.
    """

    name: str
    part: int
    before: str = ""
    after: str = ""

    @property
    def is_number(self) -> bool:
        return self.part % 2 == 0


@dataclass(frozen=True, slots=True)
class _Pattern:
    """What all lines share: the values, and the texts between them with the mark they begin at."""

    values: tuple[_Value, ...]
    parts: int
    texts: tuple[tuple[int, bytes], ...]


def parse_plain_lines(
    block: bytes, *, wanted: Collection[str], known: Collection[str] | None
) -> dict[str, pa.Array] | None:
    r"""Parse a block of whole lines, a record each; None where they are not all alike.

    Args:
        block: The lines.
        wanted: Keys to keep.
        known: The keys that a record may have; None for any.

    Returns:
        Text per wanted key that the block has.

    Example:
        >>> columns = parse_plain_lines(
        ...     b'{"id": "a", "x": 1.50}\n{"id": "b", "x": 2}\n', wanted=["id", "x"], known=None
        ... )
        >>> columns["x"].to_pylist()
        ['1.50', '2']
    """
    if b"\\" in block or not is_plain(block):
        return None
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
    if not block.endswith(b"\n"):
        block += b"\n"
    pattern = _pattern_of(block[: block.index(b"\n")])
    letters = np.frombuffer(block, np.uint8)
    lines = int(np.count_nonzero(letters == ord("\n")))
    if pattern is None or lines != np.count_nonzero(letters < ord(" ")):
        return None
    names = [value.name for value in pattern.values]
    if known is not None and not set(names) <= set(known):
        return None
    kept = [value for value in pattern.values if value.is_number or value.name in wanted]
    if len(kept) * len(block) > PARSED_BYTES:
        return None
    table = _parted(block, pattern.parts, [value.part for value in kept])
    if table is None or table.num_rows != lines or not _is_alike(letters, pattern, lines):
        return None
    columns = {}
    for value in kept:
        text = table[str(value.part)].combine_chunks()
        if value.is_number:
            shape = f"^{re.escape(value.before)}{_NUMBER}{re.escape(value.after)}$"
            if not pc.all(pc.match_substring_regex(text, shape)).as_py():
                return None
            text = pc.utf8_slice_codeunits(text, len(value.before), -len(value.after))
        columns[value.name] = text
    return {name: column for name, column in columns.items() if name in wanted}


def _pattern_of(line: bytes) -> _Pattern | None:
    values: list[_Value] = []
    part, at = 0, len(line) - len(line.lstrip(b" "))
    if line[at : at + 1] != b"{":
        return None
    at += 1
    while pair := _PAIR.match(line, at):
        name, before, number, after = pair.groups()
        if number is None:
            values.append(_Value(name.decode(), part + 3))
            part += 4
        else:
            values.append(_Value(name.decode(), part + 2, before.decode(), after.decode()))
            part += 2
        at = pair.end()
        if b"}" in after:
            break
    is_whole = values and at == len(line) and line.rstrip(b" ").endswith(b"}")
    if not is_whole or len({value.name for value in values}) < len(values):
        return None
    marks = [at for at, letter in enumerate(line) if letter == _QUOTE]
    texts = []
    mark, begins = -1, 0
    for value in values:
        texts.append((mark, line[begins : marks[value.part - 1] + 1]))
        if value.part == len(marks):
            break
        mark, begins = value.part, marks[value.part]
    else:
        texts.append((mark, line[begins:] + b"\n"))
    return _Pattern(tuple(values), len(marks) + 1, tuple(texts))


def _parted(block: bytes, parts: int, kept: list[int]) -> pa.Table | None:
    """Part the lines at their quotation marks; None where one has more or fewer of them."""
    try:
        return pa_csv.read_csv(
            pa.BufferReader(block),
            pa_csv.ReadOptions(
                use_threads=False,
                column_names=list(map(str, range(parts))),
                block_size=len(block) + 1,
            ),
            pa_csv.ParseOptions(delimiter='"', quote_char=False, ignore_empty_lines=False),
            pa_csv.ConvertOptions(
                include_columns=list(map(str, kept or [0])),
                column_types={str(part): pa.string() for part in kept or [0]},
                strings_can_be_null=False,
                check_utf8=False,
            ),
        )
    except pa.ArrowInvalid:
        return None


def _is_alike(letters: npt.NDArray[np.uint8], pattern: _Pattern, lines: int) -> bool:
    """Whether all lines have the texts of the pattern between their values."""
    found = np.flatnonzero(letters == _QUOTE)
    if len(found) != lines * (pattern.parts - 1):
        return False  # a line is empty
    marks = found.reshape(lines, pattern.parts - 1)
    feeds = np.flatnonzero(letters == ord("\n"))
    starts = np.concatenate([[0], feeds[:-1] + 1])
    for mark, text in pattern.texts:
        begins = starts if mark < 0 else marks[:, mark]
        if begins[-1] + len(text) > len(letters):
            return False
        there = np.lib.stride_tricks.sliding_window_view(letters, len(text))[begins]
        if not (there == np.frombuffer(text, np.uint8)).all():
            return False
    return True
