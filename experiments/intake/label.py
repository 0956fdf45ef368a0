"""Text that stays text: ids, and names of measures, items and sources."""

import pyarrow as pa
import pyarrow.compute as pc

from experiments.intake.column import CastColumn, Fault, letters_of, place_of_true

LONGEST_LABEL = 256
SHEET_ERRORS = ("#N/A", "#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!")
IS_SHEET_ERROR = "shows an error of the spreadsheet; correct the formula or the cell"
# C0, DEL and C1: invisible, and a store or a spreadsheet may stumble over them.
_CONTROL = r"[\x00-\x1f\x7f\x{80}-\x{9f}]"


def to_labels(column: pa.Array) -> CastColumn:
    """Check ids and short texts; they keep every byte except the ASCII blanks around them.

    Args:
        column: Strings, or whole numbers such as `#row`.

    Returns:
        The texts, NULL where the text was NULL or refused. `0012` stays `0012`, and `1.0` stays
        `1.0`.

    Example:
        >>> to_labels(pa.array([" 0012 "])).values[0].as_py()
        '0012'
    """
    text = pc.cast(column, pa.string())
    letters = letters_of(text)
    if letters.has_blanks:
        text = pc.utf8_trim(text, " \t")
    is_plain = letters.lowest >= ord(" ") and letters.is_ascii
    if is_plain and not _is_long(text) and not _is_failed(text):
        return CastColumn(text, ())
    control = pc.match_substring_regex(text, _CONTROL)
    long = pc.greater(pc.utf8_length(text), LONGEST_LABEL)
    failed = pc.is_in(text, pa.array(SHEET_ERRORS))
    bad = pc.or_(pc.or_(control, long), failed)
    if not pc.any(bad).as_py():
        return CastColumn(text, ())

    def reason(place: int) -> str:
        if failed[place].as_py():
            return IS_SHEET_ERROR
        if control[place].as_py():
            return "holds a line break, tab or other control character; remove it"
        return f"is longer than {LONGEST_LABEL} characters; shorten it"

    faults = [Fault(place, reason(place)) for place in place_of_true(bad).tolist()]
    return CastColumn(pc.if_else(bad, pa.scalar(None, pa.string()), text), tuple(faults))


def _is_long(text: pa.Array) -> bool:
    return (pc.max(pc.binary_length(text)).as_py() or 0) > LONGEST_LABEL


def _is_failed(text: pa.Array) -> bool:
    return bool(pc.any(pc.starts_with(text, "#")).as_py())
