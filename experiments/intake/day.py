"""Text to dates: the day on which something happened, in the company's own time zone."""

import datetime as dt
import re
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from experiments.intake.column import CastColumn, Fault

FIRST_YEAR = 1900
LAST_YEAR = 2200
_FIRST = pa.scalar(dt.date(FIRST_YEAR, 1, 1))
_LAST = pa.scalar(dt.date(LAST_YEAR, 12, 31))
# Arrow knows no summer time after 2037.
_FIRST_ZONED = pa.scalar(dt.date(1970, 1, 2))
_LAST_ZONED = pa.scalar(dt.date(2037, 12, 30))
_PLAIN_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?$"
_PLAIN_TIME_AND_OFFSET = _PLAIN_TIME.removesuffix("$") + r"(Z|[+-](0[0-9]|1[0-4]):?[0-5][0-9])$"
_HOW = "write it year-month-day, such as 2026-02-28"
_ISO = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,][0-9]+)?)?"
    r" ?([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
_LONG_YEAR = re.compile(r"[+-]?[0-9]{5,}-[0-9]{2}-[0-9]{2}.*")


def to_days(column: pa.Array, *, zone: str) -> CastColumn:
    """Cast ISO dates and timestamps to DATE.

    Args:
        column: Strings, `2026-02-28` or `2026-02-28T23:30:00Z` with or without seconds,
            fraction and offset.
        zone: Time zone of the company, such as `Europe/Berlin`. A timestamp with an offset counts
            on the day that it has there; one without is local already.

    Returns:
        The days, NULL where the text was NULL or refused.

    Example:
        >>> to_days(pa.array(["2026-02-28T23:30:00Z"]), zone="Europe/Berlin").values[0].as_py()
        datetime.date(2026, 3, 1)
    """
    quick = _quick(column, zone)
    if quick is not None:
        return CastColumn(quick, ())
    company = ZoneInfo(zone)
    # Days repeat, so each different text is read once.
    coded = pc.dictionary_encode(column)
    days = [_parse(text.strip(), company) for text in coded.dictionary.to_pylist()]
    known = pa.array([day if isinstance(day, dt.date) else None for day in days], pa.date32())
    values = known.take(coded.indices)
    if values.null_count == column.null_count:
        return CastColumn(values, ())
    faults = []
    for place, code in enumerate(coded.indices.to_pylist()):
        if code is not None and isinstance(reason := days[code], str):
            faults.append(Fault(place, reason))
    return CastColumn(values, tuple(faults))


def _quick(column: pa.Array, zone: str) -> pa.Array | None:
    """The days of a column in one plain form; None for any other, or where a year is odd."""
    first, last = _FIRST, _LAST
    try:
        if not pc.any(pc.greater(pc.binary_length(column), len("2026-02-28"))).as_py():
            days = pc.cast(column, pa.date32())
        elif pc.all(pc.match_substring_regex(column, _PLAIN_TIME)).as_py():
            days = pc.cast(pc.cast(column, pa.timestamp("us")), pa.date32())
        elif pc.all(pc.match_substring_regex(column, _PLAIN_TIME_AND_OFFSET)).as_py():
            instants = pc.cast(column, pa.timestamp("us", "UTC"))
            local = pc.local_timestamp(pc.cast(instants, pa.timestamp("us", zone)))
            days = pc.cast(local, pa.date32())
            first, last = _FIRST_ZONED, _LAST_ZONED
        else:
            return None
    except pa.ArrowInvalid:  # also where the system has no table of time zones
        return None
    inside = pc.and_(pc.greater_equal(days, first), pc.less_equal(days, last))
    return None if pc.any(pc.invert(inside)).as_py() else days


def _parse(text: str, company: ZoneInfo) -> dt.date | str:
    """The day, or why there is none."""
    found = _ISO.fullmatch(text)
    if found is None:
        if _LONG_YEAR.fullmatch(text):
            return _out_of_years()
        return f"is not a date that can be read without guessing; {_HOW}"
    year, month, day = int(found[1]), int(found[2]), int(found[3])
    if not FIRST_YEAR <= year <= LAST_YEAR:
        return _out_of_years()
    if not 1 <= month <= 12:
        return f"there is no month {found[2]}; {_HOW}"
    try:
        date = dt.date(year, month, day)
    except ValueError:
        return f"there is no such day in {year}-{found[2]}; {_HOW}"
    return date if found[4] is None else _local_day(date, found, company)


def _local_day(date: dt.date, found: re.Match[str], company: ZoneInfo) -> dt.date | str:
    try:
        time = dt.time(int(found[4]), int(found[5]), int(found[6] or 0))
        offset = _offset(found[7])
    except ValueError:
        return "there is no such time of day; write it such as 2026-02-28T14:30:00+01:00"
    if offset is None:
        return date
    local = dt.datetime.combine(date, time, tzinfo=offset).astimezone(company).date()
    return local if FIRST_YEAR <= local.year <= LAST_YEAR else _out_of_years()


def _offset(text: str | None) -> dt.tzinfo | None:
    if text is None:
        return None
    if text in "Zz":
        return dt.UTC
    hours, minutes = int(text[1:3]), int(text[3:].lstrip(":") or 0)
    if minutes > 59:
        raise ValueError(text)
    ahead = dt.timedelta(hours=hours, minutes=minutes)
    return dt.timezone(-ahead if text[0] == "-" else ahead)


def _out_of_years() -> str:
    return f"the year is outside {FIRST_YEAR} to {LAST_YEAR}; correct it"
