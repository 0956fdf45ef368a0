"""Read the customers of a pilot: ids, arms where they were drawn elsewhere, and attributes."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from experiments.engines.engine import Engine
from experiments.enrol.clusters import cluster_attribute, refuse_split_clusters, without_cluster
from experiments.errors import BadPlan, Problem, Reject
from experiments.intake.cast import Kind, Rule, cast_rows
from experiments.intake.column import Booleans
from experiments.intake.number import looks_numeric, thousands_points, to_numbers
from experiments.intake.rows import open_rows
from experiments.pilot import Plan
from experiments.plan.pilot_file import CustomersFile, OtherArms
from experiments.terms import DesignKind

LOOKS_LIKE_A_NUMBER = r"^[-+]?[\s€$£%]*[0-9][0-9.,'\s€$£%]*$"
MOSTLY = 0.8  # of a column's values
LABELS = ("arm", "tier", "owner")
PART_ROWS = 122_880  # what DuckDB gives to one thread at a time


@dataclass(frozen=True, slots=True)
class Customers:
    """The customers of a file that may be enrolled.

    Attributes:
        rows: In the order of their ids: columns `customer_id`, `arm` (null where Pilotbook
            assigns), `tier`, `owner`, `enrolled_at`, and `attribute_0`, `attribute_1`, ...; all
            texts but the ids as dictionaries, so that what is asked of each value is asked once.
        attributes: Names of the attributes, in the order of their columns.
        numeric: Per attribute, whether every known value is a number.
        counted: Records in the file.
        left_out: Records whose arm the plan does not name, left out on request.
        rejects: Refused rows.
    """

    rows: pa.Table
    attributes: tuple[str, ...]
    numeric: tuple[bool, ...]
    counted: int
    left_out: int
    rejects: tuple[Reject, ...]


def attributes_of(source: CustomersFile, plan: Plan | None = None) -> tuple[str, ...]:
    """The columns that are attributes.

    The tier is one of them, so that it can be a segment, and so is the cluster of a plan.
    """
    cluster = None if plan is None else cluster_attribute(plan)
    names = (*source.attributes, *(name for name in (source.tier, cluster) if name is not None))
    return tuple(dict.fromkeys(names))


def refuse_unknown_attributes(plan: Plan, source: CustomersFile) -> None:
    """Stop where the plan names attributes that the customers file does not supply.

    Raises:
        BadPlan: Names each of them, or the seed where Pilotbook assigns without one.
    """
    supplied = attributes_of(source, plan)
    cluster = cluster_attribute(plan)
    wanted = [
        *[(f"metric {m.name!r}, covariates", name) for m in plan.metrics for name in m.covariates],
        *[("segments", segment.attribute) for segment in plan.segments],
        *[("design.strata", name) for name in plan.design.strata],
    ]
    listed = ", ".join(supplied) or "none"
    problems = [
        Problem(where, f"{name!r} is no attribute of the customers; supplied are {listed}")
        for where, name in wanted
        if name not in supplied
    ]
    if source.arm is None and plan.design.kind is DesignKind.SUPPLIED:
        problems.append(
            Problem(
                "customers.arm",
                'is missing; where people chose the groups (kind = "supplied") name the column '
                "that holds them",
            )
        )
    elif source.arm is None and plan.design.seed is None:
        problems.append(
            Problem(
                "customers.arm",
                "is missing; name the column that holds the groups, or let Pilotbook draw them "
                "before the pilot begins, with design.seed = any whole number",
            )
        )
    columns = {
        "customer_id": source.customer_id,
        "arm": source.arm,
        "enrolled_at": source.enrolled_at,
    }
    problems += [
        Problem(
            "design.cluster",
            f"{cluster!r} is the column of {key}; name the column that says who is assigned "
            f"together",
        )
        for key, column in columns.items()
        if cluster is not None and column == cluster
    ]
    folded = [name.casefold() for name in supplied]
    problems += [
        Problem("customers.attributes", f"{name!r} is there twice (capitals do not count)")
        for name in supplied
        if folded.count(name.casefold()) > 1
    ]
    if problems:
        raise BadPlan("Plan and customers do not fit together:", problems)


def read_customers(
    engine: Engine, path: Path, source: CustomersFile, *, plan: Plan, zone: str
) -> Customers:
    """Read a customers file and check every row.

    Args:
        engine: Sorts the ids.
        path: The file.
        source: What its columns mean.
        plan: Names the arms.
        zone: The company's time zone.

    Raises:
        BadFile: The file as a whole cannot be read.
        BadInput: The arms part customers who are assigned together.
    """
    names = attributes_of(source, plan)
    if source.arm is None:
        _refuse_forgotten_arms(path, plan, source)
    rules = _rules(source, names)
    with open_rows(path, wanted=list(rules)) as opened:
        typed = [cast_rows(batch, rules, zone=zone) for batch in opened]
        rejects = [*opened.rejects, *(reject for batch in typed for reject in batch.rejects)]
        counted, delimited = opened.counted, opened.delimited
    table = pa.Table.from_batches([batch.batch for batch in typed])
    del typed
    everybody = _complete(_by_id(engine, _named(table, source, names)), plan)
    del table
    rows, left_out, unknown = _settle_arms(everybody, source, plan)
    rejects += unknown
    early = _outside_the_pilot(rows, plan, source.enrolled_at) if source.enrolled_at else []
    repeated = _repeated(engine, everybody, rows, column=source.customer_id)
    spoilt = _spoilt_numbers(rows, names, plan, delimited=delimited)
    cluster = cluster_attribute(plan)
    at = None if cluster is None else f"attribute_{names.index(cluster)}"
    alone = without_cluster(rows, at, column=cluster) if at and cluster else []
    found = early + repeated + spoilt + alone
    rejects += found
    refused = pa.array([reject.line for reject in found], pa.int64())
    if found:
        rows = rows.filter(pc.invert(pc.is_in(rows["line"], refused)))
    if at and cluster and source.arm:
        table = ibis.memtable(rows)
        refuse_split_clusters(engine, table.select("arm", cluster=table[at]), name=cluster)
    return Customers(
        rows=rows.drop_columns(["line"]),
        attributes=names,
        numeric=tuple(
            bool(looks_numeric(levels_of(rows[f"attribute_{at}"]))) for at in range(len(names))
        ),
        counted=counted,
        left_out=left_out,
        rejects=tuple(sorted(rejects, key=lambda reject: reject.line)),
    )


def levels_of(column: pa.ChunkedArray) -> pa.Array:
    """The values of a dictionary column, each once."""
    return pc.unique(column).cast(pa.string()).drop_null()


def _rules(source: CustomersFile, attributes: tuple[str, ...]) -> dict[str, Rule]:
    """What each column of the file must hold."""
    rules = {name: Rule(Kind.LABEL, required=False) for name in attributes}
    if source.owner is not None:
        rules[source.owner] = Rule(Kind.LABEL, required=False)
    if source.enrolled_at is not None:
        rules[source.enrolled_at] = Rule(Kind.DAY)
    if source.arm is not None:
        rules[source.arm] = Rule(Kind.LABEL)
    rules[source.customer_id] = Rule(Kind.LABEL)
    return rules


def _named(rows: pa.Table, source: CustomersFile, attributes: tuple[str, ...]) -> pa.Table:
    """Give the columns their own names, and texts but the ids their dictionaries."""
    labels = zip(LABELS, (source.arm, source.tier, source.owner), strict=True)
    columns: dict[str, pa.ChunkedArray | pa.Array] = {
        "customer_id": rows[source.customer_id],
        **{name: pc.dictionary_encode(rows[column]) for name, column in labels if column},
        **{f"attribute_{at}": _trimmed(rows[name]) for at, name in enumerate(attributes)},
        "line": rows["#line"],
    }
    if source.enrolled_at:
        columns["enrolled_at"] = rows[source.enrolled_at]
    return pa.table(columns)


def _complete(rows: pa.Table, plan: Plan) -> pa.Table:
    """Add the columns that the file does not have."""
    unknown = pa.nulls(rows.num_rows, pa.dictionary(pa.int32(), pa.string()))
    start = pa.repeat(pa.scalar(plan.pilot.starts_on, pa.date32()), rows.num_rows)
    for name, column in (*dict.fromkeys(LABELS, unknown).items(), ("enrolled_at", start)):
        if name not in rows.column_names:
            rows = rows.append_column(name, column)
    return rows


def _trimmed(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """A text column as a dictionary.

    Without blanks of any kind around a text, which the engine would not read as part of a number.
    """
    encoded = pc.dictionary_encode(column).combine_chunks()
    values = pc.dictionary_encode(pc.utf8_trim_whitespace(encoded.dictionary))
    return pa.DictionaryArray.from_arrays(values.indices.take(encoded.indices), values.dictionary)


def _by_id(engine: Engine, rows: pa.Table) -> pa.Table:
    """The rows in the order of their ids, in parts that threads can share."""
    places = pa.array(np.arange(rows.num_rows))
    ids = ibis.memtable(pa.table({"customer_id": rows["customer_id"], "place": places}))
    order = engine.fetch(ids.order_by("customer_id").select("place"))["place"]
    whole, order = rows.combine_chunks(), order.combine_chunks()
    parts = range(0, rows.num_rows, PART_ROWS)
    with ThreadPoolExecutor() as pool:
        taken = pool.map(lambda start: whole.take(order.slice(start, PART_ROWS)), parts)
        return pa.concat_tables([rows.schema.empty_table(), *taken])


def _settle_arms(
    rows: pa.Table, source: CustomersFile, plan: Plan
) -> tuple[pa.Table, int, list[Reject]]:
    """Take out customers of arms that the plan does not name: left out, or refused."""
    if source.arm is None:
        return rows, 0, []
    known = pc.is_in(rows["arm"], pa.array(plan.design.arms))
    others = rows.filter(pc.invert(known))
    kept = rows.filter(known)
    if source.other_arms is OtherArms.LEAVE_OUT:
        return kept, others.num_rows, []
    listed = ", ".join(repr(arm) for arm in plan.design.arms)
    reason = (
        f"the plan has no such arm, only {listed}; correct it, or leave such customers out with "
        f'other_arms = "leave_out" in [customers]'
    )
    alike = {_plain(arm): arm for arm in plan.design.arms}
    rejects = [
        Reject(
            line=line,
            column=source.arm,
            value=arm,
            reason=f"did you mean {alike[_plain(arm)]!r}?" if _plain(arm) in alike else reason,
        )
        for line, arm in zip(others["line"].to_pylist(), others["arm"].to_pylist(), strict=True)
    ]
    return kept, 0, rejects


def _plain(arm: str) -> str:
    """An arm without capitals and without doubled, odd or trailing blanks."""
    return " ".join(arm.casefold().split())


def _refuse_forgotten_arms(path: Path, plan: Plan, source: CustomersFile) -> None:
    """Stop where the file has a column of the plan's arms that nothing mentions.

    Drawing new arms over those that customers were really in would compare nothing with nothing.

    Raises:
        BadPlan: Names the column.
    """
    arms = {_plain(arm) for arm in plan.design.arms}
    mentioned = set(_rules(source, attributes_of(source, plan)))
    with open_rows(path) as opened:
        first = next(iter(opened), None)
    if first is None:
        return
    for name in first.schema.names:
        column = first[name]
        if name in mentioned or not pa.types.is_string(column.type):
            continue
        values = {_plain(value) for value in pc.unique(column).to_pylist() if value is not None}
        if len(values) > 1 and values <= arms:
            advice = (
                f"add arm = {name!r}, which holds them (or name it in attributes, if it does not)"
            )
            raise BadPlan(
                "The customers file has the arms already:",
                [Problem("customers.arm", f"is missing; {advice}")],
            )


def _spoilt_numbers(
    rows: pa.Table, names: tuple[str, ...], plan: Plan, *, delimited: bool
) -> list[Reject]:
    """Cells that keep a covariate from being a number, where most of its column looks like one."""
    covariates = {name for metric in plan.metrics for name in metric.covariates}
    found = []
    for at, name in enumerate(names):
        if name not in covariates:
            continue
        column = rows[f"attribute_{at}"].cast(pa.string()).combine_chunks()
        known = len(column) - column.null_count
        looks = pc.sum(pc.match_substring_regex(column, LOOKS_LIKE_A_NUMBER)).as_py() or 0
        if not known or looks < MOSTLY * known:
            continue
        doubtful = thousands_points(column) if delimited else ()
        found += [
            Reject(
                line=rows["line"][fault.place].as_py(),
                column=name,
                value=column[fault.place].as_py(),
                reason=f"{fault.reason}; or leave it blank, if it is not known",
            )
            for fault in (*to_numbers(column).faults, *doubtful)
        ]
    return found


def _outside_the_pilot(rows: pa.Table, plan: Plan, column: str) -> list[Reject]:
    """Enrolment days before the first or after the last day of the pilot."""
    first, last = plan.pilot.starts_on, plan.pilot.ends_on
    reason = f"enrolment lies outside the pilot, which runs from {first} to {last}"
    days = rows["enrolled_at"]
    outside = rows.filter(pc.or_(pc.less(days, first), pc.greater(days, last)))
    return [
        Reject(line=line, column=column, value=str(day), reason=reason)
        for line, day in zip(
            outside["line"].to_pylist(), outside["enrolled_at"].to_pylist(), strict=True
        )
    ]


def _repeated(engine: Engine, everybody: pa.Table, rows: pa.Table, *, column: str) -> list[Reject]:
    """Customers on more than one line: the later lines; all lines where the arms differ.

    An arm that is left out counts as an arm here; its own lines are not refused.
    """
    again = _is_again(everybody["customer_id"])
    if not again.any():
        return []
    several = everybody.filter(pa.array(again | np.append(again[1:], False)))
    table = ibis.memtable(several.select(["customer_id", "arm", "line"]))
    window = ibis.window(group_by=table.customer_id)
    seen = table.mutate(
        first=table.line.min().over(window),
        times=table.count().over(window),
        arms=table.arm.fill_null("").nunique().over(window),
    )
    twice = seen.filter((seen.times > 1) & ((seen.line > seen.first) | (seen.arms > 1)))
    kept = ibis.memtable(rows.select(["line"]))
    return [
        Reject(
            line=row["line"],
            column=column,
            value=row["customer_id"],
            reason=(
                f"this customer is in more than one arm (first on line {row['first']}); "
                "keep one line"
                if row["arms"] > 1
                else f"this customer is already on line {row['first']}; remove this line"
            ),
        )
        for row in engine.fetch(twice.semi_join(kept, "line").order_by("line")).to_pylist()
    ]


def _is_again(ids: pa.ChunkedArray) -> Booleans:
    """Which ids are the same as the one before; they are in order."""
    again = np.zeros(len(ids), bool)
    if len(ids) > 1:
        again[1:] = pc.equal(ids.slice(1), ids.slice(0, len(ids) - 1)).to_numpy()
    return again
