"""The veil, the day of the look, arms without customers, and periods, through the engine."""

from datetime import date, timedelta

import pytest

from experiments.analyse.analysis import Analysis
from experiments.analyse.checks import Outcome
from experiments.decide.verdict import Status, decide
from experiments.engines.engine import Engine
from experiments.errors import BadInput, MissingMeasure
from experiments.pilot import Plan
from experiments.stats.estimate import Difference
from tests.company import Row, analysis_by_engine, behavior_of, enrolment_of
from tests.evidence import CONTROL, TREATMENT, metric, plan_of

START, END = date(2026, 3, 1), date(2026, 3, 31)
ARMS = [TREATMENT, CONTROL] * 20
ROWS: list[Row] = [(at, "spend", END, float(at % 7)) for at in range(40)]


def outcome(analysis: Analysis, name: str) -> Outcome:
    return next(check.outcome for check in analysis.checks if check.name == name)


@pytest.mark.parametrize(("as_of", "veiled"), [(END, True), (END + timedelta(days=1), False)])
def test_outcomes_show_from_the_day_after_the_window(
    engine: Engine, as_of: date, veiled: bool
) -> None:
    found = analysis_by_engine(
        engine, plan_of(), behavior=behavior_of(ROWS), enrolment=enrolment_of(ARMS), as_of=as_of
    )
    assert found.veiled is veiled
    assert (found.evidence is None, found.estimates == ()) == (veiled, veiled)
    assert outcome(found, "window_complete") is (Outcome.FAILED if veiled else Outcome.PASSED)
    assert found.veiled_until == (END + timedelta(days=1) if veiled else None)
    assert (decide(plan_of(), found).deciding.status is Status.VEILED) is veiled


def test_the_window_of_the_last_customer_lifts_the_veil(engine: Engine) -> None:
    """Day 0 to day 6 of a customer enrolled on 20 March end on 26 March."""
    plan = plan_of(metrics=[metric("spend", role="primary", window={"days": [0, 7]})])
    days = [START] * 39 + [date(2026, 3, 20)]
    rows = [(at, "spend", days[at] + timedelta(days=6), at % 7 + 1.0) for at in range(40)]
    rows += [(0, "spend", START + timedelta(days=7), 99.0)]
    for as_of, veiled in ((date(2026, 3, 26), True), (date(2026, 3, 27), False)):
        found = analysis_by_engine(
            engine,
            plan,
            behavior=behavior_of(rows),
            enrolment=enrolment_of(ARMS, enrolled_on=days),
            as_of=as_of,
        )
        assert found.veiled is veiled
    treated = [at % 7 + 1 for at in range(0, 40, 2)]
    assert found.estimates[0].mean_treatment == pytest.approx(sum(treated) / 20)


@pytest.mark.parametrize(
    ("newest", "declared", "veiled"),
    [
        (END, None, False),
        (date(2026, 3, 30), None, True),
        (date(2026, 3, 30), END, False),
        (date(2026, 3, 20), date(2026, 3, 30), True),
    ],
)
def test_rows_that_stop_early_veil_the_outcome_unless_declared_complete(
    engine: Engine, newest: date, declared: date | None, veiled: bool
) -> None:
    rows = [(at, "spend", newest, float(at % 7)) for at in range(40)]
    found = analysis_by_engine(
        engine,
        plan_of(),
        behavior=behavior_of(rows),
        enrolment=enrolment_of(ARMS),
        complete_through={"spend": declared} if declared else {},
    )
    assert found.veiled is veiled
    assert outcome(found, "rows_complete") is (Outcome.FAILED if veiled else Outcome.PASSED)
    if veiled:
        assert found.veil == "rows of 'spend' are missing on 31 March 2026"


def veil_of(engine: Engine, plan: Plan, rows: list[Row]) -> str:
    """What veils the outcomes of rows of which nobody declared any complete."""
    return analysis_by_engine(
        engine,
        plan,
        behavior=behavior_of(rows),
        enrolment=enrolment_of(ARMS),
        complete_through={},
    ).veil


