"""The printed report can be kept: same bytes, tagged, described, fonts inside, every letter."""

import io
import re
from dataclasses import replace
from typing import Any

import pytest
from pypdf import PdfReader

from experiments.report.pdf import render_pdf
from experiments.report.report import PilotReport
from tests.report.sample import (
    HOSTILE,
    NAMES,
    crowded_report,
    hostile_report,
    sample_report,
    two_treatments_report,
    veiled_report,
)


def _pages(report: PilotReport) -> list[str]:
    reader = PdfReader(io.BytesIO(render_pdf(report)))
    return [_flat(page.extract_text()) for page in reader.pages]


def _flat(text: str) -> str:
    return " ".join(text.replace("\u200b", "").split())


def _solid(text: str) -> str:
    return re.sub(r"\s", "", text.replace("\u200b", ""))


def test_page_one_answers_alone() -> None:
    report = sample_report()
    first = _solid(_pages(report)[0])
    texts = [report.title, report.question, report.people, report.checks_line, report.registration]
    texts += [report.verdict.sentence, report.verdict.why, report.verdict.advice, "Proved"]
    texts += [text for f in report.figures for text in (f.label, f.value, f.interval, f.note)]
    texts += [text for line in report.done for text in (line.label, line.text)]
    texts += [line.text for line in report.fingerprints]
    texts += ["Spend in two weeks", "break-even", "no change"]
    for text in texts:
        assert _solid(text) in first


def test_pages_come_in_the_promised_order() -> None:
    pages = _pages(sample_report())
    heads = ["What it is worth", "Which customers", "Method and every number"]
    assert [next(i for i, p in enumerate(pages) if h in p) for h in heads] == [1, 2, 3]
    assert "Over time" in pages[1]
    assert all(f"page {i + 1} of {len(pages)}" in p for i, p in enumerate(pages))
    assert all("mens-email-spring" in p and "7 April 2026" in p for p in pages)


def test_every_number_behind_the_charts_is_printed() -> None:
    report = sample_report()
    everything = _solid("".join(_pages(report)))
    assert report.over_time is not None
    assert report.effects is not None
    for point in report.over_time.points:
        assert _solid(point.text) in everything
    for row in report.effects.rows:
        assert _solid(row.relative_text) in everything
    for line in report.glossary:
        assert _solid(line.text) in everything


def test_the_same_report_gives_the_same_bytes() -> None:
    assert render_pdf(sample_report()) == render_pdf(sample_report())


def test_another_report_gives_other_bytes() -> None:
    other = replace(sample_report(), title="Men's e-mail, autumn")
    assert render_pdf(other) != render_pdf(sample_report())


def test_polish_and_german_letters_are_set() -> None:
    report = replace(sample_report(), people=NAMES)
    assert NAMES in _pages(report)[0]


def test_a_person_s_markup_is_set_as_text() -> None:
    everything = _solid("".join(_pages(hostile_report())))
    assert _solid(f"Sentence {HOSTILE}".replace("\x07", "")) in everything
    assert "hollowsquarestandsforeach" in everything
    assert "hollowsquarestandsforeach" not in _solid("".join(_pages(sample_report())))


def test_the_file_is_an_archive_copy_that_can_be_read_aloud() -> None:
    reader = PdfReader(io.BytesIO(render_pdf(sample_report())))
    root: Any = reader.trailer["/Root"]
    assert root["/Lang"] == "en-GB"
    assert root["/MarkInfo"]["/Marked"]
    assert reader.metadata is not None
    assert reader.metadata.title == "Men's e-mail, spring"
    described = root["/Metadata"].get_data().decode()
    assert re.search(r"<pdfaid:part>2</pdfaid:part>\s*<pdfaid:conformance>A<", described)
    assert "<pdfuaid:part>1<" in described
    assert sorted(_alternatives(root["/StructTreeRoot"])) == sorted(
        [
            sample_report().money[0].title,
            sample_report().money[1].title,
            "Mailed customers spent 0.77 USD more; the e-mail pays from 0.22 USD",
            "Groups spent alike for eight weeks before; mailed customers spent more after",
        ]
    )


def _alternatives(node: Any) -> list[str]:
    node = node.get_object()
    if isinstance(node, list):
        return [text for child in node for text in _alternatives(child)]
    if not isinstance(node, dict):
        return []
    below = _alternatives(node["/K"]) if "/K" in node else []
    return [*below, str(node["/Alt"])] if "/Alt" in node else below


def test_only_inter_is_inside() -> None:
    reader = PdfReader(io.BytesIO(render_pdf(hostile_report())))
    fonts = set()
    for page in reader.pages:
        resources: Any = page["/Resources"]
        for font in resources.get("/Font", {}).values():
            fonts.add(font.get_object()["/BaseFont"])
    assert fonts
    assert all("Inter" in name for name in fonts)


def test_a_veiled_report_prints_without_figures() -> None:
    pages = _pages(veiled_report())
    assert "Veiled until 3 April" in pages[0]
    assert len(pages) == 2
    assert "0.77" not in "".join(pages)


@pytest.mark.parametrize("make", [two_treatments_report, crowded_report])
def test_a_full_report_keeps_its_fingerprint_on_page_one_and_its_text_on_the_paper(
    make: Any,
) -> None:
    report = make()
    reader = PdfReader(io.BytesIO(render_pdf(report)))
    assert report.fingerprints[0].text in _solid(reader.pages[0].extract_text())
    for page in reader.pages:
        width = float(page.mediabox.width)

        def inside(text: str, cm: Any, tm: Any, *_: object, width: float = width) -> None:
            if text.strip():
                assert 0 <= tm[4] * cm[0] + cm[4] <= width, text

        page.extract_text(visitor_text=inside)
