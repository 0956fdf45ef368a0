"""How does a report become a printed document that can be kept for years?

PDF/A-2a and PDF/UA-1: fonts inside, tagged, every chart described. The same report gives the same
bytes: no clock, no system fonts, no network. All texts travel as JSON strings, never as markup.
"""

import json
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Final

from experiments.report.charts import EFFECTS_KEY, MONEY_KEY, effects_svg, money_svg
from experiments.report.course import TIME_KEY, time_svg
from experiments.report.drawing import Theme, fixed_colour
from experiments.report.glyphs import FONTS, breakable, clean, printable
from experiments.report.report import PilotReport, Tone
from experiments.report.shapes import check_mark, verdict_mark
from experiments.report.steps import RETENTION_KEY, retention_svg
from experiments.report.tables import effects_table, money_table, retention_table, time_table
from experiments.words import day

_TEMPLATE: Final = Path(__file__).parent / "templates" / "report.typ"


def render_pdf(report: PilotReport) -> bytes:
    """An A4 document; a character that Inter lacks is printed as a hollow square, and said so."""
    import typst  # noqa: PLC0415 - only a printed report needs it

    made_at = datetime.combine(report.made_on, time(), tzinfo=UTC)
    standards: list[typst.PDFStandard] = ["a-2a", "ua-1"]
    compiler = typst.Compiler(
        _TEMPLATE.read_bytes(),
        font_paths=_fonts(),
        sys_inputs={"report": json.dumps(_printed(_document(report)))},
    )
    pdf = compiler.compile(format="pdf", pdf_standards=standards, timestamp=made_at)
    if not isinstance(pdf, bytes):
        raise TypeError("A report is one document.")
    return pdf


def _document(report: PilotReport) -> dict[str, Any]:
    """The report as plain values, with the drawings and tables that the template sets."""
    plain: dict[str, Any] = _plain(report)
    plain["made_on"] = day(report.made_on)
    for verdict, given in zip(
        [plain["verdict"], *plain["other_verdicts"]],
        [report.verdict, *report.other_verdicts],
        strict=True,
    ):
        mark = verdict_mark(given.word, colour=_ink(given.tone))
        verdict |= {"shape": _Whole(mark.svg), "word": mark.word}
    for line, check in zip(plain["checks"], report.checks, strict=True):
        line["shape"] = _Whole(check_mark(check.tone, colour=_ink(check.tone)))
    for line in plain["fingerprints"]:
        line["text"] = _Whole(line["text"])
    if report.effects:
        plain["effects"] |= {
            "svg": _Whole(effects_svg(report.effects, theme=Theme.PAPER)),
            "key": EFFECTS_KEY,
            "table": _plain(effects_table(report.effects)),
        }
    if report.over_time:
        plain["over_time"] = {
            "title": report.over_time.title,
            "svg": _Whole(time_svg(report.over_time, theme=Theme.PAPER)),
            "key": TIME_KEY,
            "table": _plain(time_table(report.over_time)),
        }
    plain["retention"] = [
        {
            "title": chart.title,
            "svg": _Whole(retention_svg(chart, theme=Theme.PAPER)),
            "key": RETENTION_KEY,
            "left_out": list(chart.notes),
            "table": _plain(retention_table(chart)),
        }
        for chart in report.retention
    ]
    for amounts, money in zip(plain["money"], report.money, strict=True):
        amounts |= {
            "svg": _Whole(money_svg(money, theme=Theme.PAPER)),
            "key": MONEY_KEY,
            "table": _plain(money_table(money)),
        }
    plain["unprintable"] = any(printable(text) != _swapped(text) for text in _texts(plain))
    return plain


class _Whole(str):
    """A drawing or a fingerprint: made printable, but never broken."""

    __slots__ = ()


def _plain(value: object) -> Any:
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    return day(value) if isinstance(value, date) else value


def _printed(value: object) -> object:
    """The same value with every text as Inter can set it, long words breakable."""
    if isinstance(value, dict):
        return {key: _printed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_printed(item) for item in value]
    if isinstance(value, _Whole):
        return printable(value)
    return breakable(printable(value)) if isinstance(value, str) else value


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []


def _swapped(text: str) -> str:
    """What is set without loss: the text itself, stand-ins for two signs aside."""
    return clean(text).replace("✕", "×").replace("▒", "■")


def _ink(tone: Tone) -> str:
    return fixed_colour("ink" if tone is Tone.PLAIN else tone.value)


@cache
def _fonts() -> Any:
    import typst  # noqa: PLC0415

    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[FONTS])
