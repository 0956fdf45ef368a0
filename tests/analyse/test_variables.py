"""Covariates through the engine: what is not known, texts, strata, and names that look alike."""

from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from experiments.analyse.analysis import Analysis
from experiments.analyse.estimate import Estimate, Method
from experiments.analyse.variables import label
from experiments.engines.engine import Engine
from experiments.stats.estimate import Difference
from tests.company import Row, analysis_by_engine, behavior_of, enrolment_of
from tests.evidence import CONTROL, TREATMENT, metric, plan_of

DAY = date(2026, 3, 10)
Floats = npt.NDArray[np.float64]


def estimate(analysis: Analysis, method: Method = Method.LIN) -> Estimate:
    (found,) = [one for one in analysis.estimates if one.method is method and one.segment is None]
    return found


def read(found: Estimate) -> tuple[float, float]:
    assert isinstance(found.difference, Difference), found.difference
    return found.difference.value, found.difference.se


def by_hand(spend: Floats, treated: Floats, covariates: Floats) -> tuple[float, float]:
    """Lin's estimate by least squares in each arm; covariates without spread there are dropped."""
    both = [treated == 1, treated == 0]
    kept = [c for c in covariates.T if all(np.ptp(c[rows]) > 0 for rows in both)]
    x = np.column_stack(kept)
    centre, spread, k = x.mean(axis=0), np.atleast_2d(np.cov(x.T)), x.shape[1]
    fits = []
    for rows in both:
        n = int(rows.sum())
        design = np.column_stack([np.ones(n), x[rows] - centre])
        beta, *_ = np.linalg.lstsq(design, spend[rows], rcond=None)
        left = spend[rows] - design @ beta
        fits.append((beta[0], beta[1:], left @ left / (n - k - 1) / n))
    (a_t, b_t, v_t), (a_c, b_c, v_c) = fits
    variance = v_t + v_c + (b_t - b_c) @ spread @ (b_t - b_c) / len(spend)
    return float(a_t - a_c), float(np.sqrt(variance))


class Company:
    """200 customers, every other one treated, whose spend goes with what was known of them."""

    def __init__(self, seed: int = 1, n: int = 200) -> None:
        rng = np.random.default_rng(seed)
        self.n = n
        self.treated = (np.arange(n) % 2 == 0).astype(float)
        self.history = rng.gamma(2, 50, n).round(2) + 200
        self.spend = (self.treated + self.history / 10 + rng.normal(0, 2, n)).round(2)
        self.arms = [TREATMENT if one else CONTROL for one in self.treated]

    def rows(self) -> list[Row]:
        """Their purchases."""
        return [(at, "spend", DAY, value) for at, value in enumerate(self.spend)]

    def analysis(
        self, engine: Engine, attributes: dict[str, list[str | None]], **plan: Any
    ) -> Analysis:
        """The analysis, adjusted for the attributes unless said otherwise."""
        covariates = plan.pop("covariates", list(attributes))
        made = plan_of(metrics=[metric("spend", role="primary", covariates=covariates)], **plan)
        return analysis_by_engine(
            engine,
            made,
            behavior=behavior_of(self.rows()),
            enrolment=enrolment_of(self.arms, attributes),
        )


def texts(values: Floats, unknown: list[int]) -> list[str | None]:
    return [None if at in unknown else str(value) for at, value in enumerate(values)]


@pytest.mark.parametrize(
    "unknown", [[0, 1, 2, 7, 11, 30], [0, 2], [1]], ids=["both arms", "treated", "control"]
)
def test_an_unknown_number_is_the_pooled_mean_with_an_indicator(
    engine: Engine, unknown: list[int]
) -> None:
    """METHODS, Time; also where the indicator varies in one arm only and has to be dropped."""
    company = Company()
    found = estimate(company.analysis(engine, {"history": texts(company.history, unknown)}))
    indicator = np.isin(np.arange(company.n), unknown).astype(float)
    filled = np.where(indicator == 1, company.history[indicator == 0].mean(), company.history)
    wanted = by_hand(company.spend, company.treated, np.column_stack([filled, indicator]))
    assert read(found) == pytest.approx(wanted, rel=1e-6)


def test_a_number_too_large_for_the_ledger_is_not_known_rather_than_zero(engine: Engine) -> None:
    company = Company()
    history = texts(company.history, [])
    history[0] = history[1] = "123456789012345678"
    found = estimate(company.analysis(engine, {"history": history}))
    indicator = np.isin(np.arange(company.n), [0, 1]).astype(float)
    filled = np.where(indicator == 1, company.history[2:].mean(), company.history)
    wanted = by_hand(company.spend, company.treated, np.column_stack([filled, indicator]))
    assert read(found) == pytest.approx(wanted, rel=1e-6)
    assert "known history not known" in found.adjusted_for


