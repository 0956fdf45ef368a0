"""The estimates of a result as a flat table, and refused rows as one."""

import csv
import io
from collections.abc import Sequence
from typing import Final

import pyarrow as pa

from experiments.errors import BadInput, Problem
from experiments.record.recording import Receipt
from experiments.report.plain import Json, number_or_reason
from experiments.terms import nearest
from experiments.words import cell_text

CSV_COLUMNS = (
    *("metric", "kind", "role", "treatment", "control", "segment", "level", "method", "headline"),
    *("n_treatment", "n_control", "mean_treatment", "mean_control"),
    *("difference", "se", "low", "high", "p_value"),
    *("simultaneous_low", "simultaneous_high", "simultaneous_p_value"),
    *("relative", "relative_low", "relative_high", "undefined"),
)
_TYPES: Final = {
    **dict.fromkeys((*CSV_COLUMNS[:8], "undefined"), pa.string()),
    "headline": pa.bool_(),
    **dict.fromkeys(("n_treatment", "n_control"), pa.int64()),
}


def as_csv(found: Json) -> str:
    """The estimates of a result as a flat table; what cannot be computed is blank, with its reason.

    A text that a spreadsheet would take for a formula is preceded by an apostrophe.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for estimate in found["estimates"]:
        writer.writerow({key: _cell(value) for key, value in _flat(estimate).items()})
    return out.getvalue()


def as_table(found: Json) -> pa.Table:
    """The estimates of a result as a typed table; what cannot be computed is null."""
    rows = [_flat(estimate) for estimate in found["estimates"]]
    schema = pa.schema([(name, _TYPES.get(name, pa.float64())) for name in CSV_COLUMNS])
    columns = {
        name: [None if isinstance(row[name], dict) else row[name] for row in rows]
        for name in CSV_COLUMNS
    }
    return pa.table(columns, schema=schema)


def chosen(found: Json, *, metric: str | None = None, segment: str | None = None) -> Json:
    """A result with the estimates of one metric or one segment attribute alone.

    Raises:
        BadInput: There is no such metric or segment; names the nearest.
    """
    estimates = found["estimates"]
    for key, wanted in (("metric", metric), ("segment", segment)):
        if wanted is not None:
            known = {each[key]: None for each in found["estimates"] if each[key] is not None}
            if wanted not in known:
                raise BadInput("There is no such estimate.", [Problem(key, _no(wanted, [*known]))])
            estimates = [each for each in estimates if each[key] == wanted]
    return {**found, "estimates": estimates}


def _no(wanted: str, known: Sequence[str]) -> str:
    there = nearest(wanted, known) if known else "there is none"
    return f"{wanted!r} is not in this result; {there}"


def rejects_csv(receipts: Sequence[Receipt]) -> str:
    """The refused rows of all files as a flat table, an entry per bad cell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("line", "column", "value", "reason", "file"))
    for receipt in receipts:
        for reject in receipt.rejects:
            cells = (reject.line, reject.column, reject.value, reject.reason, receipt.file)
            writer.writerow([_cell(cell) for cell in cells])
    return out.getvalue()


def _flat(estimate: Json) -> Json:
    difference, relative = estimate["difference"], estimate["relative"]
    joint = difference.get("simultaneous") or {}
    return {
        **{key: estimate[key] for key in CSV_COLUMNS[:13]},
        "difference": difference.get("value"),
        **{key: difference.get(key) for key in ("se", "low", "high", "p_value")},
        **{f"simultaneous_{key}": joint.get(key) for key in ("low", "high", "p_value")},
        "relative": relative.get("value"),
        "relative_low": relative.get("low"),
        "relative_high": relative.get("high"),
        "undefined": difference.get("undefined") or relative.get("undefined"),
    }


def _cell(value: object) -> object:
    if isinstance(value, float):
        value = number_or_reason(value)
    if isinstance(value, dict):
        return None
    if not isinstance(value, str):
        return value
    return cell_text(value)
