"""How is a course over time drawn: lines with bands, months before the start in lighter ink?"""

import json
from collections.abc import Callable
from functools import lru_cache
from itertools import cycle
from typing import Any, Final

from experiments.report.drawing import (
    LINE,
    SIZE,
    AltairObject,
    Drawing,
    Frame,
    Layout,
    Theme,
    axis,
    beside,
    colour,
    nice_ticks,
    padded,
    spread,
    themed,
    unchecked,
)
from experiments.report.glyphs import text_width, wrapped
from experiments.report.report import Point, TimeChart
from experiments.report.tables import short_day

TIME_KEY: Final = (
    "Lines are means per enrolled customer, bands their intervals;"
    " periods before the program's start are lighter."
)
_ARMS: Final = ("treatment", "second", "third")
_ARM_SHAPES: Final = ("circle", "triangle-up", "diamond")


def time_svg(chart: TimeChart, *, theme: Theme = Theme.PAGE, layout: Layout = Layout.WIDE) -> str:
    """Means by period as lines with bands, each arm labelled at its end."""
    with unchecked():
        return themed(_time(chart, layout), theme)


@lru_cache(maxsize=32)
def _time(chart: TimeChart, layout: Layout) -> str:
    wide = layout is Layout.WIDE
    width, height, most = (760, 260, 190) if wide else (360, 220, 96)
    names = [text_width(n, size=SIZE, bold=True) for n in (chart.control, *chart.treatments)]
    right = min(max(names) + 16, most)
    bottom_value, top_value = padded([v for p in chart.points for v in (p.low, p.high, p.mean)])
    ticks = nice_ticks(bottom_value, top_value)
    left = 14 + max((text_width(_plain(t), size=SIZE) for t in ticks), default=0)
    days = [d.toordinal() for p in chart.points for d in (p.starts_on, p.ends_on)]
    start = chart.starts_on.toordinal()
    first, last = min([*days, start]), max([*days, start]) + 1
    frame = Frame(
        width=width, height=height, left=left, right=right, top=52, bottom=48, span=(first, last)
    )

    def down(value: float) -> float:
        return height * (top_value - value) / (top_value - bottom_value)

    drawing = Drawing(frame)
    drawing.add(
        "rule",
        [{"x": first, "x2": last, "y": down(t)} for t in ticks],
        "x2",
        strokeWidth=1,
        color=colour("line"),
    )
    for tick in ticks:
        drawing.write(_plain(tick), pixel=-10, y=down(tick), align="right", ink="soft")
    drawing.write(chart.unit, pixel=-left, y=-38, ink="soft")
    drawing.add(
        "rule", [{"x": start, "y": -4, "y2": height}], "y2", strokeWidth=1.2, color=colour("ink")
    )
    label = f"program starts {short_day(chart.starts_on)}"
    drawing.write(label, **beside(frame, label, value=start, y=-14), ink="ink")
    arms = [
        (chart.control, "control", "circle"),
        *zip(chart.treatments, cycle(_ARMS), cycle(_ARM_SHAPES), strict=False),
    ]
    ends: list[tuple[str, str, float]] = []
    for name, ink, shape in arms:
        points = sorted((p for p in chart.points if p.arm == name), key=lambda p: p.starts_on)
        if not points:
            continue
        _draw_arm(drawing, points, down=down, start=start, ink=ink, shape=shape)
        ends.append((name, ink, down(points[-1].mean)))
    lines = [wrapped(n, width=right - 14, size=SIZE, bold=True, lines=2) for n, _, _ in ends]
    gap = LINE * max((len(x) for x in lines), default=1)
    places = spread([y for _, _, y in ends], gap=gap, low=0, high=height)
    for (_, ink, _), text, place in zip(ends, lines, places, strict=True):
        for i, line in enumerate(text):
            y = place + LINE * (i - (len(text) - 1) / 2)
            drawing.write(line, pixel=frame.plot + 12, y=y, ink=ink, bold=True)
    return drawing.svg(axis=(_date_axis(chart.points, wide=wide), None), title=chart.title)


def _draw_arm(
    drawing: Drawing,
    points: list[Point],
    *,
    down: Callable[[float], float],
    start: int,
    ink: str,
    shape: str,
) -> None:
    rows = [
        {
            "x": (p.starts_on.toordinal() + p.ends_on.toordinal() + 1) / 2,
            "y": down(p.mean),
            "low": down(p.low),
            "high": down(p.high),
            "before": p.ends_on.toordinal() < start,
        }
        for p in points
    ]
    before = [r for r in rows if r["before"]]
    after = [r for r in rows if not r["before"]]
    # The step from the last period before to the first one after belongs to the past.
    lead = before + after[:1] if before else []
    style: dict[str, Any] = {"strokeDash": [6, 4]} if ink == "control" else {}
    for part, strength in ((lead, 0.45), (after, 1.0)):
        band = [{"x": r["x"], "y": r["high"], "y2": r["low"]} for r in part]
        drawing.add(
            "area", band, "y2", color=colour(ink), opacity=0.16 * (strength + 0.2), line=False
        )
        if len(part) == 1:
            drawing.add("rule", band, "y2", color=colour(ink), strokeWidth=1.5, opacity=strength)
    for part, strength in ((lead, 0.45), (after, 1.0)):
        drawing.add("line", part, color=colour(ink), strokeWidth=2.2, opacity=strength, **style)
    for part, strength in ((before, 0.55), (after, 1.0)):
        drawing.add(
            "point",
            part,
            shape=shape,
            fill=colour("paper") if ink == "control" or strength < 1 else colour(ink),
            stroke=colour(ink),
            strokeWidth=1.8,
            size=44,
            opacity=1,
            strokeOpacity=strength,
        )


def _date_axis(points: tuple[Point, ...], *, wide: bool) -> AltairObject:
    starts = sorted({p.starts_on for p in points})
    every = -(-len(starts) // (7 if wide else 4)) or 1
    shown = starts[::every]
    labels = {}
    year = 0
    for day in shown:
        labels[day.toordinal()] = [short_day(day), str(day.year) if day.year != year else ""]
        year = day.year
    return axis(
        values=list(labels),
        labelExpr=f"{json.dumps(labels)}[datum.value]",
        labelAlign="left",
        labelLineHeight=16,
        grid=False,
        ticks=True,
        tickColor=colour("control"),
        title=None,
    )


def _plain(value: float) -> str:
    return f"{value:,.10g}".replace("-", "−")