def test_the_missing_days_of_every_measure_are_named(engine: Engine) -> None:
    plan = plan_of(metrics=[metric("spend", role="primary"), metric("visit")])
    early = date(2026, 3, 29)
    rows: list[Row] = [(at, "spend", early, float(at % 7)) for at in range(40)]
    rows += [(0, "visit", date(2026, 3, 20), 1.0)]
    assert veil_of(engine, plan, rows) == (
        "rows of 'spend' are missing from 30 March 2026 to 31 March 2026 and "
        "rows of 'visit' are missing from 21 March 2026 to 31 March 2026"
    )


@pytest.mark.parametrize("longer_first", [True, False])
def test_a_measure_of_two_windows_is_awaited_to_the_end_of_the_longer(
    engine: Engine, longer_first: bool
) -> None:
    """Everybody enters on 1 March: ten days end on the 10th, twenty on the 20th."""
    short, long = (
        metric(name, measure="visit", window={"days": [0, days]})
        for name, days in (("soon", 10), ("late", 20))
    )
    of_visits = [long, short] if longer_first else [short, long]
    plan = plan_of(metrics=[metric("spend", role="primary"), *of_visits])
    rows = [*ROWS, *((at, "visit", date(2026, 3, 8 + at), 1.0) for at in range(5))]
    veil = veil_of(engine, plan, rows)
    assert veil == "rows of 'visit' are missing from 13 March 2026 to 20 March 2026"


def test_rows_on_or_after_the_day_of_the_analysis_are_not_read(engine: Engine) -> None:
    late = [*ROWS, *[(at, "spend", END + timedelta(days=1), 1e6) for at in range(0, 40, 2)]]
    one, other = (
        analysis_by_engine(
            engine, plan_of(), behavior=behavior_of(rows), enrolment=enrolment_of(ARMS)
        )
        for rows in (ROWS, late)
    )
    assert one.estimates == other.estimates


def test_silence_is_an_error_that_lists_what_was_recorded(engine: Engine) -> None:
    plan = plan_of(metrics=[metric("spend", role="primary"), metric("visit")])
    with pytest.raises(MissingMeasure, match="spend"):
        analysis_by_engine(engine, plan, behavior=behavior_of(ROWS), enrolment=enrolment_of(ARMS))


def test_silence_of_one_measure_is_an_error_also_while_another_stops_early(
    engine: Engine,
) -> None:
    plan = plan_of(metrics=[metric("spend", role="primary"), metric("visit")])
    rows: list[Row] = [(at, "spend", date(2026, 3, 20), 1.0) for at in range(40)]
    with pytest.raises(MissingMeasure, match="visit"):
        analysis_by_engine(
            engine,
            plan,
            behavior=behavior_of(rows),
            enrolment=enrolment_of(ARMS),
            complete_through={},
        )


def test_before_the_window_closes_silence_is_only_early(engine: Engine) -> None:
    plan = plan_of(metrics=[metric("spend", role="primary"), metric("visit")])
    found = analysis_by_engine(
        engine, plan, behavior=behavior_of(ROWS), enrolment=enrolment_of(ARMS), as_of=END
    )
    assert found.veiled


@pytest.mark.parametrize(
    ("plan", "limit"),
    [
        (plan_of(segments=[{"attribute": "town"}]), 50),
        (plan_of(metrics=[metric("spend", role="primary", covariates=["town"])]), 20),
    ],
    ids=["segment", "covariate"],
)
def test_an_attribute_with_too_many_values_is_refused_by_name(
    engine: Engine, plan: Plan, limit: int
) -> None:
    arms = [TREATMENT, CONTROL] * 30
    towns = {"town": [f"town {at}" for at in range(60)]}
    rows: list[Row] = [(at, "spend", END, float(at % 7)) for at in range(60)]
    with pytest.raises(BadInput, match=f"'town'.*60 different values, and at most {limit}"):
        analysis_by_engine(
            engine, plan, behavior=behavior_of(rows), enrolment=enrolment_of(arms, towns)
        )


