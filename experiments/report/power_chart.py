"""How is power drawn: the probability of a proof, by the number of customers?"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

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
    themed,
    unchecked,
)
from experiments.report.glyphs import text_width, wrapped
from experiments.report.report import Table

POWER_KEY: Final = (
    "The line is the probability by the number of customers. Filled mark: the plan."
    " Hollow mark: as many customers as the named probability takes."
)
_TICKS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
_ROWS: Final = 10


@dataclass(frozen=True, slots=True)
class PowerMark:
    """A point of the curve that is named: customers, their power, and its label."""

    customers: int
    power: float
    text: str


@dataclass(frozen=True, slots=True)
class PowerChart:
    """Power against customers.

    Attributes:
        title: The finding, a sentence.
        asked: What the probability is of, and the break-even effect; stands above the plot.
        points: Customers and probability, in the order of customers.
        target: Probability asked for.
        target_text: Its name.
        plan: The plan's point.
        needed: Where the target is reached; None where that is beyond the chart.
    """

    title: str
    asked: str
    points: tuple[tuple[int, float], ...]
    target: float
    target_text: str
    plan: PowerMark
    needed: PowerMark | None


def power_table(chart: PowerChart) -> Table:
    """Some points of the curve, the plan's and the one needed among them."""
    marks = {chart.plan.customers} | ({chart.needed.customers} if chart.needed else set())
    every = max(1, len(chart.points) // _ROWS)
    shown = [p for at, p in enumerate(chart.points) if at % every == 0 or p[0] in marks]
    return Table(
        caption=f"{chart.asked} The plan stands heavier.",
        heads=("Customers", "Probability"),
        numeric=(True, True),
        rows=tuple(
            (f"{customers:,}", f"{power:.1%}".replace("%", " %")) for customers, power in shown
        ),
        strong=tuple(at for at, p in enumerate(shown) if p[0] == chart.plan.customers),
    )


def power_svg(chart: PowerChart, *, theme: Theme = Theme.PAGE, layout: Layout = Layout.WIDE) -> str:
    """The curve, the probability asked for as a named line, the plan marked and named."""
    with unchecked():
        return themed(_power(chart, layout), theme)


@lru_cache(maxsize=32)
def _power(chart: PowerChart, layout: Layout) -> str:
    wide = layout is Layout.WIDE
    width, height = (760, 260) if wide else (360, 220)
    left, right = 14 + text_width("100 %", size=SIZE), 14.0
    lines = wrapped(chart.asked, width=width - 2, size=SIZE, lines=4)
    span = (0.0, float(chart.points[-1][0]))
    frame = Frame(
        width=width,
        height=height,
        left=left,
        right=right,
        top=20 + LINE * len(lines),
        bottom=48,
        span=span,
    )

    def down(power: float) -> float:
        return height * (1 - power)

    drawing = Drawing(frame)
    drawing.add(
        "rule",
        [{"x": 0, "x2": span[1], "y": down(tick)} for tick in _TICKS],
        "x2",
        strokeWidth=1,
        color=colour("line"),
    )
    for tick in _TICKS:
        drawing.write(
            f"{tick:.0%}".replace("%", " %"), pixel=-10, y=down(tick), align="right", ink="soft"
        )
    for at, line in enumerate(lines):
        drawing.write(line, pixel=-left, y=LINE * (at - len(lines)) - 4, ink="soft")
    drawing.add(
        "rule",
        [{"x": 0, "x2": span[1], "y": down(chart.target)}],
        "x2",
        strokeWidth=1.2,
        strokeDash=[6, 4],
        color=colour("ink"),
    )
    curve = [(frame.pixel(customers), down(power)) for customers, power in chart.points]
    drawing.add(
        "line",
        [{"x": customers, "y": down(power)} for customers, power in chart.points],
        color=colour("treatment"),
        strokeWidth=2.2,
    )
    taken = _Taken(
        frame, [*_along(curve), *((x, down(chart.target)) for x in range(int(frame.plot)))]
    )
    name = taken.place(chart.target_text, near=(frame.plot, down(chart.target)))
    drawing.write(chart.target_text, pixel=name[0], y=name[1])
    marks = [(chart.plan, "treatment", True)]
    if chart.needed is not None:
        marks.append((chart.needed, "paper", False))
    for mark, fill, _ in reversed(marks):  # the plan's stays in sight where the two meet
        drawing.add(
            "point",
            [{"x": mark.customers, "y": down(mark.power)}],
            shape="circle",
            fill=colour(fill),
            stroke=colour("treatment"),
            strokeWidth=2,
            size=120,
            opacity=1,
        )
    for mark, _, bold in marks:
        point = (frame.pixel(mark.customers), down(mark.power))
        x, y = taken.place(mark.text, near=point, bold=bold)
        drawing.write(mark.text, pixel=x, y=y, bold=bold)
    scale = axis(
        values=nice_ticks(*span, about=6 if wide else 3),
        labelExpr="format(datum.value, ',')",
        title="Customers, all groups together",
        grid=False,
        ticks=True,
        labelFlush=20,
        tickColor=colour("control"),
    )
    return drawing.svg(axis=(scale, None), title=chart.title)


def _along(curve: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points so close together on the curve that no word fits between them."""
    return [
        (x + (x_next - x) * step / 20, y + (y_next - y) * step / 20)
        for (x, y), (x_next, y_next) in pairwise(curve)
        for step in range(20)
    ]


class _Taken:
    """What of the plot is drawn on already, so that names find a free place."""

    def __init__(self, frame: Frame, points: list[tuple[float, float]]) -> None:
        self.frame = frame
        self.points = points

    def place(
        self, text: str, *, near: tuple[float, float], bold: bool = False
    ) -> tuple[float, float]:
        """Left edge and middle of a line of text, free of what is drawn and as near as can be."""
        width = text_width(text, size=SIZE, bold=bold)
        most = self.frame.plot - width
        places = [
            (
                min(max(left, 0.0), max(most, 0.0)),
                min(max(near[1] + down, 9.0), self.frame.height - 9),
            )
            for down in (LINE, -LINE, 2 * LINE, -2 * LINE, 3 * LINE, 4 * LINE, 6 * LINE, 0)
            for left in (near[0] + 10, near[0] - width - 10, near[0] - width / 2)
        ]
        x, y = min(places, key=lambda at: self._hits(at, width))
        self.points += [(x + step, y) for step in range(0, int(width), 4)]
        return x, y

    def _hits(self, at: tuple[float, float], width: float) -> int:
        left, middle = at
        return sum(
            left - 4 < x < left + width + 4 and abs(y - middle) < LINE / 2 + 1
            for x, y in self.points
        )
