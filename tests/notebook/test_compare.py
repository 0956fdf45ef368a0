"""Effects of plain tables against the estimators on raw values, and by hand."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir
import numpy as np
import psycopg
import pyarrow as pa
import pytest
from pyarrow import csv

from experiments.errors import BadInput, Undefined
from experiments.notebook import Effects, compare
from experiments.stats.estimate import Difference
from experiments.stats.fieller import Ratio
from experiments.stats.lift import fieller_lift
from experiments.stats.lin import LinEstimate, lin
from experiments.stats.means import welch
from experiments.stats.moments import Moments, Sample
from experiments.stats.rates import Share, newcombe, pooled_z
from experiments.stats.ratio import RatioDifference, ratio_difference

METRICS: dict[str, Any] = {"spend": "mean", "bought": "rate", "basket": ("spend", "visits")}
ARMS = ("mail", "none")


def customers(n: int = 400, *, cents: bool = True) -> dict[str, Any]:
    """Made customers; amounts to the cent, or with all digits of a double."""
    rng = np.random.default_rng(7)
    before = np.round(rng.gamma(2, 20, n), 2)
    spend = before / 3 + rng.gamma(1, 30, n)
    return {
        "arm": [ARMS[int(draw)] for draw in rng.random(n) < 0.4],
        "country": [["NL", "BE", None][int(draw * 3)] for draw in rng.random(n)],
        "spend": np.round(spend, 2) if cents else spend,
        "bought": rng.random(n) < 0.3,
        "visits": rng.integers(1, 5, n),
        "before": before,
    }


def of_arm(data: dict[str, Any], arm: str, name: str) -> list[float]:
    return [
        float(value) for value, in_arm in zip(data[name], data["arm"], strict=True) if in_arm == arm
    ]


def effect(found: Effects, metric: str, method: str) -> Any:
    (one,) = [e for e in found if (e.metric, e.method, e.segment) == (metric, method, None)]
    return one


def close(one: Difference | Undefined, other: Difference | Undefined, rel: float = 1e-10) -> None:
    assert isinstance(one, Difference)
    assert isinstance(other, Difference)
    for name in ("value", "se", "df", "p_value", "low", "high"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=rel), name


@pytest.mark.parametrize("cents", [True, False])
def test_effects_are_those_of_the_estimators_on_raw_values(cents: bool) -> None:
    data = customers(cents=cents)
    found = compare(
        data, arm="arm", control="none", metrics=METRICS, covariates=["before"], confidence=0.9
    )
    assert found.exact is cents
    spend = [Sample.of(of_arm(data, arm, "spend")) for arm in ARMS]
    plain = effect(found, "spend", "welch")
    close(plain.difference, welch(treatment=spend[0], control=spend[1], confidence=0.9))
    lift = fieller_lift(treatment=spend[0], control=spend[1], confidence=0.9)
    assert isinstance(lift, Ratio)
    assert plain.lift.interval.low == pytest.approx(lift.interval.low)  # type: ignore[union-attr]
    shares = [Share.of(of_arm(data, arm, "bought")) for arm in ARMS]
    rate = effect(found, "bought", "newcombe").difference
    tested = pooled_z(treatment=shares[0], control=shares[1])
    interval = newcombe(treatment=shares[0], control=shares[1], confidence=0.9)
    assert isinstance(tested, Difference)
    assert interval
    assert (rate.p_value, rate.low, rate.high) == (tested.p_value, interval.low, interval.high)
    moments = [
        Moments.of(**{name: of_arm(data, arm, name) for name in ("spend", "visits", "before")})
        for arm in ARMS
    ]
    ratio = ratio_difference(
        treatment=moments[0], control=moments[1], numerator="spend", denominator="visits",
        confidence=0.9,
    )  # fmt: skip
    assert isinstance(ratio, RatioDifference)
    close(effect(found, "basket", "delta").difference, ratio.difference)
    adjusted = lin(
        treatment=moments[0], control=moments[1], outcome="spend", covariates=["before"],
        confidence=0.9,
    )  # fmt: skip
    assert isinstance(adjusted, LinEstimate)
    close(effect(found, "spend", "lin").difference, adjusted.difference, rel=1e-8)


@pytest.mark.parametrize(
    "kind",
    [lambda data: pa.table(data).to_pandas(), pa.table, lambda data: ibis.memtable(pa.table(data))],
)
def test_frames_arrow_and_warehouse_tables_give_the_same(kind: Callable[[Any], Any]) -> None:
    data = customers()
    wanted = compare(data, arm="arm", control="none", metrics=METRICS, by=["country"])
    found = compare(kind(data), arm="arm", control="none", metrics=METRICS, by=["country"])
    assert found.to_arrow() == wanted.to_arrow()


CREATE = (
    "create table {} (arm text, country text, spend numeric(18, 4), bought boolean, visits integer,"
    " before numeric(18, 4))"
)


@pytest.fixture(params=["duckdb", pytest.param("postgresql", marks=pytest.mark.live)])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ir.Table]:
    """The customers as a table of a warehouse that knows nothing of Pilotbook."""
    file = tmp_path / "customers.csv"
    csv.write_csv(pa.table(customers()), file)
    if request.param == "duckdb":
        with duckdb.connect(tmp_path / "company.duckdb") as connection:
            connection.execute(CREATE.format("customers"))
            connection.execute("copy customers from $file (header)", {"file": str(file)})
        opened = ibis.duckdb.connect(tmp_path / "company.duckdb", read_only=True)
        yield opened.table("customers")
        opened.disconnect()
        return
    address = request.getfixturevalue("postgres_url").replace("+psycopg", "")
    name = f"customers_{uuid.uuid4().hex}"
    with psycopg.connect(address) as server, server.cursor() as cursor:
        cursor.execute(CREATE.format(name))
        with cursor.copy(f"copy {name} from stdin (format csv, header)") as copy:
            copy.write(file.read_bytes())
    opened = ibis.connect(address)
    yield opened.table(name)
    opened.disconnect()
    with psycopg.connect(address) as server:
        server.execute(f"drop table {name}")


def test_a_table_of_a_warehouse_is_added_up_where_it_lies(warehouse: ir.Table) -> None:
    asked: dict[str, Any] = {
        "arm": "arm", "control": "none", "metrics": METRICS, "covariates": ["before"],
        "by": ["country"],
    }  # fmt: skip
    found = compare(warehouse, **asked)
    assert found.exact
    assert found.to_arrow() == compare(customers(), **asked).to_arrow()


def test_each_level_is_the_table_of_its_customers_alone() -> None:
    frame = pa.table(customers()).to_pandas()
    found = compare(frame, arm="arm", control="none", metrics=METRICS, by=["country"])
    assert list(dict.fromkeys(e.level for e in found)) == [None, "(not known)", "BE", "NL"]
    alone = compare(frame[frame.country == "BE"], arm="arm", control="none", metrics=METRICS)
    belgian = [e for e in found if e.level == "BE"]
    assert [e.difference for e in belgian] == [e.difference for e in alone]
    assert [e.lift for e in belgian] == [e.lift for e in alone]


def test_large_means_cost_no_digits_of_floating_point_sums() -> None:
    """A billion added to every value changes no difference."""
    arms, near = ["t"] * 4 + ["c"] * 4, [1 / 3, 2 / 3, 1.1, 4.7, 0.3, 1 / 7, 2.0, 0.9]
    data = {"arm": arms, "x": near}
    far = {"arm": arms, "x": [value + 1e9 for value in near]}
    one, other = (
        compare(table, arm="arm", control="c", metrics={"x": "mean"})[0].difference
        for table in (data, far)
    )
    close(one, other, rel=1e-6)


def test_what_has_no_number_says_why() -> None:
    data = {"arm": ["t", "t", "c", "c"], "x": [1, 1, 1, 1], "level": ["a", "a", "a", "b"]}
    found = compare(data, arm="arm", control="c", metrics={"x": "mean"}, by=["level"])
    assert [e.difference.reason for e in found if isinstance(e.difference, Undefined)] == [
        "within each group all customers have the same value",
        "the control group has one customer, and a variance needs at least 2",
        "the treatment group has no customer, and a variance needs at least 2",
    ]
    assert found.to_arrow()["value"].null_count == 3
    assert "undefined" in repr(found)


def test_a_ratio_over_nothing_says_why() -> None:
    data = {"arm": ["t", "t", "c", "c"], "x": [1, 2, 1, 1], "y": [1, 2, 0, 0]}
    (found,) = compare(data, arm="arm", control="c", metrics={"basket": ("x", "y")})
    assert isinstance(found.difference, Undefined)
    assert "in the control group the denominator adds up to zero" in found.difference.reason


@pytest.mark.parametrize(
    ("changes", "options", "words"),
    [
        ({"spend": [1.0, None, 2.0, float("nan")]}, {}, "2 of 4 rows have no finite number"),
        ({"spend": list("abcd")}, {}, "holds string, not numbers"),
        ({"arm": ["t", None, "c", "c"]}, {}, "1 of 4 rows have no arm"),
        ({"bought": [0, 1, 2, 1]}, {}, "1 of 4 rows are neither 0 nor 1"),
        ({}, {"control": "x"}, "No row has the arm 'x'; there are c, t"),
        ({}, {"by": ["country"]}, "not among arm, spend, bought"),
        ({}, {"covariates": ["spend"]}, "cannot adjust for 'spend'"),
        ({}, {"metrics": {"spend": "median"}}, "is neither"),
        ({"arm": ["c"] * 4}, {}, "nothing to compare"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    changes: dict[str, Any], options: dict[str, Any], words: str
) -> None:
    data = {"arm": ["t", "t", "c", "c"], "spend": [1, 2, 3, 5], "bought": [0, 1, 0, 1], **changes}
    asked: dict[str, Any] = {
        "arm": "arm", "control": "c", "metrics": {"spend": "mean", "bought": "rate"}, **options,
    }  # fmt: skip
    with pytest.raises(BadInput) as refused:
        compare(data, **asked)
    assert words in str(refused.value)


def test_effects_print_as_text_and_as_html() -> None:
    data = {
        **customers(),
        "arm": ["<b>" if arm == "mail" else "none" for arm in customers()["arm"]],
    }
    data["arm"][:50] = ["letter"] * 50
    found = compare(data, arm="arm", control="none", metrics={"spend": "mean"})
    assert [line.split()[1] for line in repr(found).splitlines()[:3]] == ["arm", "<b>", "letter"]
    html = found._repr_html_()
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert len(found.to_pandas()) == len(found) == 2
