"""How are effects and a bridge of money drawn, a row for each?

A chart's title is set above it by page and print; inside stands only what belongs to the marks.
Every chart stays readable without colour: by shape, by dash, by filled against hollow.
"""

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
    beside,
    colour,
    nice_ticks,
    padded,
    themed,
    unchecked,
)
from experiments.report.glyphs import wrapped
from experiments.report.report import Effect, EffectsChart, Money, Tone

EFFECTS_KEY: Final = (
    "Each line is the interval, each mark the estimate. Filled: the interval leaves out no change"
    " (circle for the better, square for the worse). Hollow: it holds no change."
    " An arrow: the interval runs on beyond the chart."
)
MONEY_KEY: Final = (
    "Bars from zero, named in bold: totals. Filled: what comes in. Hollow: what goes out."
)

_INKS: Final = {Tone.GOOD: "good", Tone.BAD: "bad", Tone.CAUTION: "caution", Tone.PLAIN: "soft"}


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of text and marks: its lines, how high it is, and where its marks stand."""

    label: list[str]
    text: list[str]
    note: list[str]
    top: float
    height: float
    marks: float


def effects_svg(
    chart: EffectsChart, *, theme: Theme = Theme.PAGE, layout: Layout = Layout.WIDE
) -> str:
    """Forest plot of relative changes, a row for each effect, the deciding row heavier."""
    with unchecked():
        return themed(_effects(chart, layout), theme)


@lru_cache(maxsize=32)
def _effects(chart: EffectsChart, layout: Layout) -> str:
    span = _span_of_effects(chart.rows)
    texts = [(r.label, r.text, r.relative_text, r.headline) for r in chart.rows]
    wide = layout is Layout.WIDE
    left, right = (190, 250) if wide else (8, 8)
    rows = _rows(
        texts,
        wide=wide,
        left=left - 16,
        right=right - 16,
        room=[0 if r.break_even is None else 20 for r in chart.rows],
    )
    frame = Frame(
        width=760 if wide else 360,
        height=rows[-1].top + rows[-1].height if rows else LINE,
        left=left,
        right=right,
        top=26,
        bottom=48,
        span=span,
    )
    drawing = Drawing(frame)
    _draw_zero(drawing, rows, wide=wide)
    drawing.write("no change", **beside(frame, "no change", value=0, y=-12), ink="soft")
    for effect, row in zip(chart.rows, rows, strict=True):
        _draw_effect(drawing, effect, row)
        _write_row(drawing, row, wide=wide, strong=effect.headline)
    scale = axis(
        values=nice_ticks(*span, about=5 if wide else 4),
        labelExpr="(datum.value > 0 ? '+' : '') + format(datum.value, '~g') + ' %'",
        title="Change against control, per cent",
        grid=wide,
        ticks=not wide,
        labelFlush=20,  # pixels from the edge within which the last label keeps inside it
        tickColor=colour("control"),
    )
    return drawing.svg(axis=(scale, None), title=chart.title)


def money_svg(money: Money, *, theme: Theme = Theme.PAGE, layout: Layout = Layout.WIDE) -> str:
    """Waterfall from the first amount to the last total, a row for each step."""
    with unchecked():
        return themed(_money(money, layout), theme)


@lru_cache(maxsize=32)
def _money(money: Money, layout: Layout) -> str:
    wide = layout is Layout.WIDE
    spans = _bridge([(s.amount, s.is_total) for s in money.steps])
    texts = [(s.label, s.text, "", s.is_total) for s in money.steps]
    left, right = (230, 190) if wide else (2, 2)
    rows = _rows(texts, wide=wide, left=left - 20, right=right - 20, room=[0] * len(texts))
    frame = Frame(
        width=760 if wide else 360,
        height=rows[-1].top + rows[-1].height if rows else LINE,
        left=left,
        right=right,
        top=6,
        bottom=6,
        span=padded([0.0, *(v for s in spans for v in s)], share=0.02),
    )
    drawing = Drawing(frame)
    _draw_zero(drawing, rows, wide=wide)
    drawing.add(
        "rule",
        [
            {"x": span[1], "y": row.marks, "y2": after.marks}
            for span, (row, after) in zip(spans, pairwise(rows if wide else ()), strict=False)
        ],
        "y2",
        strokeWidth=1,
        color=colour("control"),
    )
    for step, span, row in zip(money.steps, spans, rows, strict=True):
        ink = "ink" if step.is_total else "good" if step.amount >= 0 else "bad"
        hollow = step.amount < 0 and not step.is_total
        bar = {"x": span[0], "x2": span[1], "y": row.marks - 8, "y2": row.marks + 8}
        fill = colour("paper" if hollow else ink)
        drawing.add("rect", [bar], "x2", "y2", fill=fill, stroke=colour(ink), strokeWidth=1.5)
        _write_row(drawing, row, wide=wide, strong=step.is_total)
    return drawing.svg(axis=(None, None), title=money.title)


def _rows(
    texts: list[tuple[str, str, str, bool]],
    *,
    wide: bool,
    left: float,
    right: float,
    room: list[float],
) -> list[_Row]:
    """Lay out rows: text beside the marks where there is room, above them where there is not."""
    rows: list[_Row] = []
    top = 0.0
    for (label, text, note, strong), below in zip(texts, room, strict=True):
        width = (left, right) if wide else (344.0, 344.0)
        first = wrapped(label, width=width[0], size=SIZE, bold=strong)
        second = wrapped(text, width=width[1], size=SIZE, bold=strong)
        third = wrapped(note, width=width[1], size=SIZE, lines=2) if note else []
        if wide:
            height: float = LINE * max(len(first), len(second) + len(third)) + 14
            marks = top + height / 2
        else:
            written = LINE * (len(first) + len(second) + len(third)) + 8
            height = written + 36 + below
            marks = top + written + 16
        rows.append(_Row(first, second, third, top, height, marks))
        top += height
    return rows


def _draw_zero(drawing: Drawing, rows: list[_Row], *, wide: bool) -> None:
    """Zero as one line, or row by row where text stands between the marks."""
    pieces = [(r.marks - 13, r.marks + 13) for r in rows]
    pieces = [(0.0, drawing.frame.height)] if wide else pieces
    segments = [{"x": 0, "y": high, "y2": low} for high, low in pieces]
    drawing.add("rule", segments, "y2", strokeWidth=1.2, color=colour("ink"))


def _write_row(drawing: Drawing, row: _Row, *, wide: bool, strong: bool) -> None:
    right = [(t, "ink", strong) for t in row.text] + [(t, "soft", False) for t in row.note]
    label = [(t, "ink", strong) for t in row.label]
    if wide:
        places = (
            (label, -drawing.frame.left, row.marks),
            (right, drawing.frame.plot + 16, row.marks),
        )
    else:
        both = label + right
        places = ((both, -drawing.frame.left, row.top + 8 + LINE * len(both) / 2), ([], 0, 0))
    for lines, pixel, middle in places:
        for i, (text, ink, bold) in enumerate(lines):
            y = middle + LINE * (i - (len(lines) - 1) / 2)
            drawing.write(text, pixel=pixel, y=y, ink=ink, bold=bold)


def _draw_effect(drawing: Drawing, effect: Effect, row: _Row) -> None:
    low, high = drawing.frame.span
    y = row.marks
    ink = colour(_INKS[effect.tone])
    shown = [min(max(100 * v, low), high) for v in (effect.low, effect.high)]
    drawing.add(
        "rule",
        [{"x": shown[0], "x2": shown[1], "y": y}],
        "x2",
        strokeWidth=4 if effect.headline else 2,
        color=ink,
    )
    ends = (
        (shown[0], 100 * effect.low < low, "triangle-left"),
        (shown[1], 100 * effect.high > high, "triangle-right"),
    )
    for x, beyond, shape in ends:
        if beyond:
            drawing.add(
                "point",
                [{"x": x, "y": y}],
                shape=shape,
                filled=True,
                size=110,
                color=ink,
                opacity=1,
            )
    if low <= 100 * effect.value <= high:
        plain = effect.tone in {Tone.PLAIN, Tone.CAUTION}
        drawing.add(
            "point",
            [{"x": 100 * effect.value, "y": y}],
            shape="square" if effect.tone is Tone.BAD else "circle",
            fill=colour("paper") if plain else ink,
            stroke=ink,
            strokeWidth=2,
            size=190 if effect.headline else 80,
            opacity=1,
        )
    if effect.break_even is not None and low <= 100 * effect.break_even <= high:
        even = 100 * effect.break_even
        drawing.add(
            "rule",
            [{"x": even, "y": y - 12, "y2": y + 12}],
            "y2",
            strokeWidth=2,
            color=colour("ink"),
            strokeDash=[3, 2],
        )
        drawing.write(
            "break-even",
            **beside(drawing.frame, "break-even", value=even, y=y + 21, clear_of=0),
            ink="ink",
        )


def _span_of_effects(rows: tuple[Effect, ...]) -> tuple[float, float]:
    """Per cents that the axis shows: deciding rows in full, others unless far beyond."""
    must = [0.0] + [v for r in rows if r.headline for v in (r.low, r.high)]
    must += [r.break_even for r in rows if r.break_even is not None]
    reaches = sorted(max(abs(r.low), abs(r.high)) for r in rows)
    usual = reaches[len(reaches) // 2 :]
    limit = next((a for a, b in pairwise(usual) if b > 2.5 * a), max(reaches, default=0.0))
    limit = max([limit, *(abs(v) for v in must)])
    seen = must + [min(max(v, -limit), limit) for r in rows for v in (r.low, r.high)]
    return padded([100 * v for v in seen])


def _bridge(steps: list[tuple[float, bool]]) -> list[tuple[float, float]]:
    """Where each bar starts and ends: a total stands on zero, a step on what came before."""
    spans: list[tuple[float, float]] = []
    running = 0.0
    for amount, is_total in steps:
        spans.append((0.0, amount) if is_total else (running, running + amount))
        running = spans[-1][1]
    return spans
