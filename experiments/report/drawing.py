"""How does a chart become one self-contained SVG?

Altair describes it, vl-convert draws it without a browser. Marks stand in data units across and
in pixels down, so that rows of text and rows of marks meet exactly.
"""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from html import escape
from typing import Any, Final

from experiments.report.glyphs import FONTS, clean, text_width

# Altair's generated types name every option of every mark; here its objects pass through.
AltairObject = Any

SIZE: Final = 13
LINE: Final = 18

_COLOURS: Final = {
    "ink": "#1b1f24",
    "soft": "#5a626b",
    "line": "#e2e2dc",
    "paper": "#ffffff",
    "control": "#6b7280",
    "treatment": "#0b5fa5",
    "second": "#a3541a",
    "third": "#6a4c93",
    "good": "#1a7f5a",
    "bad": "#b3411e",
    "caution": "#8a6100",
}


RESPONSIVE: Final = ' style="max-width:100%;height:auto"'
# A chart is one picture with a title; its parts are nothing to be read out.
_PARTS: Final = re.compile(r' (?:role="graphics-[a-z]+"|aria-[a-z]+="[^"]*")')


class Theme(StrEnum):
    """Where a chart will stand: on a page, whose colours it follows, or on paper."""

    PAGE = "page"
    PAPER = "paper"


class Layout(StrEnum):
    """How much room there is: a page's width, or a telephone's."""

    WIDE = "wide"
    NARROW = "narrow"


def colour(name: str) -> str:
    """A colour by its meaning, which a page may redefine as the custom property of that name."""
    return f"var(--{name}, {_COLOURS[name]})"


@contextmanager
def unchecked() -> Iterator[None]:
    """Build without checking every part against the schema, which costs as much as drawing it."""
    from altair.utils.schemapi import debug_mode  # noqa: PLC0415

    with debug_mode(False):
        yield


def fixed_colour(name: str) -> str:
    """A colour by its meaning, as it is on paper."""
    return _COLOURS[name]


def themed(svg: str, theme: Theme) -> str:
    """The drawing with colours and size that suit where it will stand."""
    if theme is Theme.PAGE:
        return svg
    fixed = re.sub(r"var\(--[a-z]+, (#[0-9a-f]{6})\)", r"\1", svg)
    return fixed.replace(RESPONSIVE, "")


@dataclass(frozen=True, slots=True)
class Frame:
    """The plot's place inside the drawing, in pixels, and the span of its horizontal axis."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    span: tuple[float, float]

    @property
    def plot(self) -> float:
        """Width of the plot itself."""
        return self.width - self.left - self.right

    def across(self, pixel: float) -> float:
        """The value that stands `pixel` right of the plot's left edge; may lie outside."""
        low, high = self.span
        return low + pixel / self.plot * (high - low)

    def pixel(self, value: float) -> float:
        """Pixels right of the plot's left edge."""
        low, high = self.span
        return (value - low) / (high - low) * self.plot


@dataclass(slots=True)
class Drawing:
    """Layers of an Altair chart, from back to front."""

    frame: Frame
    layers: list[Any] = field(default_factory=list)
    _words: list[dict[str, object]] = field(default_factory=list)

    def add(
        self, kind: str, rows: list[dict[str, Any]], *channels: str, **style: AltairObject
    ) -> None:
        """Add marks of one kind and style; `channels` are fields of `rows`, such as "x2"."""
        import altair as alt  # noqa: PLC0415 - a second of import that most runs never need

        if not rows:
            return
        frame = self.frame
        across = alt.Scale(domain=list(frame.span), nice=False, zero=False)
        down = alt.Scale(domain=[frame.height, 0], nice=False, zero=False)
        encode: dict[str, Any] = {"x": alt.X("x:Q", scale=across), "y": alt.Y("y:Q", scale=down)}
        encode |= {channel: _channel(channel) for channel in channels}
        chart = getattr(alt.Chart(alt.InlineData(values=rows)), f"mark_{kind}")(**style)
        self.layers.append(chart.encode(**encode))

    def write(
        self,
        text: str,
        *,
        pixel: float,
        y: float,
        ink: str = "ink",
        align: str = "left",
        bold: bool = False,
    ) -> None:
        """Write one line, centred on `y`."""
        self._words.append(
            {
                "x": self.frame.across(pixel),
                "y": y,
                "text": clean(text),
                "color": colour(ink),
                "align": align,
                "weight": 600 if bold else 400,
            }
        )

    def svg(self, *, axis: tuple[AltairObject, AltairObject], title: str) -> str:
        """Draw; `title` is what a reader who cannot see the chart is told."""
        for align in ("left", "center", "right"):
            for weight in (400, 600):
                chosen = [w for w in self._words if (w["align"], w["weight"]) == (align, weight)]
                self.add(
                    "text",
                    chosen,
                    "text",
                    "color",
                    align=align,
                    baseline="middle",
                    fontSize=SIZE,
                    fontWeight=weight,
                )
        return _finished(_drawn(_spec(self, axis)), title=title)


