"""Text to exact numbers: DECIMAL(18,4), half-even, every refusal with what to write instead."""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from experiments.intake.column import CastColumn, Fault, letters_of, place_of_true
from experiments.intake.label import IS_SHEET_ERROR, SHEET_ERRORS

NUMBER = pa.decimal128(18, 4)
LARGEST = Decimal("99999999999999.9999")
# Arrow reads this much by itself: at most 18 digits on each side fit a decimal of 38 and 20.
_PLAIN = r"^[+-]?([0-9]{1,18}(\.[0-9]{0,18})?|\.[0-9]{1,18})$"
_WIDE = pa.decimal128(38, 20)
_ANY = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,6})?")
_LONGEST = 400
_STEP = Decimal("0.0001")
_EXACT = Context(prec=40, rounding=ROUND_HALF_EVEN)
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity|1\.#.*)", re.IGNORECASE)
_ONE_COMMA = re.compile(r"([+-]?[0-9]+),([0-9]+)")
_POINT_GROUPS = r"^[+-]?[1-9][0-9]{0,2}\.[0-9]{3}$"
_BELOW_THOUSAND = r"^[+-]?[0-9]{1,3}$"
FEWEST_GROUPED = 5
HEAD = 1_000
QUICK_LENGTH = 20
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}([,.' \u00a0\u202f_][0-9]{3})+([.,][0-9]+)?")


def to_numbers(column: pa.Array) -> CastColumn:
    """Cast text to DECIMAL(18,4), reading plain decimals and exponents.

    Args:
        column: Strings; blanks around a number do not matter.

    Returns:
        The numbers, NULL where the text was NULL or refused. More than four decimals are
        rounded half to even, and marked in `rounded`.

    Example:
        >>> cast = to_numbers(pa.array(["1.50", "2e3", "1,5"]))
        >>> [str(number) for number in cast.values], cast.faults[0].reason
        (['1.5000', '2000.0000', 'None'], 'is not a number; write 1.5')
    """
    quick = _quick(column)
    if quick is not None:
        return CastColumn(quick, (), np.zeros(len(quick), dtype=bool))
    text = pc.utf8_trim_whitespace(column)
    plain = pc.match_substring_regex(text, _PLAIN)
    wide = pc.cast(pc.if_else(plain, text, pa.scalar(None, pa.string())), _WIDE)
    narrow = pc.round(wide, 4, round_mode="half_to_even")
    fits = pc.less_equal(pc.abs(narrow), pa.scalar(LARGEST, _WIDE))
    values = pc.cast(pc.if_else(fits, narrow, pa.scalar(None, _WIDE)), NUMBER)
    rounded = _as_numpy(pc.not_equal(wide, narrow))
    left = place_of_true(pc.and_(pc.is_valid(text), pc.is_null(values)))
    if not len(left):
        return CastColumn(values, (), rounded)
    faults = []
    mask = np.zeros(len(text), dtype=bool)
    found = []
    for place, one in zip(left.tolist(), text.take(pa.array(left)).to_pylist(), strict=True):
        number = _parse(one)
        if isinstance(number, str):
            faults.append(Fault(place, number))
            continue
        small = number.quantize(_STEP, context=_EXACT)
        rounded[place] = small != number
        mask[place] = True
        found.append(small)
    values = pc.replace_with_mask(values, pa.array(mask), pa.array(found, NUMBER))
    return CastColumn(values, tuple(faults), rounded)


def thousands_points(column: pa.Array) -> tuple[Fault, ...]:
    """Cells that read like 1.234 for 1234: every one with a point, beside whole ones below 1,000.

    A column of true decimals has some with another number of decimals, or a 0 before the point.
    Fewer than five such cells say nothing. Only for text that people or spreadsheets wrote: a
    typed cell cannot have such points.

    Example:
        >>> values = ["1.234", "2.500", "1.090", "3.001", "12.750", "980"]
        >>> len(thousands_points(pa.array(values)))
        5
    """
    if not _may_have_thousands_points(column):
        return ()
    text = pc.utf8_trim_whitespace(column)
    pointed = pc.fill_null(pc.match_substring(text, "."), False)
    grouped = pc.fill_null(pc.match_substring_regex(text, _POINT_GROUPS), False)
    small = pc.fill_null(pc.match_substring_regex(text, _BELOW_THOUSAND), False)
    nothing = pc.fill_null(pc.equal(text, "0"), False)
    count, whole = pc.sum(grouped).as_py() or 0, pc.sum(small).as_py() or 0
    is_suspicious = (
        count >= FEWEST_GROUPED
        and count == (pc.sum(pointed).as_py() or 0)
        and whole == len(text) - text.null_count - count
        and whole > (pc.sum(nothing).as_py() or 0)
    )
    if not is_suspicious:
        return ()
    return tuple(
        Fault(
            place,
            f"has a thousands point, by the look of its column; write {one.replace('.', '')} "
            f"(or {one}0, if a decimal is meant)",
        )
        for place, one in (
            (place, text[place].as_py()) for place in place_of_true(grouped).tolist()
        )
    )


def looks_numeric(column: pa.Array | pa.ChunkedArray) -> bool | None:
    """Whether every value of a text column is a number, so that it may be used as one.

    Codes such as `0012` are text: as numbers they would lose their leading zeros. For a file read
    in batches, ask for each batch; the column is numeric when the answers without None are all
    True.

    Args:
        column: Strings.

    Returns:
        None when the column has no value at all.

    Example:
        >>> looks_numeric(pa.array(["1.5", None, "2"])), looks_numeric(pa.array(["0012"]))
        (True, False)
    """
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    known = False
    for chunk in chunks:
        present = chunk.drop_null()
        if not len(present):
            continue
        known = True
        text = pc.utf8_trim_whitespace(present)
        if pc.any(pc.match_substring_regex(text, "^[+-]?0[0-9]")).as_py():
            return False
        if to_numbers(present).faults:
            return False
    return True if known else None


def _quick(column: pa.Array) -> pa.Array | None:
    """The numbers of a column that has nothing but plain decimals of at most four places."""
    if letters_of(column).highest > ord("9"):
        return None  # an exponent, or no number at all
    # Arrow's cast wraps around where digits do not fit 128 bits.
    if (pc.max(pc.binary_length(column)).as_py() or 0) > QUICK_LENGTH:
        return None
    try:
        return pc.cast(column, NUMBER)
    except pa.ArrowInvalid:
        return None


def _may_have_thousands_points(column: pa.Array) -> bool:
    """Whether the first cells leave that open: points alone, and none of another kind."""
    head = pc.utf8_trim_whitespace(column.slice(0, HEAD))
    pointed = pc.match_substring(head, ".")
    grouped = pc.match_substring_regex(head, _POINT_GROUPS)
    return not pc.any(pc.and_not(pointed, grouped)).as_py()


def _parse(text: str) -> Decimal | str:
    """The number, or why there is none."""
    if len(text) <= _LONGEST and _ANY.fullmatch(text):
        number = Decimal(text)
        largest = LARGEST + _STEP / 2
        if abs(number) < largest:
            return number
        return f"is out of range; numbers go from -{LARGEST:,} to {LARGEST:,}"
    return _why_not(text[:_LONGEST])


def _why_not(text: str) -> str:
    if text in SHEET_ERRORS:
        return IS_SHEET_ERROR
    if _NOT_FINITE.fullmatch(text):
        return "is not a finite number; write the number that is meant"
    comma = _ONE_COMMA.fullmatch(text)
    if comma:
        point = f"{comma[1]}.{comma[2]}"
        if len(comma[2]) == 3:
            return f"is not a number; write {point} or {comma[1]}{comma[2]}, whichever is meant"
        return f"is not a number; write {point}"
    if _GROUPED.fullmatch(text):
        end = re.search(r"[.,]([0-9]+)$", text)
        decimals = end and (len(end[1]) != 3 or len(set(re.sub("[0-9+-]", "", text))) > 1)
        whole = re.sub("[^0-9+-]", "", text[: end.start()] if end and decimals else text)
        meant = f"{whole}.{end[1]}" if end and decimals else whole
        return f"has thousands separators; write {meant}"
    return "is not a number; write it with digits and a decimal point only, such as 1234.5"


def _as_numpy(mask: pa.Array) -> np.ndarray:
    array: np.ndarray = pc.fill_null(mask, False).to_numpy(zero_copy_only=False)
    return array.copy()