@pytest.mark.parametrize("empty", [CONTROL, "A"])
def test_an_arm_without_customers_is_invalid_and_does_not_crash(engine: Engine, empty: str) -> None:
    plan = plan_of(design={"treatments": ["A", "B"]})
    arms = [arm for arm in ("A", "B", CONTROL) if arm != empty] * 20
    attributes: dict[str, list[str | None]] = {"age": [str(at % 9) for at in range(40)]}
    found = analysis_by_engine(
        engine,
        plan,
        behavior=behavior_of(ROWS),
        enrolment=enrolment_of(arms, dict(attributes)),
    )
    assert outcome(found, "split") is Outcome.FAILED
    decision = decide(plan, found)
    assert decide(plan, found).deciding.status is Status.INVALID
    numbers = [
        estimate for estimate in found.estimates if isinstance(estimate.difference, Difference)
    ]
    assert bool(numbers) is (empty == "A"), "a blocking failure still shows the numbers"
    assert len(decision.verdicts) == 2


def test_periods_are_the_sums_of_plain_python(engine: Engine) -> None:
    """Weeks from 1 March on; four before, four whole ones after, the last three days left out."""
    rows: list[Row] = [
        (at, "spend", START + timedelta(days=day), float((at * 7 + day * 3) % 11))
        for at in range(40)
        for day in range(-30, 33, 1 + at % 3)
    ]
    found = analysis_by_engine(
        engine, plan_of(), behavior=behavior_of(rows), enrolment=enrolment_of(ARMS)
    )
    assert found.evidence is not None
    periods = found.evidence.over_time
    assert [period.starts_on for period in periods] == [
        START + timedelta(weeks=week) for week in range(-4, 4)
    ]
    for period in periods:
        assert (period.ends_on - period.starts_on).days == 6
        for side, arm in enumerate((TREATMENT, CONTROL)):
            totals = [
                sum(
                    value
                    for customer, _, day, value in rows
                    if customer == one and period.starts_on <= day <= period.ends_on
                )
                for one in range(side, 40, 2)
            ]
            mean = sum(totals) / 20
            variance = sum((total - mean) ** 2 for total in totals) / 19
            assert period.arms[arm].mean == pytest.approx(mean)
            assert period.arms[arm].variance == pytest.approx(variance)


def test_a_single_day_of_rows_has_no_periods(engine: Engine) -> None:
    found = analysis_by_engine(
        engine, plan_of(), behavior=behavior_of(ROWS), enrolment=enrolment_of(ARMS)
    )
    assert found.evidence is not None
    assert found.evidence.over_time == ()


def test_contacts_by_this_program_inside_the_pilot_are_counted(engine: Engine) -> None:
    """Two treated and one control customer; before the start, or after the end, is not counted."""
    contacts: list[Row] = [
        (0, "contact", START, 1.0),
        (0, "contact", END, 1.0),
        (2, "contact", date(2026, 3, 5), 1.0),
        (1, "contact", date(2026, 3, 5), 1.0),
        (3, "contact", START - timedelta(days=1), 1.0),
        (5, "contact", END + timedelta(days=1), 1.0),
    ]
    plan = plan_of(value={"cost_per_contact": 1})
    behavior = behavior_of([*ROWS, *contacts], item="spring")
    found = analysis_by_engine(engine, plan, behavior=behavior, enrolment=enrolment_of(ARMS))
    assert found.evidence is not None
    assert {arm: one.contacted for arm, one in found.evidence.reach.items()} == {
        TREATMENT: 2,
        CONTROL: 1,
    }
    value = decide(plan, found).deciding.value
    assert value
    assert value.cost == pytest.approx(0.1 + 3 / 20 - 1 / 20)
    other = behavior_of([*ROWS, *contacts], item="another program")
    with pytest.raises(MissingMeasure, match="cost_per_contact"):
        analysis_by_engine(engine, plan, behavior=other, enrolment=enrolment_of(ARMS))


def test_rows_at_other_times_are_counted_so_that_a_mistyped_year_shows(engine: Engine) -> None:
    rows: list[Row] = [
        *ROWS,
        (0, "spend", date(2026, 2, 20), 1.0),
        (1, "spend", date(2062, 3, 20), 1.0),
        (2, "spend", date(2025, 3, 20), 1.0),
        (99, "spend", END, 1.0),
    ]
    found = analysis_by_engine(
        engine, plan_of(), behavior=behavior_of(rows), enrolment=enrolment_of(ARMS)
    )
    sentence = next(check.sentence for check in found.checks if check.name == "rows_complete")
    assert sentence.endswith("Rows: spend 40 in the window, 1 before it, 2 at other times.")
