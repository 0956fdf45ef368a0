"""Charts say what they show to everybody: seen, printed, heard or read as a table."""

import itertools
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from experiments.report.charts import effects_svg, money_svg
from experiments.report.course import time_svg
from experiments.report.drawing import Layout, Theme, nice_ticks, spread
from experiments.report.glyphs import printable, text_width, wrapped
from experiments.report.report import EffectsChart, Money, TimeChart
from experiments.report.tables import effects_table, money_table, time_table
from tests.report.sample import (
    HOSTILE,
    LONG,
    crowded_report,
    hostile_report,
    sample_report,
    two_treatments_report,
)

SVG = "{http://www.w3.org/2000/svg}"


def _effects() -> EffectsChart:
    chart = sample_report().effects
    assert chart is not None
    return chart


def _time() -> TimeChart:
    chart = sample_report().over_time
    assert chart is not None
    return chart


def _money() -> Money:
    return sample_report().money[0]


def _all(theme: Theme, layout: Layout) -> list[str]:
    return [
        effects_svg(_effects(), theme=theme, layout=layout),
        time_svg(_time(), theme=theme, layout=layout),
        money_svg(_money(), theme=theme, layout=layout),
    ]


def _words(svg: str) -> list[str]:
    return ["".join(e.itertext()) for e in ET.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314


@pytest.mark.parametrize("theme", Theme)
@pytest.mark.parametrize("layout", Layout)
def test_a_drawing_stands_alone_and_says_what_it_is(theme: Theme, layout: Layout) -> None:
    titles = [_effects().title, _time().title, _money().title]
    for svg, title in zip(_all(theme, layout), titles, strict=True):
        root = ET.fromstring(svg)  # noqa: S314 - our own drawing
        assert root.get("role") == "img"
        assert root.get("aria-label") == title
        assert root.findtext(f"{SVG}title") == title
        assert len((root.get("viewBox") or "").split()) == 4
        assert not re.search(r"href|url\(|<image|<script|<style|@import", svg)


def test_on_paper_every_colour_is_fixed_and_on_a_page_none_is() -> None:
    for svg in _all(Theme.PAPER, Layout.WIDE):
        assert "var(" not in svg
    for svg in _all(Theme.PAGE, Layout.WIDE):
        outside = re.sub(r"var\(--[a-z]+, #[0-9a-f]{6}\)", "", svg)
        assert not re.search(r"#[0-9a-f]{6}|=\"(black|white)\"", outside)


def test_the_forest_names_zero_break_even_and_each_value() -> None:
    words = " ".join(_words(effects_svg(_effects())))
    assert "no change" in words
    assert words.count("break-even") == 1
    for row in _effects().rows:
        assert row.label in words
        assert row.relative_text in words
    assert "0.77 USD more (0.49 to 1.05)" in words


def test_the_break_even_label_keeps_off_the_line_of_no_change() -> None:
    chart = _effects()
    near = replace(chart, rows=(replace(chart.rows[0], break_even=0.03), *chart.rows[1:]))
    drawn = {text: (left, right) for left, right, _, text in _extents(effects_svg(near))}
    zero = sum(drawn["no change"]) / 2
    assert drawn["break-even"][0] > zero


def test_the_deciding_row_is_heavier() -> None:
    svg = effects_svg(_effects())
    assert re.search(r'font-weight="600"[^>]*>Spend in two weeks<', svg)
    assert not re.search(r'font-weight="600"[^>]*>Conversion<', svg)
    assert svg.count('stroke-width="4"') == 1


def test_a_hopeless_interval_is_cut_with_arrows_and_leaves_the_others_readable() -> None:
    calm = crowded_report().effects
    assert calm is not None
    svg = effects_svg(calm)
    ticks = [w for w in _words(svg) if re.fullmatch(r"[+−]?\d+ %", w)]
    assert "+100 %" in ticks
    assert "+500 %" not in ticks
    assert _arrows(svg) == 2
    assert _arrows(effects_svg(_effects())) == 0


def _arrows(svg: str) -> int:
    """Triangles are the only marks of points that are drawn with three straight sides."""
    return len(re.findall(r'<path transform="[^"]*" d="M[^"A]*L[^"A]*L[^"A]*Z"', svg))


def test_marks_differ_without_colour() -> None:
    """Good, bad and undecided are circle, square and hollow; so a grey print still tells them."""
    svg = effects_svg(_effects(), theme=Theme.PAPER)
    filled = re.findall(r'd="M[^"]*A[^"]*" fill="(#[0-9a-f]{6})" stroke="(#[0-9a-f]{6})"', svg)
    assert ("#1a7f5a", "#1a7f5a") in filled
    assert ("#ffffff", "#5a626b") in filled


def test_lines_are_labelled_at_their_end_and_the_start_is_a_rule() -> None:
    report = two_treatments_report()
    assert report.over_time is not None
    words = _words(time_svg(report.over_time))
    for name in ("held out", "men's e-mail", "women's e-mail", "program starts 21 Mar"):
        assert name in words
    assert "USD per customer and week" in words
    assert "stroke-dasharray" in time_svg(report.over_time)


def test_a_fourth_treatment_is_drawn_too() -> None:
    chart = _time()
    names = ("one", "two", "three", "four")
    treated = [p for p in chart.points if p.arm == "e-mail"]
    points = tuple(replace(p, arm=name) for name in names for p in treated)
    words = _words(time_svg(replace(chart, treatments=names, points=points)))
    assert set(names) <= set(words)


def test_one_period_and_no_period_before_still_draw() -> None:
    chart = _time()
    last = tuple(p for p in chart.points if p.starts_on == chart.points[-1].starts_on)
    for points in (last, ()):
        assert "<svg" in time_svg(replace(chart, points=points))


def test_a_loss_draws_left_of_zero() -> None:
    money = _money()
    steps = (*money.steps[:-1], replace(money.steps[-1], amount=-0.2, text="−0.200 USD"))
    assert "−0.200 USD" in _words(money_svg(replace(money, steps=steps)))


def test_hostile_names_are_only_text() -> None:
    report = hostile_report()
    assert report.effects is not None
    svg = effects_svg(report.effects)
    ET.fromstring(svg)  # noqa: S314
    assert "<script" not in svg


@pytest.mark.parametrize("layout", Layout)
def test_no_text_leaves_its_drawing(layout: Layout) -> None:
    for report in (crowded_report(), two_treatments_report()):
        assert report.effects is not None
        assert report.over_time is not None
        for svg in (
            effects_svg(report.effects, layout=layout),
            time_svg(report.over_time, layout=layout),
            money_svg(report.money[0], layout=layout),
        ):
            for left, right, width, text in _extents(svg):
                assert left >= -1, text
                assert right <= width + 1, text


def _extents(svg: str) -> list[tuple[float, float, float, str]]:
    """Left and right edge of each text in the drawing's own units."""
    root = ET.fromstring(svg)  # noqa: S314
    width = float((root.get("viewBox") or "").split()[2])
    found: list[tuple[float, float, float, str]] = []

    def walk(node: ET.Element, x: float) -> None:
        moved = re.match(r"translate\((-?[\d.e-]+)", node.get("transform") or "")
        x += float(moved[1]) if moved else 0.0
        if node.tag == f"{SVG}text" and node.text:
            wide = text_width(node.text, size=13, bold=node.get("font-weight") == "600")
            left = x - {"middle": wide / 2, "end": wide}.get(node.get("text-anchor") or "", 0.0)
            found.append((left, left + wide, width, node.text))
        for child in node:
            walk(child, x)

    walk(root, 0.0)
    assert found
    return found


def test_the_tables_behind_hold_every_number_of_the_charts() -> None:
    assert [r[1:] for r in effects_table(_effects()).rows] == [
        (r.text, r.relative_text) for r in _effects().rows
    ]
    cells = {cell for row in time_table(_time()).rows for cell in row}
    assert {p.text for p in _time().points} <= cells
    assert len(time_table(_time()).rows) == 12
    assert [r[1] for r in money_table(_money()).rows] == [s.text for s in _money().steps]


def test_spread_keeps_order_gap_and_edges() -> None:
    places = spread([50.0, 51.0, 52.0, 99.0], gap=18, low=0, high=100)
    assert places == sorted(places)
    assert min(b - a for a, b in itertools.pairwise(places)) >= 18 - 1e-9
    assert max(places) <= 100
    assert min(places) >= 0


def test_ticks_are_round_and_inside() -> None:
    assert nice_ticks(-37, 168) == [0, 50, 100, 150]
    assert nice_ticks(0.001, 0.0042) == [0.001, 0.002, 0.003, 0.004]


def test_letters_that_inter_lacks_become_visible_and_others_stay() -> None:
    assert printable("Zażółć gęślą jaźń, Größe, Łódź, Köln ✓ ◦ !") == (
        "Zażółć gęślą jaźń, Größe, Łódź, Köln ✓ ◦ !"
    )
    assert printable("Z\u0307ubr") == "Żubr"
    assert printable("a\x07b\ud800c\ue000d日") == "ab□c□d□"


def test_a_long_word_is_broken_to_fit_and_ends_in_an_ellipsis() -> None:
    lines = wrapped(LONG, width=100, size=13, lines=2)
    assert len(lines) == 2
    assert lines[1].endswith("…")
    assert all(text_width(line, size=13) <= 100 for line in lines)
    assert HOSTILE.startswith(wrapped(HOSTILE, width=400, size=13)[0])
