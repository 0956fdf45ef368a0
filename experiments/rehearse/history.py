"""The accounts of a pretended pilot: the same length, over before the real one begins.

Enrolment days, windows and pre-periods move back together, so that the same customers have the same
days to show. Arms are replaced before anything is read, and no row on or after the first day of the
real pilot is: a rehearsal cannot unveil it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from experiments.analyse.rows import rows_seen
from experiments.analyse.variables import CLUSTER, Outcome, Variables, variables
from experiments.behavior.accounts import Enrolment, Recorded, accounts
from experiments.behavior.caps import capped
from experiments.behavior.reading import Reading, read_behavior
from experiments.behavior.windows import MetricWindow, last_window_closes
from experiments.engines.engine import Engine
from experiments.errors import BadInput, NotSupported, Problem
from experiments.pilot import Metric, Plan
from experiments.stats.moments import Floats
from experiments.terms import DesignKind, Look
from experiments.words import day

Codes = npt.NDArray[np.int64]
PRETENDED = "pretended"
COVERED = 10  # a tenth of the days may lack rows before the reader is told


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What customers did before the pilot, as a pilot would have counted it.

    Attributes:
        plan: The pretended pilot: the plan, moved back, with the metrics that have a history.
        values: Per variable, a number per customer, shape (customers,).
        outcomes: Per metric, what it compares.
        covariates: Per metric, the variables that adjust it.
        strata: Number of each customer's stratum, shape (customers,).
        clusters: Number of each customer's cluster; None where customers are drawn one by one.
        notes: What a reader should know of the history, in sentences.
    """

    plan: Plan
    values: Mapping[str, Floats]
    outcomes: Mapping[str, Outcome]
    covariates: Mapping[str, tuple[str, ...]]
    strata: Codes
    clusters: Codes | None
    notes: tuple[str, ...]

    @property
    def customers(self) -> int:
        """How many there are."""
        return len(self.strata)

    @property
    def units(self) -> int:
        """How many are drawn: customers, or clusters."""
        return self.customers if self.clusters is None else int(self.clusters.max()) + 1


def history(engine: Engine, plan: Plan, *, behavior: ir.Table, enrolment: Enrolment) -> History:
    """Lay out what the enrolled customers did before the pilot.

    Args:
        engine: Runs the queries.
        plan: The pilot to rehearse.
        behavior: Rows of the ledger; those from `starts_on` are not read.
        enrolment: The enrolled customers; their arms are not read.

    Raises:
        NotSupported: The arms are not drawn, so that they cannot be drawn again.
        BadInput: There is no history of the money metric; says what to record.
    """
    if plan.design.kind is DesignKind.SUPPLIED:
        raise NotSupported(
            'A rehearsal draws the arms anew, and with kind = "supplied" people choose them.'
        )
    moved, nobody = _moved_back(plan, enrolment)
    before = behavior.filter(behavior.occurred_at < ibis.literal(plan.pilot.starts_on))
    seen = rows_seen(moved, behavior=before, as_of=plan.pilot.starts_on)
    as_of = plan.pilot.starts_on
    reading = _read(engine, moved, seen, nobody, as_of=as_of)
    known = reading.census.recorded(moved)
    _refuse_no_history(moved, known, starts_on=plan.pilot.starts_on)
    notes = _notes(plan, moved, known)
    metrics = tuple(one for one in moved.metrics if _has_rows(one, known))
    if len(metrics) < len(moved.metrics):
        moved = moved.model_copy(update={"metrics": metrics})
        reading = _read(engine, moved, seen, nobody, as_of=as_of)
    uncut, columns = accounts(
        engine,
        moved,
        customers=reading.customers,
        behavior=seen,
        enrolment=nobody,
        known=known,
        as_of=as_of,
    )
    kept = capped(engine, moved, uncut, columns)
    laid_out = variables(moved, engine, kept, columns, enrolment=nobody, tier=None)
    rows = _fetched(engine, laid_out)
    clusters = None
    if laid_out.cluster is not None:
        clusters = _codes(rows, [CLUSTER])
    return History(
        plan=moved,
        values={
            name: np.asarray(rows[f"variable_{at}"], dtype=float)
            for at, name in enumerate(_used(laid_out))
        },
        outcomes=laid_out.outcomes,
        covariates=laid_out.covariates,
        strata=_strata(engine, moved, nobody),
        clusters=clusters,
        notes=notes,
    )


def _read(
    engine: Engine, plan: Plan, seen: ir.Table, enrolment: Enrolment, *, as_of: date
) -> Reading:
    return read_behavior(
        engine, plan, behavior=seen, enrolment=enrolment, as_of=as_of, with_checks=False
    )


