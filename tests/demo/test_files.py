"""The files on disk are what a pilot file promises."""

import csv
import hashlib
import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from app.demo.company import build_company
from app.demo.files import WrittenPilot, behavior_table, write_behavior, write_demo, write_pilot
from app.demo.pilots import Pilot, draw_arms, null_company, program_effects, three_pilots

SMALL = 2_000


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[WrittenPilot, ...]]:
    folder = tmp_path_factory.mktemp("demo")
    return folder, write_demo(folder, customers=SMALL)


def fingerprints(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_writes_the_same_bytes_and_another_does_not(
    demo: tuple[Path, tuple[WrittenPilot, ...]], tmp_path: Path
) -> None:
    write_demo(tmp_path / "again", customers=SMALL)
    write_demo(tmp_path / "other", customers=SMALL, seed=1)
    again, other = fingerprints(tmp_path / "again"), fingerprints(tmp_path / "other")
    assert again == fingerprints(demo[0])
    assert again.keys() == other.keys()
    assert again["behavior.parquet"] != other["behavior.parquet"]


def test_a_pilot_file_has_its_keys_and_names_columns_that_exist(
    demo: tuple[Path, tuple[WrittenPilot, ...]],
) -> None:
    for written in demo[1]:
        plan = tomllib.loads(written.plan_file.read_text(encoding="utf-8"))
        assert plan["pilot"]["starts_on"] == written.pilot.starts_on
        assert plan["pilot"]["ends_on"] == written.pilot.ends_on < date(2026, 11, 1)
        assert plan["design"]["control"] == "Nothing"
        assert [metric["role"] for metric in plan["metrics"]] == [
            "primary",
            "secondary",
            "secondary",
            "guardrail",
        ]
        value = plan["value"]
        assert (value["currency"], value["metric"], value["margin_rate"]) == ("EUR", "margin", 1.0)
        assert value["cost_per_treated"] == written.pilot.truth.cost_per_treated_eur

        folder = written.plan_file.parent
        customers = plan["customers"]
        with (folder / customers["file"]).open(encoding="utf-8", newline="") as file:
            header = next(csv.reader(file))
        assert {customers["customer_id"], customers["arm"], *customers["attributes"]} <= {*header}
        (behavior,) = plan["behavior"]
        columns = pq.read_schema(folder / behavior["file"]).names
        assert {name for key, name in behavior.items() if key != "file"} == {*columns}


def test_behavior_is_exact_and_typed(demo: tuple[Path, tuple[WrittenPilot, ...]]) -> None:
    table = pq.read_table(demo[0] / "behavior.parquet")
    assert table.schema.field("value").type == pa.decimal128(18, 4)
    assert table.schema.field("occurred_at").type == pa.date32()
    texts = ("customer_id", "measure", "item", "event_id", "source")
    assert all(table.schema.field(name).type == pa.string() for name in texts)
    assert pc.count_distinct(table["event_id"]).as_py() == table.num_rows
    assert table["item"].null_count == pc.sum(pc.equal(table["measure"], "complaint")).as_py()
    cents = pc.round(table["value"], ndigits=2)
    assert pc.all(pc.equal(cents, table["value"])).as_py()


def test_values_reach_the_table_to_the_cent_also_below_zero() -> None:
    company = build_company(rng=np.random.default_rng(1), customers=200)
    behavior = company.behavior
    values = behavior_table(company, behavior)["value"].to_pylist()
    assert values == [Decimal(int(cents)) / 100 for cents in behavior.hundredths]
    assert min(values) < 0


def test_polish_and_german_letters_survive(
    demo: tuple[Path, tuple[WrittenPilot, ...]],
) -> None:
    text = "".join(each.customers_file.read_text(encoding="utf-8") for each in demo[1])
    assert all(region in text for region in ("Łódź", "Kraków", "Köln", "Düsseldorf"))


def test_where_pilotbook_assigns_the_file_has_no_arms_and_the_effects_follow_it(
    tmp_path: Path,
) -> None:
    asked: list[str] = []

    def treat_nobody(pilot: Pilot, ids: list[str]) -> Mapping[str, str]:
        asked.append(pilot.program.slug)
        assert (tmp_path / pilot.program.slug / "customers.csv").exists()
        return dict.fromkeys(ids, pilot.program.control)

    letter, discount, _ = write_demo(tmp_path, customers=SMALL, assign=treat_nobody)
    assert asked == ["win-back"]
    assert "arm" not in tomllib.loads(discount.plan_file.read_text(encoding="utf-8"))["customers"]
    assert "arm" in tomllib.loads(letter.plan_file.read_text(encoding="utf-8"))["customers"]
    assert ",arm," not in discount.customers_file.read_text(encoding="utf-8").splitlines()[0]
    assert set(discount.assignment.values()) == {"Nothing"}
    items = pq.read_table(tmp_path / "behavior.parquet", columns=["item"])["item"]
    mailed = pc.sum(pc.equal(items, "win-back")).as_py()
    assert 0 < mailed < 0.1 * len(discount.assignment)


def test_a_company_for_one_pilot_can_be_written_too(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    company, pilot = null_company(rng=rng, customers=500)
    arms = draw_arms(pilot, company, rng=rng)
    write_pilot(tmp_path, company, pilot, assignment=arms, behavior_file="behavior.parquet")
    write_behavior(tmp_path / "behavior.parquet", company, company.behavior)
    plan = tomllib.loads((tmp_path / "pilot.toml").read_text(encoding="utf-8"))
    assert plan["value"]["cost_per_treated"] == 1.8125
    assert pq.read_metadata(tmp_path / "behavior.parquet").num_rows == len(company.behavior)


def test_effects_share_no_event_with_the_company(tmp_path: Path) -> None:
    company = build_company(rng=np.random.default_rng(1), customers=1_000)
    pilot = three_pilots(company)[0]
    arms = draw_arms(pilot, company, rng=np.random.default_rng(2))
    added = program_effects(pilot, company, arms, rng=np.random.default_rng(3))
    own = set(behavior_table(company, company.behavior)["event_id"].to_pylist())
    assert own.isdisjoint(behavior_table(company, added)["event_id"].to_pylist())
