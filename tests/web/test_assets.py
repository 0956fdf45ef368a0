"""The files that pages load, the colours they set, and the components made of them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from app.web.assets import STATIC, TYPEFACE, Assets, asset, drawn, mounted_at
from app.web.pages import TEMPLATES, environment
from experiments.report.charts import effects_svg
from experiments.report.drawing import fixed_colour
from tests.report.sample import sample_report

PAGES: Final = sorted(TEMPLATES.rglob("*.html"))
STYLE: Final = (STATIC / "pilotbook.css").read_text("utf-8")
DARK: Final = "@media screen and (prefers-color-scheme: dark)"


def colours(css: str) -> dict[str, str]:
    """Custom properties that hold a colour."""
    return dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", css))


LIGHT_THEME: Final = colours(STYLE[: STYLE.index(DARK)])
DARK_THEME: Final = colours(STYLE[STYLE.index(DARK) :])


def component(name: str, call: str) -> str:
    """What a macro of a component writes."""
    source = f'{{% import "components/{name}.html" as part %}}{{{{ part.{call} }}}}'
    return environment().from_string(source).render()


@pytest.fixture(scope="module")
def browser() -> Iterator[TestClient]:
    with TestClient(Starlette(routes=[Mount(mounted_at(), Assets())])) as client:
        yield client


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_a_template_holds_nothing_that_the_content_security_policy_stops(path: Path) -> None:
    text = path.read_text("utf-8")
    assert re.findall(r"<style|\sstyle=|\son\w+=|hx-on|javascript:|hx-vals=.js:", text) == []
    assert [tag for tag in re.findall(r"<script[^>]*>", text) if "src=" not in tag] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_a_template_parses_and_names_only_files_that_exist(path: Path) -> None:
    environment().get_template(str(path.relative_to(TEMPLATES)))
    names = re.findall(r'asset\("([^"]+)"\)', path.read_text("utf-8"))
    assert [asset(name).rpartition("/")[2] for name in names] == [Path(n).name for n in names]


def test_a_file_that_does_not_exist_is_an_error_at_once() -> None:
    with pytest.raises(FileNotFoundError, match=r"no pilot\.css"):
        asset("pilot.css")


def test_a_browser_keeps_every_file_for_ever(browser: TestClient) -> None:
    answer = browser.get(asset("pilotbook.css"))
    assert answer.headers["content-type"].startswith("text/css")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert browser.get(f"{mounted_at()}/nothing.css").status_code == 404


def test_the_style_sheet_reaches_the_files_it_names(browser: TestClient) -> None:
    names = [
        name for name in re.findall(r'url\("([^"]+)"\)', STYLE) if not name.startswith("data:")
    ]
    assert TYPEFACE in names
    for name in names:
        assert browser.get(f"{mounted_at()}/{name}").status_code == 200


def test_the_list_of_vendored_files_names_their_versions() -> None:
    listed = (STATIC / "vendor/README.md").read_text("utf-8")
    pico = (STATIC / "vendor/pico.classless.min.css").read_text("utf-8")
    htmx = (STATIC / "vendor/htmx.min.js").read_text("utf-8")
    for found in (re.search(r"v(\d+\.\d+\.\d+)", pico), re.search(r'version:"([\d.]+)"', htmx)):
        assert found is not None
        assert f"| {found[1]} |" in listed


def test_pages_have_the_colours_of_the_charts() -> None:
    named = set(LIGHT_THEME) - {"panel", "edge", "wash"}
    assert {name: LIGHT_THEME[name] for name in named} == {n: fixed_colour(n) for n in named}
    assert set(DARK_THEME) == set(LIGHT_THEME)


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, 1 to 21 (WCAG 2.2, relative luminance)."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_black_on_white_has_the_highest_contrast() -> None:
    """WCAG 2.2, definition of contrast ratio."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", [LIGHT_THEME, DARK_THEME], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "panel", "wash"])
def test_every_ink_can_be_read(theme: dict[str, str], ground: str) -> None:
    inks = ["ink", "soft", "treatment", "good", "bad", "caution"]
    assert [ink for ink in inks if contrast(theme[ink], theme[ground]) < 4.5] == []


@pytest.mark.parametrize("theme", [LIGHT_THEME, DARK_THEME], ids=["light", "dark"])
def test_the_edge_of_a_field_can_be_seen(theme: dict[str, str]) -> None:
    """WCAG 2.2, success criterion 1.4.11: 3 to 1."""
    assert contrast(theme["edge"], theme["paper"]) >= 3


