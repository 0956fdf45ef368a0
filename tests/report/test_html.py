"""The page needs nothing else, runs nothing, and shows every sentence as it was written."""

import itertools
import re
from dataclasses import fields, is_dataclass
from datetime import date
from enum import Enum
from html.parser import HTMLParser

import pytest

from experiments.report.glyphs import clean
from experiments.report.html import render_html
from experiments.report.report import PilotReport
from tests.report.sample import (
    HOSTILE,
    crowded_report,
    hostile_report,
    sample_report,
    two_treatments_report,
    veiled_report,
)

VOID = {"meta", "br", "hr", "img", "link", "input"}
EVERY = (
    sample_report,
    veiled_report,
    two_treatments_report,
    crowded_report,
    hostile_report,
)


class _Page(HTMLParser):
    """Tags with attributes, text outside of style, and whether every tag closes its own."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return _flat("".join(self.words))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def _flat(text: str) -> str:
    return " ".join(clean(text).split())


def _sentences(value: object) -> list[str]:
    """Every text of a report but the shape of a verdict, which is drawn."""
    if isinstance(value, Enum | date | bool | float | int) or value is None:
        return []
    if isinstance(value, str):
        return [re.sub(r"^[✓✕◦!▒] ", "", value)]
    if is_dataclass(value):
        names = [f.name for f in fields(value) if f.name not in {"arm", "treatment", "control"}]
        return [text for name in names for text in _sentences(getattr(value, name))]
    assert isinstance(value, tuple)
    return [text for item in value for text in _sentences(item)]


@pytest.mark.parametrize("make", EVERY)
def test_every_sentence_of_the_report_is_on_the_page(make: object) -> None:
    assert callable(make)
    report: PilotReport = make()
    page = _Page(render_html(report))
    assert page.open == []
    for sentence in _sentences(report):
        if sentence:
            assert _flat(sentence) in page.text


@pytest.mark.parametrize("make", EVERY)
def test_nothing_is_loaded_and_nothing_runs(make: object) -> None:
    assert callable(make)
    html = render_html(make())
    page = _Page(html)
    names = {name for name, _ in page.tags}
    assert not names & {"script", "iframe", "object", "embed", "img", "link", "form", "base"}
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "src"]
        assert (attributes.get("href") or "#").startswith("#")
    style = html[html.index("<style>") : html.index("</style>")]
    assert re.findall(r"url\(\"?([a-z]+:[a-z]+)", style) == ["data:font"]
    assert "@import" not in style
    without = html.replace("http://www.w3.org/2000/svg", "").replace(
        "http://www.w3.org/1999/xlink", ""
    )
    assert not re.search(r"https?:|(?<!/)//[a-z]+\.", without.replace(style, ""))


def test_a_person_s_markup_is_shown_and_not_obeyed() -> None:
    html = render_html(hostile_report())
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "{{ 7 * 7 }}" in _Page(html).text
    assert _flat(f"Title {HOSTILE}") in _Page(html).text


@pytest.mark.parametrize("make", EVERY)
def test_headings_descend_one_step_at_a_time_from_a_single_first(make: object) -> None:
    assert callable(make)
    page = _Page(render_html(make()))
    levels = [int(name[1]) for name, _ in page.tags if re.fullmatch(r"h[1-6]", name)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    assert page.named("html") == [{"lang": "en"}]


def test_every_chart_is_described_and_has_its_table() -> None:
    page = _Page(render_html(sample_report()))
    charts = [a for a in page.named("svg") if a.get("role") == "img"]
    assert len(charts) == 2 * 4
    assert all(a.get("aria-label") for a in charts)
    assert len(page.named("figure")) == 4
    assert page.text.count("The table behind this chart") == 4


def test_tables_have_a_caption_and_scopes() -> None:
    page = _Page(render_html(sample_report()))
    assert len(page.named("caption")) == len(page.named("table")) > 0
    assert {a.get("scope") for a in page.named("th")} == {"col", "row"}


def test_ids_are_unique_and_links_lead_somewhere() -> None:
    page = _Page(render_html(sample_report()))
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    targets = {(a["href"] or "")[1:] for _, a in page.tags if "href" in a}
    assert targets <= set(ids)
    assert {"term-held-out", "term-cuped", "term-p"} <= targets


def test_a_term_is_explained_where_it_is_first_used() -> None:
    html = render_html(sample_report())
    assert re.search(r'<a class="term" href="#term-cuped" title="Uses what customers did', html)
    assert html.count('href="#term-cuped"') == 1


def test_a_veiled_report_shows_no_figure_and_no_chart() -> None:
    page = _Page(render_html(veiled_report()))
    assert "Veiled until 3 April" in page.text
    assert page.named("figure") == []
    assert "0.77" not in page.text


def test_the_verdict_comes_before_any_figure() -> None:
    text = _Page(render_html(sample_report())).text
    assert text.index("The e-mail pays.") < text.index("5,200 USD")


def test_text_contrast_is_at_least_four_and_a_half_in_both_themes() -> None:
    html = render_html(sample_report())
    themes = re.findall(r":root \{(.*?)\}", html, re.S)
    assert len(themes) == 2
    for theme in themes:
        colours = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", theme))
        for name in "ink soft good bad caution treatment control second third".split():  # noqa: SIM905
            assert _contrast(colours[name], colours["paper"]) >= 4.5, name
        assert _contrast(colours["ink"], colours["wash"]) >= 4.5


def _contrast(one: str, other: str) -> float:
    """Contrast ratio of WCAG 2.2."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_same_report_gives_the_same_page() -> None:
    assert render_html(sample_report()) == render_html(sample_report())