def test_a_text_is_an_indicator_for_each_level_but_the_most_frequent(engine: Engine) -> None:
    company = Company(2)
    rng = np.random.default_rng(3)
    channel = rng.choice(["shop", "web", "phone"], company.n, p=[0.5, 0.3, 0.2])
    company.spend = (company.spend + 5 * (channel == "web")).round(2)
    values: list[str | None] = [str(one) for one in channel]
    values[5] = None
    found = estimate(company.analysis(engine, {"channel": values}))
    known = np.array([value or "" for value in values])
    columns = np.column_stack([known == "web", known == "phone", known == ""]).astype(float)
    wanted = by_hand(company.spend, company.treated, columns)
    assert read(found) == pytest.approx(wanted, rel=1e-6)
    assert [label(name) for name in found.adjusted_for] == ["channel=web", "channel=phone"]
    assert [label(name) for name in found.dropped] == ["channel not known"]


def test_levels_that_differ_in_capitals_are_different_levels(engine: Engine) -> None:
    company = Company(4)
    values: list[str | None] = [("a", "Web", "web")[at // 2 % 3] for at in range(company.n)]
    values[0] = values[1] = "a"
    found = estimate(company.analysis(engine, {"channel": values}))
    columns = np.array([[value == "Web", value == "web"] for value in values]).astype(float)
    wanted = by_hand(company.spend, company.treated, columns)
    assert read(found) == pytest.approx(wanted, rel=1e-6)


def test_an_attribute_named_like_a_pre_period_does_not_replace_it(engine: Engine) -> None:
    company = Company(5)
    before = (company.history / 7).round(2)
    other = np.random.default_rng(6).normal(0, 1, company.n).round(2)
    rows = [*company.rows()]
    rows += [(at, "spend", date(2026, 2, 10), value) for at, value in enumerate(before)]
    plan = plan_of(metrics=[metric("spend", role="primary", covariates=["spend before"])])
    enrolment = enrolment_of(company.arms, {"spend before": texts(other, [])})
    analysis = analysis_by_engine(engine, plan, behavior=behavior_of(rows), enrolment=enrolment)
    wanted = by_hand(company.spend, company.treated, np.column_stack([before, other]))
    assert read(estimate(analysis)) == pytest.approx(wanted, rel=1e-6)


def test_attributes_may_have_any_name(engine: Engine) -> None:
    """Also such that two pairs read alike when joined: a + b known c, a known b + c."""
    company = Company(9)
    names = ["a", "b known c", "a known b", "c", "self", "arm", 'it\'s "x"; {y}', "%s", " "]
    rng = np.random.default_rng(10)
    values = rng.normal(0, 1, (len(names), company.n)).round(2)
    company.spend = (company.spend + values[0] * 3 + values[3]).round(2)
    attributes = {name: texts(value, []) for name, value in zip(names, values, strict=True)}
    covariates = [name for name in names if name.strip()]
    found = estimate(company.analysis(engine, attributes, covariates=covariates))
    wanted = by_hand(company.spend, company.treated, values[:-1].T)
    assert read(found) == pytest.approx(wanted, rel=1e-6)


def test_strata_adjust_every_metric(engine: Engine) -> None:
    company = Company(7)
    tier: list[str | None] = ["best" if one > 300 else "rest" for one in company.history]
    analysis = company.analysis(
        engine, {"tier": tier}, covariates=[], design={"strata": ["tier"], "seed": 1}
    )
    found = estimate(analysis)
    columns = np.array([[value == "best"] for value in tier]).astype(float)
    wanted = by_hand(company.spend, company.treated, columns)
    assert read(found) == pytest.approx(wanted, rel=1e-6)
    assert found.headline


def test_the_pre_period_joins_by_itself_and_silence_in_it_is_zero(engine: Engine) -> None:
    company = Company(8)
    before = np.where(np.arange(company.n) % 5 == 0, 0, company.history / 9).round(2)
    first = date(2026, 1, 20)
    rows = [*company.rows(), (0, "spend", first, 1.0)]
    rows += [(at, "spend", date(2026, 2, 20), v) for at, v in enumerate(before) if v]
    plan = plan_of(metrics=[metric("spend", role="primary")])
    analysis = analysis_by_engine(
        engine, plan, behavior=behavior_of(rows), enrolment=enrolment_of(company.arms)
    )
    wanted = by_hand(company.spend, company.treated, before[:, None])
    assert read(estimate(analysis)) == pytest.approx(wanted, rel=1e-6)


def test_a_variable_is_shown_without_the_word_that_keeps_names_apart() -> None:
    assert label("known history") == "history"
    assert label("known outcome of last year") == "outcome of last year"
    assert label("contacts") == "contacts"
