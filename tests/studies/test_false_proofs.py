"""How often is a program proved that earns exactly what it costs?

The true D of these companies is 0, so that "proved" and "disproved" are both wrong; each has a
nominal chance of 2.5 %. Of 200 companies 5 are expected on each side; a sound build exceeds 12 on
one side in 0.2 % of runs (binomial tail).
"""

from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from fractions import Fraction

import ibis
import numpy as np
import pyarrow as pa
import pytest

from app.demo.company import together
from app.demo.files import behavior_table, pilot_toml
from app.demo.pilots import enrolled_ids, null_company, program_effects
from experiments.analyse.analysis import Inputs, analyse
from experiments.behavior.accounts import Enrolment
from experiments.decide.verdict import Status, decide
from experiments.engines.engine import open_engine
from experiments.enrol.assignment import assign
from experiments.plan.pilot_file import parse_pilot_file

SEEDS = range(1, 201)
MOST = 12


def verdict_of(seed: int) -> Status:
    """Draw a company and its arms, add the program's effect, and decide."""
    rng = np.random.default_rng([20_000, seed])
    company, pilot = null_company(rng=rng)
    text = pilot_toml(pilot, behavior_file="behavior.parquet", with_arms=False)
    plan = parse_pilot_file(text).plan()
    ids = enrolled_ids(pilot, company)
    control, treatment = plan.design.arms
    with open_engine(threads=1) as engine:
        customers = ibis.memtable(pa.table({"customer_id": ids, "stratum": [""] * len(ids)}))
        shares = {control: Fraction(1, 2), treatment: Fraction(1, 2)}
        drawn = engine.fetch(assign(engine, customers, seed=seed, shares=shares))
        arms = {row["customer_id"]: row["arm"] for row in drawn.to_pylist()}
        added = program_effects(pilot, company, arms, rng=rng)
        ledger = ibis.memtable(behavior_table(company, together([company.behavior, added])))
        behavior = ledger.mutate(customer=ledger.customer_id, recorded_at=ibis.null("timestamp"))
        enrolment = Enrolment(
            rows=ibis.memtable(
                pa.table({"customer": list(arms), "arm": list(arms.values())})
            ).mutate(
                enrolled_at=ibis.literal(plan.pilot.starts_on),
                tier=ibis.null("string"),
                owner=ibis.null("string"),
            ),
            attributes=(),
            last_enrolled_on=plan.pilot.starts_on,
        )
        day_after = plan.pilot.ends_on + timedelta(days=1)
        inputs = Inputs("", "", 0, day_after, engine.name, "study")
        found = analyse(
            engine,
            plan,
            behavior=engine.keep(behavior),
            enrolment=enrolment,
            tier=None,
            inputs=inputs,
            complete_through={metric.measure: plan.pilot.ends_on for metric in plan.metrics},
        )
    return decide(plan, found.analysis).deciding.status


@pytest.mark.slow
def test_a_program_that_earns_its_cost_is_seldom_proved() -> None:
    """At most 12 of 200 on either side, at the seeds 1 to 200."""
    with ProcessPoolExecutor(max_workers=2) as pool:
        verdicts = list(pool.map(verdict_of, SEEDS))
    counts = {status: verdicts.count(status) for status in set(verdicts)}
    print(f"\n{len(verdicts)} companies whose true D is 0: {counts}")
    assert counts.get(Status.VEILED, 0) == counts.get(Status.INVALID, 0) == 0
    assert counts.get(Status.PROVED, 0) <= MOST
    assert counts.get(Status.DISPROVED, 0) <= MOST
