"""Text that stays text: ids, and names of measures, items and sources."""

import pyarrow as pa
import pyarrow.compute as pc

from experiments.intake.column import CastColumn, Fault, place_of_true

LONGEST_LABEL = 256
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
    text = pc.utf8_trim(pc.cast(column, pa.string()), " \t")
    control = pc.match_substring_regex(text, _CONTROL)
    long = pc.greater(pc.utf8_length(text), LONGEST_LABEL)
    bad = pc.or_(control, long)
    if not pc.any(bad).as_py():
        return CastColumn(text, ())
    faults = [
        Fault(
            place,
            "holds a line break, tab or other control character; remove it"
            if control[place].as_py()
            else f"is longer than {LONGEST_LABEL} characters; shorten it",
        )
        for place in place_of_true(bad).tolist()
    ]
    return CastColumn(pc.if_else(bad, pa.scalar(None, pa.string()), text), tuple(faults))
