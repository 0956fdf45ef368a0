"""How long customers stay, from rows to result, page and print."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from experiments.analyse.analysis import Analysis
from experiments.engines.engine import Engine, open_engine
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.report.html import render_html, retention_block
from experiments.report.pdf import render_pdf
from experiments.report.plain import as_json
from experiments.report.retention import retention_charts, retention_json
from experiments.report.steps import retention_svg
from experiments.stats.log_rank import LogRank, log_rank
from experiments.stats.rmst import RestrictedMeans, compare_restricted_means
from experiments.stats.survival import DayCounts
from tests.company import Row, analysis_by_engine, behavior_of, enrolment_of
from tests.evidence import CONTROL, TREATMENT, metric, plan_of, veiled_analysis
from tests.report.sample import sample_report

START, GAP, DAYS = date(2026, 3, 1), 4, 28
N = 160


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with open_engine(threads=1) as opened:
        yield opened


def plan(**more: object) -> Plan:
    visits = metric(
        "visit", kind="retention", active_days=GAP, window={"days": [0, DAYS]}, unit="visits"
    )
    return plan_of(metrics=[metric("spend", role="primary"), visits], **more)


def last_days(seed: int = 4) -> list[int]:
    """The day after each customer's last visit; treated customers come for longer."""
    chance = np.random.default_rng(seed)
    scale = np.where(np.arange(N) % 2 == 0, 18.0, 11.0)
    return [int(day) for day in np.minimum(chance.exponential(scale), DAYS)]


def analysed(engine: Engine, how: Plan, branches: list[str] | None = None) -> Analysis:
    rows: list[Row] = [(at, "spend", START, 1.0 + at % 5) for at in range(N)]
    rows += [
        (at, "visit", START + timedelta(days=day), 1.0)
        for at, stop in enumerate(last_days())
        for day in range(stop)
    ]
    return analysis_by_engine(
        engine,
        how,
        behavior=behavior_of(rows),
        enrolment=enrolment_of(
            [TREATMENT, CONTROL] * (N // 2), {} if branches is None else {"branch": branches}
        ),
    )


def counts(first: int) -> DayCounts:
    times = [min(stop, DAYS - GAP) for stop in last_days()[first::2]]
    return DayCounts.of(times, [stop <= DAYS - GAP for stop in last_days()[first::2]])


def test_curves_test_and_average_time_are_those_of_the_counts(engine: Engine) -> None:
    analysis = analysed(engine, plan())
    (found,) = retention_json(plan(), analysis)
    tested = log_rank(counts(0), counts(1))
    means = compare_restricted_means(treatment=counts(0), control=counts(1), horizon=DAYS - GAP)
    assert isinstance(tested, LogRank)
    assert isinstance(means, RestrictedMeans)
    assert not isinstance(means.difference, Undefined)
    assert found["log_rank"] == {"statistic": tested.statistic, "p_value": tested.p_value}
    assert found["restricted_mean"]["horizon"] == DAYS - GAP
    assert found["restricted_mean"]["difference"]["value"] == means.difference.value
    assert found["restricted_mean"]["difference"]["low"] == means.difference.low
    assert set(found["curves"]) == {TREATMENT, CONTROL}
    day, share, low, high = found["curves"][TREATMENT][-1]
    assert (day, low < share < high) == (DAYS - GAP, True)
    as_json({"retention": [found]})


def test_the_chart_says_the_finding_and_has_a_table_behind_it(engine: Engine) -> None:
    analysis = analysed(engine, plan())
    (chart,) = retention_charts(plan(), analysis)
    assert chart.title.startswith("Customers of “mailed” stayed ")
    assert chart.title.endswith("longer within 24 days of their enrolment")
    block = retention_block(chart)
    assert block.table.heads == ("Day", "held out (80)", "mailed (80)")
    assert len(block.table.rows) <= 13
    assert "Log-rank" in block.notes[1]
    svg = retention_svg(chart)
    assert chart.title in svg
    assert "Days since enrolment" in svg
    assert "NaN" not in svg


def test_nothing_shows_while_veiled() -> None:
    analysis = veiled_analysis(plan())
    assert retention_json(plan(), analysis) == []
    assert retention_charts(plan(), analysis) == ()


def test_clusters_have_curves_but_no_test_of_customers(engine: Engine) -> None:
    how = plan(design={"kind": "clustered", "cluster": "branch"})
    analysis = analysed(engine, how, [f"{at % 2}-{at // 2 % 12}" for at in range(N)])
    (found,) = retention_json(how, analysis)
    assert "clusters were assigned" in found["log_rank"]["undefined"]
    assert len(found["curves"][CONTROL]) > 5
    assert retention_charts(how, analysis)


def test_a_group_without_anybody_has_no_curve(engine: Engine) -> None:
    rows: list[Row] = [(at, name, START, 1.0) for at in range(9) for name in ("spend", "visit")]
    analysis = analysis_by_engine(
        engine, plan(), behavior=behavior_of(rows), enrolment=enrolment_of([TREATMENT] * 9)
    )
    (found,) = retention_json(plan(), analysis)
    assert found["curves"][CONTROL] == {"undefined": "there is no customer"}
    assert retention_charts(plan(), analysis) == ()


def test_page_and_print_show_the_curves(engine: Engine) -> None:
    charts = retention_charts(plan(), analysed(engine, plan()))
    report = replace(sample_report(), retention=charts)
    page = render_html(report)
    assert "How long customers stay" in page
    assert charts[0].title in page
    assert render_pdf(report).startswith(b"%PDF")
