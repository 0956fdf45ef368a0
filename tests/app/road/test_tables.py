"""A pilot whose behavior stays in the company's warehouse says what a recorded one says."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from app.road.run import Journey, travel
from app.workspace import throwaway_workspace
from experiments.errors import BadPlan
from experiments.plan.pilot_file import parse_pilot_file, read_pilot_file
from tests.every_kind import CLUSTERED, RANDOMIZED, SUPPLIED, write_pilot

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
FILE = 'file = "behavior.csv"'
CREATE = (
    "create table behavior (customer_id text, occurred_at date, measure text, value numeric(18, 4),"
    " item text)"
)
Fill = Callable[[Path], str]


@pytest.fixture(params=["duckdb", "postgresql"])
def fill(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fill]:
    """Copies a behavior file into a warehouse and gives the address for the pilot file."""
    if request.param == "duckdb":

        def fill_duckdb(file: Path) -> str:
            with duckdb.connect(tmp_path / "company.duckdb") as connection:
                connection.execute(CREATE)
                connection.execute("copy behavior from $file (header)", {"file": str(file)})
            return "duckdb://company.duckdb"  # beside the pilot file

        yield fill_duckdb
    else:
        address = request.getfixturevalue("postgres_url").replace("+psycopg", "")

        def fill_postgres(file: Path) -> str:
            with psycopg.connect(address) as connection, connection.cursor() as cursor:
                cursor.execute("drop table if exists behavior")
                cursor.execute(CREATE)
                with cursor.copy("copy behavior from stdin (format csv, header)") as copy:
                    copy.write(file.read_bytes())
            return str(address)

        yield fill_postgres


def travelled(pilot_file: Path) -> Journey:
    with throwaway_workspace(engine="duckdb", timezone="UTC") as workspace:
        return travel(
            workspace, read_pilot_file(pilot_file), files=pilot_file.parent, now=NOW,
            today=date(2026, 6, 1), at=lambda _: None,
        )  # fmt: skip


def result(pilot_file: Path) -> dict[str, Any]:
    return travelled(pilot_file).result


@pytest.mark.live
@pytest.mark.parametrize("design", [RANDOMIZED, CLUSTERED, SUPPLIED])
def test_a_table_gives_the_digits_of_a_recorded_file(
    tmp_path: Path, fill: Fill, design: str
) -> None:
    pilot_file = write_pilot(tmp_path, design)
    recorded = result(pilot_file)
    address = fill(tmp_path / "behavior.csv")
    text = pilot_file.read_text(encoding="utf-8")
    pilot_file.write_text(
        text.replace(FILE, f'warehouse = "{address}"\ntable = "behavior"'), encoding="utf-8"
    )
    journey = travelled(pilot_file)
    beside = journey.result
    (line,) = [one.text for one in journey.report.done if one.label == "Warehouse"]
    assert line.startswith(f"{recorded['receipts'][0]['accepted']:,} rows of table behavior in ")
    (receipt,), (source,) = recorded.pop("receipts"), beside["inputs"]["sources"]
    assert beside.pop("receipts") == []
    assert "sources" not in recorded["inputs"]
    assert recorded["inputs"].pop("ledger_through") > beside["inputs"].pop("ledger_through")
    del beside["inputs"]["sources"]
    assert beside == recorded
    assert (source["rows"], source["table"]) == (receipt["accepted"], "behavior")
    assert (source["first"], source["last"]) == (receipt["first"], receipt["last"])
    assert re.fullmatch("[0-9a-f]{64}", source["sha256"])


@pytest.mark.parametrize(
    ("instead", "said"),
    [
        (f'{FILE}\nwarehouse = "duckdb://a"\ntable = "b"', "name a file, or the warehouse"),
        ('table = "b"', "warehouse and table go together"),
        ('warehouse = "duckdb://a"', "warehouse and table go together"),
        ('warehouse = "duckdb://a"\ntable = "b"\nstrict = false', "remove strict = false"),
    ],
)
def test_a_table_is_named_with_its_warehouse_and_without_a_file(
    tmp_path: Path, instead: str, said: str
) -> None:
    text = write_pilot(tmp_path, RANDOMIZED, customers=2).read_text(encoding="utf-8")
    with pytest.raises(BadPlan, match=said):
        parse_pilot_file(text.replace(FILE, instead))


def test_a_table_is_read_in_long_form(tmp_path: Path) -> None:
    text = write_pilot(tmp_path, RANDOMIZED, customers=2).read_text(encoding="utf-8")
    wide = text.replace(FILE, 'warehouse = "duckdb://a"\ntable = "b"').replace(
        'measure = "measure"\nvalue = "value"\nitem = "item"', 'measures = ["spend"]'
    )
    with pytest.raises(BadPlan, match="of a wide one make a view"):
        parse_pilot_file(wide)