def nice_ticks(low: float, high: float, *, about: int = 5) -> list[float]:
    """Round values inside the span, at a step of 1, 2 or 5 times a power of ten.

    Example:
        >>> nice_ticks(-0.4, 2.1)
        [0.0, 0.5, 1.0, 1.5, 2.0]
    """
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def spread(wanted: list[float], *, gap: float, low: float, high: float) -> list[float]:
    """Move positions apart until neighbours are `gap` away, as near as can be to what was wanted.

    Example:
        >>> spread([10, 12], gap=18, low=0, high=100)
        [2.0, 20.0]
    """
    groups = [([i], float(wanted[i])) for i in sorted(range(len(wanted)), key=lambda i: wanted[i])]
    merged: list[tuple[list[int], float]] = []
    for members, centre in groups:
        merged.append((members, centre))
        while len(merged) > 1 and _overlap(merged[-2], merged[-1], gap):
            (first, _), (second, _) = merged[-2:]
            both = first + second
            middle = sum(wanted[i] for i in both) / len(both)
            half = gap * (len(both) - 1) / 2
            merged[-2:] = [(both, min(max(middle, low + half), high - half))]
    places = [0.0] * len(wanted)
    for members, centre in merged:
        for place, i in enumerate(members):
            places[i] = centre + gap * (place - (len(members) - 1) / 2)
    return places


def _overlap(upper: tuple[list[int], float], lower: tuple[list[int], float], gap: float) -> bool:
    reach = gap * (len(upper[0]) + len(lower[0])) / 2
    return lower[1] - upper[1] < reach


def _channel(name: str) -> AltairObject:
    import altair as alt  # noqa: PLC0415

    ends = {"x2": alt.X2("x2"), "y2": alt.Y2("y2"), "text": alt.Text("text:N")}
    return ends.get(name) or alt.Color("color:N", scale=None)


def _spec(drawing: Drawing, axis: tuple[AltairObject, AltairObject]) -> dict[str, Any]:
    import altair as alt  # noqa: PLC0415

    frame = drawing.frame
    layers = drawing.layers
    layers[0].encoding.x.axis, layers[0].encoding.y.axis = axis
    for layer in layers[1:]:
        layer.encoding.x.axis = layer.encoding.y.axis = None
    axes = alt.AxisConfig(
        labelFontSize=SIZE,
        titleFontSize=SIZE,
        titleFontWeight=400,
        labelColor=colour("soft"),
        titleColor=colour("soft"),
        gridColor=colour("line"),
        domain=False,
        ticks=False,
        labelPadding=8,
        titlePadding=8,
    )
    # One call rather than a chain: every link of a chain would copy all that came before.
    chart = alt.LayerChart(
        layer=layers,
        width=frame.plot,
        height=frame.height,
        padding={
            "left": frame.left,
            "right": frame.right,
            "top": frame.top,
            "bottom": frame.bottom,
        },
        autosize="none",
        resolve=alt.Resolve(axis=alt.AxisResolveMap(x="independent", y="independent")),
        config=alt.Config(
            font="Inter",
            background="transparent",
            aria=False,
            view=alt.ViewConfig(stroke=None),
            axis=axes,
        ),
    )
    return dict(chart.to_dict(validate=False))


def padded(values: list[float], *, share: float = 0.05) -> tuple[float, float]:
    """The span of some values, with room on both sides."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    room = (high - low) * share or max(abs(high), 1.0) * share
    return low - room, high + room


def axis(**options: AltairObject) -> AltairObject:
    """An axis of Altair, which is imported when the first chart is drawn."""
    import altair as alt  # noqa: PLC0415

    return alt.Axis(**options)


def beside(
    frame: Frame, text: str, *, value: float, y: float, clear_of: float | None = None
) -> dict[str, Any]:
    """Where a label of a vertical line stands: centred on it, but inside the plot.

    Where it would lie across another line, at `clear_of`, it moves to its own side of that line.
    """
    half = text_width(text, size=SIZE) / 2
    middle = frame.pixel(value)
    if clear_of is not None:
        other = frame.pixel(clear_of)
        side = 1 if middle >= other else -1
        middle = other + side * max(abs(middle - other), half + 5)
    middle = min(max(middle, half), max(frame.plot - half, half))
    return {"pixel": middle, "y": y, "align": "center"}


def _drawn(spec: dict[str, Any]) -> str:
    import vl_convert  # noqa: PLC0415

    _register_fonts()
    return str(vl_convert.vegalite_to_svg(spec, allowed_base_urls=[]))


@cache
def _register_fonts() -> None:
    import vl_convert  # noqa: PLC0415

    vl_convert.register_font_directory(str(FONTS))


def _finished(svg: str, *, title: str) -> str:
    label = escape(clean(title))
    found = re.match(r'<svg [^>]*viewBox="([^"]+)"[^>]*>', svg)
    if not found:
        raise ValueError("The drawing has no viewBox.")
    _, _, width, _ = found[1].split()
    root = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="{found[1]}"'
        f' width="{width}" role="img" aria-label="{label}"{RESPONSIVE}>'
        f"<title>{label}</title>"
    )
    return root + _PARTS.sub("", svg[found.end() :])
