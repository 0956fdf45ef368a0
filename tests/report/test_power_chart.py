"""Planning numbers in words and as a chart."""

import re
from dataclasses import replace
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest

from experiments.errors import Undefined
from experiments.pilot import Costs
from experiments.plan.baseline import Baseline
from experiments.plan.break_even import BreakEven, Costing
from experiments.plan.outlook import Outlook, outlook
from experiments.plan.power import Groups
from experiments.report.drawing import Layout, Theme
from experiments.report.outlook_words import (
    outlook_advice,
    outlook_details,
    outlook_lines,
    power_chart,
)
from experiments.report.power_chart import PowerChart, power_svg, power_table
from experiments.report.report import Tone
from experiments.report.wording import Unit
from experiments.terms import MetricKind
from tests.report.test_charts import _extents, _words

USD = Unit.of_money("USD")
POINTS = Unit.of(MetricKind.RATE, None, name="visit")
PAYS_FROM = BreakEven(
    Costing(Costs(cost_per_treated=Decimal("0.10")), months=1.0), money_per_unit=0.5
)


def planned(*, effect: float | None = 0.8, customers: int = 2_000, sd: float = 4.0) -> Outlook:
    return outlook(
        Groups(control=0.4, treatments=(0.3, 0.3)),
        kind=MetricKind.MEAN,
        baseline=Baseline(mean=1.0, sd=sd, correlation=0.5),
        customers=customers,
        pays_from=PAYS_FROM,
        effect=effect,
        days=14,
    )


def chart_of(found: Outlook) -> PowerChart:
    chart = power_chart(found, unit=USD)
    assert chart is not None
    return chart


CHARTS = {
    "as usual": chart_of(planned()),
    "the plan is what is needed": chart_of(planned(customers=1700)),
    "hopeless": chart_of(planned(effect=0.21)),
    "large": chart_of(planned(effect=0.21, customers=9_876_543_210)),
    "small": chart_of(planned(customers=8)),
    "no effect assumed": chart_of(planned(effect=None)),
}


def lines(found: Outlook) -> dict[str, str]:
    details = outlook_details(found, unit=USD, guardrails=True)
    said = (*outlook_lines(found, unit=USD), *details)
    return {line.label: line.text.replace("\u00a0", " ") for line in said}


def test_each_number_is_a_sentence() -> None:
    said = lines(planned())
    assert said["Break-even"] == "The program pays from 0.20 USD more per customer."
    assert re.fullmatch(
        r"With 2,000 customers the chance to prove it is \d\d %\.", said["Chance to prove it"]
    )
    assert re.fullmatch(r"With [\d,]+ customers it would be 80 %\.", said["Customers needed"])
    assert said["Expected"] == "0.80 USD more than the 1 USD without the program."
    assert re.fullmatch(
        r"With these customers [\d.]+ USD, with a chance of 80 %\.",
        said["Smallest effect that is proved"],
    )
    assert said["Groups"] == "1,200 treated, 800 left alone."
    assert "not that the program pays" in said["An effect from none"]
    assert said["Duration"] == "14 days, until the last window closes."
    assert said["Assumes"] == (
        "Without the program 1.00 USD per customer, standard deviation 4.00 (typed in). "
        "What customers did before explains 25 % of it. "
        "Numbers are those of the smallest of 2 treatments. Guardrails hold, and checks pass."
    )


def test_a_plan_below_the_target_is_a_caution() -> None:
    tones = [outlook_lines(planned(customers=n), unit=USD)[0].tone for n in (90, 9_000)]
    assert tones == [Tone.CAUTION, Tone.GOOD]


def test_an_effect_that_does_not_pay_says_what_it_needs() -> None:
    said = lines(planned(effect=0.1))
    assert "does not pay: it needs more than 0.20 USD." in said["Chance to prove it"]


def test_a_low_chance_comes_with_what_could_be_done() -> None:
    assert outlook_advice(planned(customers=9_000), unit=USD) == ()
    assert outlook_advice(planned(effect=None), unit=USD) == ()
    more, cheaper, better, longer = outlook_advice(planned(customers=90), unit=USD)
    assert re.fullmatch(r"Enrol more customers: 1,\d\d\d\.", more)
    assert "it pays from less than 0.20 USD" in cheaper
    assert "would be proved with a chance of 80\u00a0%" in better
    assert "longer" in longer


def test_a_share_is_said_as_a_level_and_in_points() -> None:
    found = outlook(
        Groups(control=0.5, treatments=(0.5,)),
        kind=MetricKind.RATE,
        baseline=Baseline.of_rate(0.12),
        customers=3_000,
        pays_from=PAYS_FROM,
        effect=0.08,
        days=31,
    )
    said = {line.label: line.text for line in outlook_lines(found, unit=POINTS)}
    assert said["Expected"] == (
        "20\u00a0%, which is 8.00 points more than the 12\u00a0% without the program."
    )
    assert said["Groups"] == "1,500 treated, 1,500 left alone."


def test_what_is_missing_is_said_line_by_line() -> None:
    missing = Undefined("nobody said")
    found = outlook(
        Groups(control=0.5, treatments=(0.5,)),
        kind=MetricKind.RATE,
        baseline=missing,
        customers=2_000,
        pays_from=missing,
        days=missing,
    )
    said = lines(found)
    assert said.pop("Assumes") == "Guardrails hold, and checks pass."
    assert said.pop("Groups") == "1,000 treated, 1,000 left alone."
    assert set(said.values()) == {"Not known: nobody said.", "Not known: no effect is assumed yet."}
    assert power_chart(found, unit=USD) is None


@pytest.mark.parametrize("name", CHARTS)
@pytest.mark.parametrize("layout", Layout)
def test_the_drawing_names_the_plan_the_target_and_break_even(name: str, layout: Layout) -> None:
    chart = CHARTS[name]
    svg = power_svg(chart, layout=layout)
    words = _words(svg)
    assert chart.plan.text in words
    assert "80 % asked for" in words
    assert "Break-even: 0.20 USD." in " ".join(words)
    assert (chart.needed is None) or chart.needed.text in words
    assert ET.fromstring(svg).get("aria-label") == chart.title  # noqa: S314 - our own drawing
    for left, right, width, text in _extents(svg):
        assert left >= -1, text
        assert right <= width + 1, text


def test_on_paper_every_colour_is_fixed_and_on_a_page_none_is() -> None:
    paper, page = (
        power_svg(CHARTS["as usual"], theme=theme) for theme in (Theme.PAPER, Theme.PAGE)
    )
    assert "var(" not in paper
    assert "style=" not in paper
    assert not re.search(r"#[0-9a-f]{6}", re.sub(r"var\(--[a-z]+, #[0-9a-f]{6}\)", "", page))


def test_the_table_holds_the_plan_and_what_is_needed() -> None:
    chart = CHARTS["as usual"]
    table = power_table(chart)
    rows = {row[0]: row[1] for row in table.rows}
    assert chart.needed is not None
    assert {f"{chart.plan.customers:,}", f"{chart.needed.customers:,}"} <= set(rows)
    assert table.rows[table.strong[0]][0] == "2,000"
    assert 8 <= len(rows) <= 16


def test_without_an_assumed_effect_the_chart_is_of_break_even() -> None:
    chart = CHARTS["no effect assumed"]
    assert "0.20 USD, which is break-even, from none" in chart.title
    assert replace(planned(), effect=Undefined("none")).to_detect.power == chart.plan.power
