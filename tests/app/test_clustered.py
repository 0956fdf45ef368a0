"""Pilots assigned by cluster, from file to verdict: what counts is the cluster.

Source of the click data: cluster_trial.csv.gz of ../shared/data (a published course's synthetic
experiment; a row per session, assigned by user).
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from app.cli import app
from experiments.errors import Undefined
from experiments.stats.clusters import cluster_difference
from experiments.stats.means import welch
from experiments.stats.moments import Moments, Sample
from experiments.stats.ratio import RatioDifference

TRIAL = """\
[pilot]
name = "New list"
slug = "new-list"
goal = "sales"
hypothesis = "Users of the new list click more."
owner = "o"
sponsor = "s"
starts_on = 2026-03-01
ends_on = 2026-03-31

[design]
kind = "clustered"
cluster = "uid"
control = "0"
treatments = ["1"]

[customers]
file = "cluster_trial.csv.gz"
customer_id = "#row"
arm = "is_treatment"

[[behavior]]
file = "cluster_trial.csv.gz"
customer_id = "#row"
occurred_at = 2026-03-31
measures = ["is_click"]

[[metrics]]
name = "clicks"
kind = "mean"
measure = "is_click"
role = "primary"

[value]
currency = "EUR"
metric = "clicks"
margin_rate = 1.0
"""
ALIKE = TRIAL.replace("cluster_trial.csv.gz", "rows.csv").replace('"uid"', '"branch"')


def run(pilot_file: Path) -> dict[str, Any]:
    out = pilot_file.parent / "out"
    ran = CliRunner().invoke(app, ["run", str(pilot_file), "--out", str(out), "--no-report"])
    assert ran.exit_code in (0, 10, 11), ran.output
    result: dict[str, Any] = json.loads((out / "result.json").read_text("utf-8"))
    return result


def unadjusted(result: dict[str, Any]) -> dict[str, Any]:
    (found,) = [
        one
        for one in result["estimates"]
        if one["method"] == "cluster" and one["segment"] is None and one["metric"] == "clicks"
    ]
    return dict(found)


def expected(
    values: np.ndarray[Any, Any], treated: np.ndarray[Any, Any], cluster: np.ndarray[Any, Any]
) -> tuple[RatioDifference, float]:
    """The difference over clusters, and the width that customers counted one by one would give."""
    sides, customers = [], []
    for arm in (1, 0):
        inside = treated == arm
        _, place = np.unique(cluster[inside], return_inverse=True)
        sides.append(
            Moments.of(
                total=np.bincount(place, weights=values[inside]).tolist(),
                size=np.bincount(place).tolist(),
            )
        )
        customers.append(Sample.of(values[inside].tolist()))
    found = cluster_difference(treatment=sides[0], control=sides[1], total="total", size="size")
    naive = welch(treatment=customers[0], control=customers[1])
    assert not isinstance(found, Undefined)
    assert not isinstance(naive, Undefined)
    return found, naive.high - naive.low


def agrees(estimate: dict[str, Any], found: RatioDifference) -> None:
    difference = estimate["difference"]
    assert [difference[key] for key in ("value", "se", "low", "high", "p_value")] == pytest.approx(
        [
            found.difference.value,
            found.difference.se,
            found.difference.low,
            found.difference.high,
            found.difference.p_value,
        ],
        rel=1e-9,
    )


def test_customers_who_are_alike_within_branches_give_the_interval_over_branches(
    tmp_path: Path,
) -> None:
    """40 branches of 5 to 20; half of the variance is between them."""
    rng = np.random.default_rng(41)
    branch = np.repeat(np.arange(40), rng.integers(5, 21, 40))
    treated = branch % 2
    clicks = (10 + rng.normal(0, 2, 40)[branch] + rng.normal(0, 2, len(branch))).round(2)
    lines = ["branch,is_treatment,is_click"]
    lines += [f"b{b},{t},{y:.2f}" for b, t, y in zip(branch, treated, clicks, strict=True)]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n", "utf-8")
    (tmp_path / "pilot.toml").write_text(ALIKE, "utf-8")
    found, naive_width = expected(clicks, treated, branch)
    estimate = unadjusted(run(tmp_path / "pilot.toml"))
    agrees(estimate, found)
    assert estimate["difference"]["high"] - estimate["difference"]["low"] > 2 * naive_width


def test_sessions_of_the_same_user_are_no_new_users(tmp_path: Path, shared_data: Path) -> None:
    source = shared_data / "cluster_trial.csv.gz"
    (tmp_path / source.name).write_bytes(source.read_bytes())
    (tmp_path / "pilot.toml").write_text(TRIAL, "utf-8")
    rows = pa_csv.read_csv(source)
    columns = [rows[name].to_numpy() for name in ("is_click", "is_treatment", "uid")]
    found, _ = expected(columns[0].astype(float), columns[1], columns[2])
    agrees(unadjusted(run(tmp_path / "pilot.toml")), found)


def test_the_worked_pilot_is_read_over_branches(tmp_path: Path) -> None:
    shipped = Path(__file__).resolve().parents[2] / "app/demo/worked/clustered"
    for file in shipped.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    result = run(tmp_path / "pilot.toml")
    accounts = pq.read_table(tmp_path / "out/accounts.parquet")
    treated = (np.array(accounts["arm"].to_pylist()) == "Evening").astype(int)
    branch = np.array(accounts["branch"].to_pylist())
    margin = np.array([float(value) for value in accounts["margin"].to_pylist()])
    found, naive_width = expected(margin, treated, branch)
    methods = {one["method"]: one for one in result["estimates"] if one["metric"] == "margin"}
    agrees(methods["cluster"], found)
    width = methods["cluster"]["difference"]["high"] - methods["cluster"]["difference"]["low"]
    assert width > 1.2 * naive_width
    assert methods["lin"]["headline"]
    checks = {one["name"]: one["outcome"] for one in result["checks"]}
    assert (checks["clusters"], checks["split"]) == ("passed", "passed")


def test_the_worked_pilot_can_be_rehearsed(tmp_path: Path) -> None:
    shipped = Path(__file__).resolve().parents[2] / "app/demo/worked/clustered/pilot.toml"
    out = tmp_path / "numbers/rehearsal.json"
    ran = CliRunner().invoke(
        app,
        ["rehearse", str(shipped), "--replicates", "500", "--seed", "3", "--out", str(out)],
        env={"COLUMNS": "200"},
    )
    assert ran.exit_code == 0, ran.output
    assert "500 dry runs on 2,395 customers of 96 clusters" in ran.stdout
    assert "as if the pilot had run from 1 January to 1 March 2026; seed 3" in ran.stdout
    found = json.loads(out.read_text("utf-8"))
    assert found["clusters"] == 96
    assert found["break_even"] == 1.5
    assert {one["adjusted"] for one in found["metrics"]} == {1.0}
    for one in found["metrics"]:
        assert one["errors"]["above"]["low"] <= 0.025 <= one["errors"]["above"]["high"]


def test_a_pilot_without_a_past_cannot_be_rehearsed() -> None:
    shipped = Path(__file__).resolve().parents[2] / "app/demo/worked/wide/pilot.toml"
    ran = CliRunner().invoke(app, ["rehearse", str(shipped)], env={"COLUMNS": "300"})
    assert ran.exit_code == 2
    assert "There is no history to rehearse on" in ran.stderr
    assert "from 2 April 2026 to 31 May 2026" in ran.stderr
