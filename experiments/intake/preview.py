"""What does a file hold? Its first rows, and how each column looks, before anything is taken in."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from experiments.errors import BadFile
from experiments.intake.day import to_days
from experiments.intake.header import GENERATED
from experiments.intake.label import LONGEST_LABEL
from experiments.intake.lines import HeadIsOver
from experiments.intake.rows import TextRows, open_rows
from experiments.intake.tally import shown
from experiments.intake.told import told_as

SAMPLE_RECORDS = 5_000
SAMPLE_BYTES = 4 << 20
VALUES_LISTED = 20
REJECTS_SHOWN = 20
MOSTLY = 0.8  # of a column's values
MOSTLY_DISTINCT = 0.9
# Also what the cast refuses later, with advice: a decimal comma, a currency sign, 28.02.2026.
_NUMBER = r"^[-+]?[\s€$£%]*[0-9][0-9.,'\s\x{a0}\x{202f}€$£%]*([eE][-+]?[0-9]+)?$"
_WHOLE = r"^[0-9]+$"
_DATE = r"^([0-9]{4}-[0-9]{1,2}-[0-9]{1,2}|[0-9]{1,4}[./][0-9]{1,2}[./][0-9]{2,4})([Tt ].*)?$"
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_LETTERS = str.maketrans({"ł": "l", "Ł": "L", "ß": "ss", "ø": "o", "Ø": "O"})


class Looks(StrEnum):
    """What most values of a column look like."""

    NUMBER = "number"
    DATE = "date"
    TEXT = "text"
    BLANK = "blank"


@dataclass(frozen=True, slots=True)
class Column:
    """How a column looks in the first records of its file.

    Attributes:
        name: As in the header.
        looks: What at least four fifths of its values look like.
        is_id: Whether nearly every record has a value of its own, neither a date nor a fraction.
        blank_share: Share of the records without a value.
        distinct: How many different values there are.
        values: The values in order, where there are at most 20.
        first_day: Of its days, where it holds dates that can be read.
        last_day: Likewise.
    """

    name: str
    looks: Looks
    is_id: bool
    blank_share: float
    distinct: int
    values: tuple[str, ...]
    first_day: date | None = None
    last_day: date | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The words of its name, without capitals and accents.

        Example:
            >>> Column("Numéro_clientID", Looks.TEXT, True, 0.0, 2, ("a", "b")).words
            ('numero', 'client', 'id')
        """
        return words_of(self.name)


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name, without capitals and accents."""
    # Accents become characters of their own, which belong to no word.
    plain = unicodedata.normalize("NFKD", name.translate(_LETTERS))
    letters = "".join(one for one in plain if not unicodedata.combining(one))
    return tuple(word.lower() for word in _WORD.findall(letters))


@dataclass(frozen=True, slots=True)
class Preview:
    """The head of a file.

    Attributes:
        file: What the file is called.
        columns: In the order of the header.
        rows: The first records as text, a cell per column; long cells are cut.
        records: How many records the columns were judged by.
        is_whole: Whether these are all records of the file.
    """

    file: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    records: int
    is_whole: bool = False


def preview(path: Path, *, name: str, rows: int = 10) -> Preview:
    r"""Look at the first records of a file, through the readers that will take it in.

    Args:
        path: A file of one of the accepted kinds, named by what it is.
        name: What the file is called in messages and in the preview.
        rows: How many records to show.

    Raises:
        BadFile: As `open_rows`, for what shows in the head of the file; or no record of the head
            can be read.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.csv"
        >>> _ = path.write_text("id,spend\n0012,1.5\n0013,\n")
        >>> seen = preview(path, name="a.csv")
        >>> seen.rows, [str(column.looks) for column in seen.columns]
        ((('0012', '1.5'), ('0013', '')), ['number', 'number'])
    """
    with told_as(path, name), open_rows(path, head=True) as opened:
        head, is_whole = _head(opened)
        if not head.num_rows:
            raise BadFile(
                f"{path.name}: none of the first {opened.counted:,} records can be read.",
                rejects=opened.rejects[:REJECTS_SHOWN],
            )
    texts = [column.slice(0, rows).to_pylist() for column in head.columns]
    return Preview(
        file=name,
        columns=tuple(
            _look_at(column, name)
            for name, column in zip(head.column_names, head.columns, strict=True)
        ),
        rows=tuple(tuple(shown(cell or "") for cell in row) for row in zip(*texts, strict=True)),
        records=head.num_rows,
        is_whole=is_whole,
    )


def _head(opened: TextRows) -> tuple[pa.Table, bool]:
    """The first records, as many as are needed to judge the columns, and whether these are all."""
    batches: list[pa.RecordBatch] = []
    records = size = 0
    is_whole = True
    try:
        for batch in opened:
            batches.append(batch.drop_columns(list(GENERATED)))
            records += batch.num_rows
            size += batch.nbytes
            if records >= SAMPLE_RECORDS or size >= SAMPLE_BYTES:
                is_whole = False
                break
    except HeadIsOver:
        if not records:
            raise
        is_whole = False
    if not batches:
        return pa.table({}), is_whole
    return pa.Table.from_batches(batches).slice(0, SAMPLE_RECORDS), is_whole


def _look_at(column: pa.ChunkedArray, name: str) -> Column:
    text = pc.utf8_trim_whitespace(column.combine_chunks().drop_null())
    known, different = len(text), text.unique()
    short = not pc.any(pc.greater(pc.utf8_length(different), LONGEST_LABEL)).as_py()
    listed = len(different) <= VALUES_LISTED and short
    looks = _looks_of(text)
    is_whole = looks is not Looks.NUMBER or _share(text, _WHOLE) == 1
    days = to_days(different, zone="UTC").values if looks is Looks.DATE else pa.nulls(0)
    return Column(
        name=name,
        looks=looks,
        is_id=bool(known)
        and looks is not Looks.DATE
        and is_whole
        and len(different) >= MOSTLY_DISTINCT * len(column),
        blank_share=1 - known / len(column),
        distinct=len(different),
        values=tuple(sorted(different.to_pylist())) if listed else (),
        first_day=pc.min(days).as_py(),
        last_day=pc.max(days).as_py(),
    )


def _looks_of(text: pa.StringArray) -> Looks:
    if not len(text):
        return Looks.BLANK
    if _share(text, _DATE) >= MOSTLY:
        return Looks.DATE
    return Looks.NUMBER if _share(text, _NUMBER) >= MOSTLY else Looks.TEXT


def _share(text: pa.StringArray, pattern: str) -> float:
    return float(pc.mean(pc.match_substring_regex(text, pattern)).as_py())