def _moved_back(plan: Plan, enrolment: Enrolment) -> tuple[Plan, Enrolment]:
    """Plan and customers so many days earlier that the last day is that before the pilot."""
    closes = last_window_closes(plan, last_enrolled_on=enrolment.last_enrolled_on)
    by = max(closes, plan.pilot.ends_on) - plan.pilot.starts_on + timedelta(days=1)
    header = plan.pilot.model_copy(
        update={"starts_on": plan.pilot.starts_on - by, "ends_on": plan.pilot.ends_on - by}
    )
    design = plan.design.model_copy(
        update={"look": Look.FIXED, "looks": (), "spending": None, "futility": None}
    )
    rows = enrolment.rows.mutate(
        arm=ibis.literal(PRETENDED),
        enrolled_at=(enrolment.rows.enrolled_at - ibis.interval(days=by.days)).cast("date"),
    )
    return (
        plan.model_copy(update={"pilot": header, "design": design, "segments": (), "phases": ()}),
        Enrolment(rows, enrolment.attributes, enrolment.last_enrolled_on - by),
    )


def _has_rows(metric: Metric, known: Mapping[str, Recorded]) -> bool:
    found = known[metric.name]
    return found.rows > 0 and (metric.denominator is None or found.rows_of_denominator > 0)


def _refuse_no_history(moved: Plan, known: Mapping[str, Recorded], *, starts_on: date) -> None:
    money = moved.money_metric
    if _has_rows(money, known):
        return
    first = moved.pilot.starts_on
    measures = " and ".join(repr(name) for name in money.measures)
    raise BadInput(
        "There is no history to rehearse on:",
        [
            Problem(
                f"metric {money.name!r}",
                f"needs rows of {measures} by these customers from {day(first)} to "
                f"{day(starts_on - timedelta(days=1))}, a stretch as long as the pilot that ends "
                f"the day before it; record them (as long again before that, and the rehearsal "
                f"adjusts for a pre-period as the pilot will)",
            )
        ],
    )


def _notes(plan: Plan, moved: Plan, known: Mapping[str, Recorded]) -> tuple[str, ...]:
    """What the history lacks, and what is not rehearsed."""
    found, bare = [], []
    for metric in moved.metrics:
        said = known[metric.name]
        if not _has_rows(metric, known):
            found.append(f"{metric.name} has no rows before the pilot and is left out.")
            continue
        window = MetricWindow.of(metric, moved)
        first = moved.pilot.starts_on + timedelta(days=window.first_day)
        late = first + timedelta(days=window.days(moved.pilot.starts_on) // COVERED)
        if said.first_on is not None and said.first_on > late:
            found.append(
                f"Rows of {metric.measure} begin on {day(said.first_on)}, though the pretended "
                f"pilot counts from {day(first)}: customers seem to do less than they do."
            )
        elif said.rows_before == 0:
            bare.append(metric.name)
    if bare:
        found.append(
            f"Rows reach back no further than the pretended pilot, so that {', '.join(bare)} "
            f"cannot be adjusted for a pre-period; with one, intervals are narrower."
        )
    if plan.design.look is not Look.FIXED:
        found.append("Outcomes are read once, at the end; earlier looks are not rehearsed.")
    if plan.money_metric.bootstrap:
        found.append(
            "Instead of the bootstrap-t, dry runs take Hall's interval where one is asked."
        )
    if len(plan.design.treatments) > 1:
        found.append("The joint width of several treatments is that of the average pilot.")
    return tuple(found)


def _used(laid_out: Variables) -> list[str]:
    """The variables that estimates need, each once."""
    names = [name for outcome in laid_out.outcomes.values() for name in outcome.variables]
    names += [name for adjusting in laid_out.covariates.values() for name in adjusting]
    return list(dict.fromkeys(names))


def _fetched(engine: Engine, laid_out: Variables) -> pa.Table:
    rows = laid_out.rows
    numbers = [
        rows[name].cast("float64").name(f"variable_{at}") for at, name in enumerate(_used(laid_out))
    ]
    labels = [rows[laid_out.cluster].name(CLUSTER)] if laid_out.cluster is not None else []
    # In one order, so that the same seed rehearses the same pilots.
    return engine.fetch(rows.select([rows.customer, *labels, *numbers]).order_by("customer"))


def _strata(engine: Engine, plan: Plan, enrolment: Enrolment) -> Codes:
    found = [enrolment.attribute(name) for name in plan.design.strata]
    columns = [attribute.column for attribute in found if attribute is not None]
    rows = engine.fetch(enrolment.rows.select("customer", *columns).order_by("customer"))
    return _codes(rows, columns)


def _codes(rows: pa.Table, columns: Sequence[str]) -> Codes:
    """The same number for rows that agree in all columns, from 0 without gaps; a blank is a value.

    Of a cluster it is not: a customer without one is a cluster alone.
    """
    alone = columns == [CLUSTER]
    numbers: dict[tuple[object, ...], int] = {}
    keys = zip(rows["customer"].to_pylist(), *(rows[c].to_pylist() for c in columns), strict=True)
    found = [
        numbers.setdefault((None, who) if alone and said == [None] else tuple(said), len(numbers))
        for who, *said in keys
    ]
    return np.array(found, dtype=np.int64)
