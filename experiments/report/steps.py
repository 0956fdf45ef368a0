"""How is retention drawn: the share of customers not yet lapsed, as step curves with bands?"""

from functools import lru_cache
from typing import Any, Final

from experiments.report.drawing import (
    LINE,
    SIZE,
    Drawing,
    Frame,
    Layout,
    Theme,
    axis,
    colour,
    nice_ticks,
    spread,
    themed,
    unchecked,
)
from experiments.report.glyphs import text_width, wrapped
from experiments.report.report import Curve, RetentionChart

RETENTION_KEY: Final = (
    "Steps are the share of customers who have not lapsed by each day, bands their intervals;"
    " the control group is dashed."
)
_ARMS: Final = ("treatment", "second", "third")


def retention_svg(
    chart: RetentionChart, *, theme: Theme = Theme.PAGE, layout: Layout = Layout.WIDE
) -> str:
    """Two step curves from enrolment on, each arm labelled at its end."""
    with unchecked():
        return themed(_retention(chart, layout), theme)


@lru_cache(maxsize=32)
def _retention(chart: RetentionChart, layout: Layout) -> str:
    wide = layout is Layout.WIDE
    width, height, most = (760, 260, 190) if wide else (360, 220, 96)
    names = [text_width(curve.arm, size=SIZE, bold=True) for curve in chart.curves]
    right = min(max(names) + 16, most)
    bottom = min((point.low for curve in chart.curves for point in curve.points), default=0.0)
    bottom = max(0.0, bottom - 0.05 * (1 - bottom)) if bottom < 1 else 0.0
    ticks = nice_ticks(100 * bottom, 100)
    left = 14 + max(text_width(f"{tick:g} %", size=SIZE) for tick in ticks)
    last = max((point.day for curve in chart.curves for point in curve.points), default=1.0) or 1.0
    frame = Frame(
        width=width, height=height, left=left, right=right, top=40, bottom=48, span=(0.0, last)
    )

    def down(share: float) -> float:
        return height * (1 - share) / (1 - bottom)

    drawing = Drawing(frame)
    drawing.add(
        "rule",
        [{"x": 0.0, "x2": last, "y": down(tick / 100)} for tick in ticks],
        "x2",
        strokeWidth=1,
        color=colour("line"),
    )
    for tick in ticks:
        drawing.write(f"{tick:g} %", pixel=-10, y=down(tick / 100), align="right", ink="soft")
    drawing.write("customers not yet lapsed", pixel=-left, y=-26, ink="soft")
    inks = ("control", _ARMS[chart.treatment_place % len(_ARMS)])
    ends: list[tuple[str, str, float]] = []
    for curve, ink in zip(chart.curves, inks, strict=True):
        rows = _steps(curve, last)
        for row in rows:
            row |= {key: down(row[key]) for key in ("share", "low", "high")}
        band = [{"x": row["x"], "y": row["high"], "y2": row["low"]} for row in rows]
        steps = [{"x": row["x"], "y": row["share"]} for row in rows]
        drawing.add(
            "area",
            band,
            "y2",
            color=colour(ink),
            opacity=0.16,
            line=False,
            interpolate="step-after",
        )
        dash: dict[str, Any] = {"strokeDash": [6, 4]} if ink == "control" else {}
        drawing.add(
            "line", steps, color=colour(ink), strokeWidth=2.2, interpolate="step-after", **dash
        )
        ends.append((curve.arm, ink, rows[-1]["share"]))
    lines = [wrapped(n, width=right - 14, size=SIZE, bold=True, lines=2) for n, _, _ in ends]
    gap = LINE * max((len(text) for text in lines), default=1)
    places = spread([y for _, _, y in ends], gap=gap, low=0, high=height)
    for (_, ink, _), text, place in zip(ends, lines, places, strict=True):
        for at, line in enumerate(text):
            y = place + LINE * (at - (len(text) - 1) / 2)
            drawing.write(line, pixel=frame.plot + 12, y=y, ink=ink, bold=True)
    days = axis(
        values=nice_ticks(0.0, last, about=6 if wide else 4),
        title="Days since enrolment",
        grid=False,
        ticks=True,
        tickColor=colour("control"),
    )
    return drawing.svg(axis=(days, None), title=chart.title)


def _steps(curve: Curve, last: float) -> list[dict[str, float]]:
    """The curve's corners from day 0 to the last day, in shares."""
    rows = [
        {"x": point.day, "share": point.share, "low": point.low, "high": point.high}
        for point in curve.points
    ]
    if not rows or rows[0]["x"] > 0:
        rows.insert(0, {"x": 0.0, "share": 1.0, "low": 1.0, "high": 1.0})
    if rows[-1]["x"] < last and curve.points and curve.points[-1].share == 0:
        rows.append({**rows[-1], "x": last})
    return rows
