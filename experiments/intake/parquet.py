"""Parquet: every value copied out first, as exact text.

Nothing is filtered while reading: a file's own minima and maxima may be false, and a reader that
trusts them drops rows.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from experiments.errors import BadFile
from experiments.intake.header import bind, refuse_wide, tidy
from experiments.intake.limits import (
    BATCH_ROWS,
    PARQUET_FOOTER_BYTES,
    UNPACKED_PARQUET_BYTES,
)
from experiments.intake.lines import fault_of, refuse_bomb
from experiments.intake.tally import Opened, Tally, text_batch

_MAGIC = b"PAR1"


def open_parquet(
    path: Path,
    *,
    wanted: Sequence[str] | None,
    tally: Tally,
    closing: ExitStack,
    batch_rows: int = BATCH_ROWS,
) -> Opened:
    """Read the schema of a Parquet file, and prepare to copy its columns as text.

    Args:
        path: The file.
        wanted: Columns to keep; None for all.
        tally: Counts the records and keeps the refused ones.
        closing: Closes the file in the end.
        batch_rows: How many records make a batch.
    """
    _refuse_disguise(path)
    try:
        file = closing.enter_context(pq.ParquetFile(path, page_checksum_verification=True))
        schema = file.schema_arrow
    except (OSError, pa.ArrowException) as error:
        raise _damaged(tally.file) from error
    refuse_wide(len(schema), file=tally.file)
    header = tidy(schema.names)
    kept = {
        name: schema.field(place) for name, place in bind(header, wanted, file=path.name).items()
    }
    for name, field in kept.items():
        if _as_text(pa.nulls(0, field.type)) is None:
            raise BadFile(
                f"{tally.file}: column {name!r} is of type {field.type}; write text, numbers, "
                f"dates or true and false."
            )
    names = {name: field.name for name, field in kept.items()}
    return Opened(header, _batches(file, names, path.stat().st_size, tally, batch_rows))


def _batches(
    file: pq.ParquetFile,
    names: dict[str, str],
    packed_bytes: int,
    tally: Tally,
    batch_rows: int,
) -> Iterator[pa.RecordBatch]:
    unpacked_bytes = 0
    parts = file.iter_batches(batch_size=batch_rows, columns=list(names.values()))
    while True:
        try:
            part = next(parts, None)
        except (OSError, pa.ArrowException) as error:
            raise _damaged(tally.file) from error
        if part is None:
            return
        rows = np.arange(part.num_rows) + (tally.counted + 1)
        tally.counted += part.num_rows
        fit = np.ones(part.num_rows, dtype=bool)
        texts = {}
        for name, original in names.items():
            text = _as_text(part.column(part.schema.get_field_index(original)))
            unpacked_bytes += text.nbytes
            refuse_bomb(unpacked_bytes, packed_bytes, UNPACKED_PARQUET_BYTES, file=tally.file)
            texts[name] = _refuse_unfit(text, name, rows, fit, tally)
        batch = text_batch(texts, lines=rows, rows=rows)
        yield batch if fit.all() else batch.filter(pa.array(fit))


def _as_text(column: pa.Array) -> pa.Array:
    """Exact text of a column; None for a type that has none."""
    kind = column.type
    types = pa.types
    if types.is_dictionary(kind):
        return _as_text(column.dictionary_decode())
    if types.is_boolean(kind):
        return pc.if_else(column, "1", "0")
    if types.is_floating(kind):
        return pc.if_else(pc.is_nan(column), "NaN", pc.cast(column, pa.string()))
    if types.is_timestamp(kind):
        text = pc.cast(pc.cast(column, pa.timestamp(kind.unit)), pa.string())
        text = pc.replace_substring(text, " ", "T")
        return text if kind.tz is None else pc.binary_join_element_wise(text, "Z", "")
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        options = pc.CastOptions(target_type=pa.string(), allow_invalid_utf8=True)
        return pc.cast(pc.cast(column, pa.binary()), options=options)
    plain = (
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_string_view(kind)
        or types.is_integer(kind)
        or types.is_decimal(kind)
        or types.is_date(kind)
        or types.is_time(kind)
        or types.is_null(kind)
    )
    return pc.cast(column, pa.string()) if plain else None


def _refuse_unfit(
    text: pa.Array, name: str, rows: np.ndarray, fit: np.ndarray, tally: Tally
) -> pa.Array:
    """Refuse bytes that are not UTF-8 and NUL characters; `fit` turns False for those rows."""
    raw = text.view(pa.binary())
    suspect = pc.match_substring(raw, "\0")
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        suspect = pc.is_valid(raw)
    places = np.flatnonzero(suspect.fill_null(False).to_numpy(zero_copy_only=False))
    if not len(places):
        return text
    values = raw.to_pylist()
    for place in places:
        value = values[place].decode("utf-8", "surrogateescape")
        fault = fault_of(value)
        if fault is None:
            continue
        values[place] = None
        if fit[place]:
            fit[place] = False
            tally.refuse(line=int(rows[place]), column=name, value=value, reason=fault)
    return pc.cast(pa.array(values, pa.binary()), pa.string())


def _refuse_disguise(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as opened:
        start = opened.read(4)
        if not start:
            raise BadFile(f"{path.name} is empty: it has no header and no rows. Export it again.")
        if start != _MAGIC:
            raise BadFile(f"{path.name} is named as Parquet but is not; name it by what it is.")
        if size < 12:
            raise _damaged(path.name)
        opened.seek(-8, 2)
        footer_bytes = int.from_bytes(opened.read(4), "little")
        if opened.read(4) != _MAGIC or footer_bytes > size - 12:
            raise _damaged(path.name)
    if footer_bytes > PARQUET_FOOTER_BYTES:
        raise BadFile(
            f"{path.name}: the footer takes {footer_bytes >> 20} MiB; at most "
            f"{PARQUET_FOOTER_BYTES >> 20} MiB are read. Write fewer columns or row groups."
        )


def _damaged(file: str) -> BadFile:
    return BadFile(f"{file} is cut off or damaged and cannot be read. Write and send it again.")
