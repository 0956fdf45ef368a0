"""When outcomes may be looked at, in words: the planned looks, the next one, any day."""

from datetime import date

from app.progress import Facts
from experiments.analyse.schedule import ONE_DAY, Schedule
from experiments.terms import Look
from experiments.words import day


def look_name(schedule: Schedule, as_of: date) -> str:
    """What a look is called; empty where there is but one, or any day may be one.

    Example:
        >>> days = (date(2026, 3, 28), date(2026, 4, 4))
        >>> look_name(Schedule(Look.GROUP_SEQUENTIAL, days, growing=False), days[1])
        'look 2 of 2'
    """
    number = schedule.number(as_of)
    if schedule.kind is not Look.GROUP_SEQUENTIAL or number is None:
        return ""
    return f"look {number} of {len(schedule.days)}"


def when_seen(schedule: Schedule) -> str:
    """From when on outcomes can be seen, as the end of a sentence."""
    if schedule.kind is Look.ALWAYS_VALID:
        return f"can be seen on any day from {day(schedule.first)}"
    if len(schedule.days) == 1:
        return f"can be seen from {day(schedule.first)}, not before"
    listed = [day(one) for one in schedule.days]
    looks = f"{', '.join(listed[:-1])} and {listed[-1]}"
    return f"can be seen at {len(listed)} planned looks, on {looks}, and not between"


def next_look(schedule: Schedule, today: date) -> str:
    """The next planned look, as the end of a sentence; empty where none is to come.

    Example:
        >>> days = (date(2026, 3, 28), date(2026, 4, 4))
        >>> next_look(Schedule(Look.GROUP_SEQUENTIAL, days, growing=False), date(2026, 3, 30))
        'next look 4 April 2026 (look 2 of 2)'
    """
    coming = schedule.coming(today)
    if coming is None:
        return ""
    name = look_name(schedule, coming)
    return f"next look {day(coming)}" + (f" ({name})" if name else "")


def takes_in(as_of: date) -> str:
    """The last day that a look takes in."""
    return day(as_of - ONE_DAY)


def looks_ahead(facts: Facts, today: date) -> tuple[str, ...]:
    """Which look stands, which is due and which comes, where looks are several; else nothing."""
    schedule = facts.schedule
    if schedule is None or schedule.kind is Look.FIXED or facts.is_final:
        return ()
    due, coming = facts.look_due(today), next_look(schedule, today)
    lines = []
    if facts.is_unveiled and facts.analysed_as_of:
        stands = day(facts.analysed_as_of)
        lines.append(f"The look as of {stands} stands until another one is taken.")
    if due is not None:
        name = look_name(schedule, due)
        due_words = f"{name.capitalize()} is due" if name else "A look may be taken"
        lines.append(f"{due_words}; it takes in the days through {takes_in(due)}.")
    elif schedule.kind is Look.ALWAYS_VALID and facts.is_unveiled:
        lines.append(f"Every day may be a look, the last of them on {day(schedule.last)}.")
    if coming:
        lines.append(f"{coming[0].upper()}{coming[1:]}.")
    return tuple(lines)
