"""How does a report become one page that needs nothing else?

Style, typeface and drawings are inside; there is no script, and nothing is fetched.
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from html import escape
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from experiments.report.charts import EFFECTS_KEY, MONEY_KEY, effects_svg, money_svg
from experiments.report.course import TIME_KEY, time_svg
from experiments.report.drawing import RESPONSIVE, Layout
from experiments.report.glyphs import FONTS, clean
from experiments.report.report import (
    Effect,
    EffectsChart,
    Line,
    Money,
    PilotReport,
    RetentionChart,
    Table,
    TimeChart,
    Tone,
)
from experiments.report.shapes import check_mark, verdict_mark
from experiments.report.steps import RETENTION_KEY, retention_svg
from experiments.report.tables import effects_table, money_table, retention_table, time_table
from experiments.words import day

DRAWN: Final = 128  # charts that are kept, because every reader of a pilot sees the same ones
_TEMPLATES: Final = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class ChartBlock:
    """A chart as a page shows it: its finding, two drawings, a key, and the table behind."""

    title: str
    wide: Markup
    narrow: Markup
    key: str
    table: Table
    notes: tuple[str, ...] = ()


def render_html(report: PilotReport) -> str:
    """One self-contained HTML document in the language of the report."""
    template = _environment().get_template("report.html")
    return template.render(
        report=report,
        style=Markup(_style()),  # noqa: S704 - a file of this folder
        effects=effects_block(report.effects) if report.effects else None,
        over_time=time_block(report.over_time) if report.over_time else None,
        retention=[retention_block(chart) for chart in report.retention],
        money=[(money, money_block(money)) for money in report.money],
        terms=Terms(report.glossary),
    )


@lru_cache(maxsize=DRAWN)
def effects_block(chart: EffectsChart) -> ChartBlock:
    """The forest plot with its table."""
    return ChartBlock(
        title=chart.title,
        wide=_safe(effects_svg(chart)),
        narrow=_safe(effects_svg(chart, layout=Layout.NARROW)),
        key=EFFECTS_KEY,
        table=effects_table(chart),
        notes=chart.left_out,
    )


@lru_cache(maxsize=DRAWN)
def time_block(chart: TimeChart) -> ChartBlock:
    """The course over time with its table."""
    return ChartBlock(
        title=chart.title,
        wide=_safe(time_svg(chart)),
        narrow=_safe(time_svg(chart, layout=Layout.NARROW)),
        key=TIME_KEY,
        table=time_table(chart),
    )


@lru_cache(maxsize=DRAWN)
def retention_block(chart: RetentionChart) -> ChartBlock:
    """The step curves with their table."""
    return ChartBlock(
        title=chart.title,
        wide=_safe(retention_svg(chart)),
        narrow=_safe(retention_svg(chart, layout=Layout.NARROW)),
        key=RETENTION_KEY,
        table=retention_table(chart),
        notes=chart.notes,
    )


@lru_cache(maxsize=DRAWN)
def money_block(money: Money) -> ChartBlock:
    """The waterfall with its table."""
    return ChartBlock(
        title=money.title,
        wide=_safe(money_svg(money)),
        narrow=_safe(money_svg(money, layout=Layout.NARROW)),
        key=MONEY_KEY,
        table=money_table(money),
    )


def warm_up() -> None:
    """Load what draws charts: a process takes more than a second for its first one."""
    row = Effect("", 0.0, 0.0, 0.0, "", "", False, Tone.PLAIN, None)
    effects_block(EffectsChart("", (row,), ()))


class Terms:
    """Statistical terms of a text, each marked where the report first uses it."""

    def __init__(self, glossary: tuple[Line, ...]) -> None:
        self._lines = {line.label.casefold(): line for line in glossary}
        self._met: set[str] = set()
        words = sorted((re.escape(line.label) for line in glossary), key=len, reverse=True)
        self._pattern = re.compile(rf"(?<!\w)({'|'.join(words)})(?!\w)", re.I) if words else None

    @staticmethod
    def anchor(label: str) -> str:
        """Name of a term's place in the glossary.

        Example:
            >>> Terms.anchor("return on investment")
            'term-return-on-investment'
        """
        return "term-" + "-".join(re.findall(r"\w+", label.casefold()))

    def mark(self, text: str) -> Markup:
        """The text, escaped, with a link and an explanation on each new term."""
        pieces = self._pattern.split(clean(text)) if self._pattern else [clean(text)]
        return Markup("").join(
            self._linked(piece) if place % 2 else Markup(escape(piece))  # noqa: S704 - escaped
            for place, piece in enumerate(pieces)
        )

    def _linked(self, word: str) -> Markup:
        line = self._lines[word.casefold()]
        if line.label in self._met:
            return Markup(escape(word))  # noqa: S704 - escaped here
        self._met.add(line.label)
        return Markup('<a class="term" href="#{}" title="{}">{}</a>').format(
            self.anchor(line.label), clean(line.text), word
        )


def style_sha256(document: str) -> str:
    """What a Content-Security-Policy names to allow the style of a document of `render_html`."""
    style = document[document.index("<style>") + len("<style>") : document.index("</style>")]
    digest = hashlib.sha256(style.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _safe(svg: str) -> Markup:
    """A drawing of this folder, in which every text is already escaped.

    Its size is left to the style sheet, as strict pages allow no style inside.
    """
    return Markup(svg.replace(RESPONSIVE, "", 1))  # noqa: S704


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: clean(value) if type(value) is str else value,
    )
    environment.filters["day"] = day
    environment.filters["verdict_mark"] = verdict_mark
    environment.filters["check_mark"] = check_mark
    environment.filters["drawn"] = _safe
    environment.filters["anchor"] = Terms.anchor
    return environment


@cache
def _style() -> str:
    font = base64.b64encode((FONTS / "InterVariable.woff2").read_bytes()).decode("ascii")
    face = (
        '@font-face{font-family:"Inter";font-style:normal;font-weight:100 900;'
        f'src:url("data:font/woff2;base64,{font}") format("woff2")}}\n'
    )
    return face + (_TEMPLATES / "report.css").read_text(encoding="utf-8")