def test_a_drawing_keeps_its_words_and_loses_its_styles() -> None:
    chart = sample_report().effects
    assert chart is not None
    svg = effects_svg(chart)
    shown = drawn(svg)
    assert "style=" in svg
    assert not re.search(r'style="|role="graphics|aria-roledescription', shown)
    assert re.findall(r">([^<>]+)</text>", shown) == re.findall(r">([^<>]+)</text>", svg)


def test_a_number_is_a_text_field_so_that_what_was_typed_is_kept() -> None:
    html = component("forms", 'field("rate", "Rate", value="4o", unit="%", type="number")')
    assert 'type="text"' in html
    assert 'inputmode="decimal"' in html
    assert 'value="4o"' in html
    assert 'aria-describedby="f-rate-unit"' in html


def test_an_error_stands_at_its_field_and_on_top_with_a_link() -> None:
    at_field = component(
        "forms", 'field("slug", "Short name", error="Has a space.", help="Stays.")'
    )
    assert 'aria-invalid="true"' in at_field
    assert 'aria-describedby="f-slug-help f-slug-error"' in at_field
    on_top = component("forms", 'error_summary({"slug": "Has a space.", "": "Nobody may sign."})')
    assert '<a href="#f-slug">Has a space.</a>' in on_top
    assert "2 things need mending" in on_top
    assert component("forms", "error_summary({})").strip() == ""


@pytest.mark.parametrize("kind", ["text", "textarea", "select", "checkbox", "radios", "checkboxes"])
def test_a_field_of_any_kind_takes_hostile_text_as_text(kind: str) -> None:
    hostile = '"><script>alert(1)</script>'
    source = (
        '{% import "components/forms.html" as forms %}'
        "{{ forms.field(x, x, value=x, help=x, error=x, options=[(x, x)], type=kind) }}"
    )
    html = environment().from_string(source).render(x=hostile, kind=kind)
    assert "<script>" not in html


def test_what_was_chosen_stays_chosen() -> None:
    options = '[("a", "A"), ("b", "B")]'
    html = component("forms", f'field("k", "K", value="b", type="radios", options={options})')
    assert re.findall(r'value="(\w)" checked', html) == ["b"]
    html = component("forms", f'field("k", "K", value=["a"], type="checkboxes", options={options})')
    assert re.findall(r'value="(\w)" checked', html) == ["a"]
    html = component("forms", f'field("k", "K", value="b", type="select", options={options})')
    assert re.findall(r'value="(\w)" selected', html) == ["b"]
    assert " checked" not in component("forms", 'field("k", "K", value=false, type="checkbox")')


def test_a_repeated_group_has_a_blank_row_to_copy() -> None:
    source = (
        '{% import "components/forms.html" as forms %}'
        '{% call(i, row) forms.repeated("metrics", ["spend"], "", legend="Metric", add="Add") %}'
        '{{ forms.field("metrics-" ~ i, "Name", value=row) }}{% endcall %}'
    )
    html = environment().from_string(source).render()
    assert re.findall(r'name="(metrics-\w+)"', html) == ["metrics-0", "metrics-__n__"]
    assert 'data-next="1"' in html
    assert 'name="remove" value="metrics-0"' in html


def test_a_step_says_its_state_in_words() -> None:
    html = component(
        "steps", 'steps([{"name": "plan", "state": "done", "line": "", "href": "/p"}])'
    )
    assert 'plan<span class="unseen"> (done)</span>' in html


def test_a_job_is_asked_about_until_it_ends() -> None:
    running = component("progress", 'job("Reading", state="running", url="/jobs/1", share=0.5)')
    assert 'hx-get="/jobs/1"' in running
    assert '<progress aria-labelledby="job-jobs-1-title" value="0.5" max="1">' in running
    assert "hx-get" not in component("progress", 'job("Reading", state="done", url="/jobs/1")')
    failed = component("progress", 'job("Reading", state="failed", url="/j", error="No room.")')
    assert "No room." in failed


@pytest.mark.parametrize(("role", "sees"), [("admin", True), ("manager", False)])
def test_only_an_admin_is_shown_the_way_to_people(role: str, sees: bool) -> None:
    reader = {"email": "somebody@example.com", "role": role}
    html = (
        environment()
        .get_template("base.html")
        .render(reader=reader, path="/pilots/spring", version="0", notice="Done & dusted.")
    )
    assert ('href="/people"' in html) is sees
    assert '<a href="/pilots" aria-current="true">' in html
    assert "Done &amp; dusted." in html
