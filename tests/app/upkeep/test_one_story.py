"""One ledger's whole story: whatever happens to it, earlier analyses repeat byte for byte."""

import csv
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlmodel import col, select

from app.analyse.kept import accounts_path
from app.analyse.repeating import repeat, repeated_result
from app.database import Database
from app.settings import Settings
from app.tables import AnalysisRow, PilotRow
from app.upkeep.compaction import _vacuum, tidy
from app.workspace import open_workspace
from experiments.analyse.download import accounts_table
from experiments.ledger.ledger import Ledger
from tests.app.results import prepare
from tests.app.running import wait_long
from tests.app.upkeep.installations import backed_up, empty, restored
from tests.every_kind import RANDOMIZED, write_pilot
from tests.postgres import fresh_database
from tests.site import Site, open_site

SLUG = "every-kind"
ENDED = datetime(2026, 6, 1, 9, tzinfo=UTC)
CUSTOMERS = 200
BATCH = 2  # of the pilot's behavior, after its enrolment
CSV = {"Content-Type": "text/csv"}
LONG = {
    "customer_id": "who", "occurred_at": "day", "measure": "what", "value": "amount",
    "event_id": "order", "source": "north",
}  # fmt: skip


class EveryKind:
    """A pilot with every kind of metric, drawn in strata."""

    def write(self, folder: Path) -> Path:
        """The pilot file's path."""
        folder.mkdir(parents=True, exist_ok=True)
        return write_pilot(folder, RANDOMIZED, customers=CUSTOMERS)


@dataclass(frozen=True)
class Published:
    """An analysis as it was published: the bytes of its result, and its accounts."""

    result: str
    accounts: pa.Table


def differ(one: Published, other: Published) -> bool:
    """Whether the primary metric is another in both, and not only what they were computed from."""
    first, second = (json.loads(each.result)["estimates"][0] for each in (one, other))
    return bool(first != second and one.accounts != other.accounts)


def analysed(site: Site) -> Published:
    """Run a new analysis on the site."""
    answer = site.script("analyst").post(f"/pilots/{SLUG}/analyses", json={})
    assert answer.status_code == 201, answer.text
    number = answer.json()["number"]
    with site.database.reading() as session:
        row = session.exec(select(AnalysisRow).where(AnalysisRow.number == number)).one()
    assert row.status != "veiled"
    return Published(
        row.result_json, pq.read_table(accounts_path(site.settings.files, SLUG, number))
    )


def repeated(settings: Settings, database: Database) -> list[Published]:
    """Every analysis of an installation computed anew, in the order in which they were made."""
    found = []
    with database.writing() as session, open_workspace(settings, session) as workspace:
        pilot = session.exec(select(PilotRow)).one()
        for row in session.exec(select(AnalysisRow).order_by(col(AnalysisRow.number))).all():
            again = repeat(workspace, pilot, row)
            accounts = accounts_table(
                workspace.analysis_engine, again.plan, again.analysed, again.enrolment.attributes,
                tier=again.enrolment.tier,
            )  # fmt: skip
            found.append(Published(repeated_result(workspace, again, row), accounts))
    return found


def sent(site: Site, call: str, path: str, **body: Any) -> Any:
    """What an admin is answered."""
    answer = site.script("admin").request(call, path, **body)
    assert answer.is_success, answer.text
    return answer.json()


def append(site: Site) -> int:
    """Orders and scores that come late; the batch."""
    lines = ["who,day,what,amount,order"]
    for at in range(0, CUSTOMERS, 3):
        on = f"2026-03-{at % 9 + 20}"
        lines += [f"C{at:05d},{on},revenue,{at}.25,o{at}", f"C{at:05d},{on},nps,{at % 11},n{at}"]
    text = "\n".join(lines) + "\n"
    batch: int = sent(site, "POST", "/behavior", params=LONG, content=text, headers=CSV)["batch"]
    return batch


def correct(site: Site, written: Path, *, late: int) -> None:
    """Replace rows of the pilot's file, withdraw others, correct a late one, then take all back."""
    with (written / "behavior.csv").open(encoding="utf-8") as file:
        orders = [row for row in csv.DictReader(file) if row["measure"] == "revenue"]
    wrong = [row for row in orders if "2026-03-14" < row["occurred_at"] < "2026-03-28"][:20]
    rows = [
        {**row, "batch": BATCH, "instead": None if at % 2 else {"value": "7.5"}}
        for at, row in enumerate(wrong)
    ]
    body = {"reason": "The till was wrong.", "rows": rows}
    done = sent(site, "POST", "/behavior/corrections", json=body)
    assert (done["withdrawn"], done["entered"]) == (20, 10)
    text = "who,day,what,amount,order\nC00003,2026-03-23,revenue,999,o3\n"
    again = sent(
        site, "POST", "/behavior", content=text, headers=CSV,
        params={**LONG, "correct": "A digit was missing."},
    )  # fmt: skip
    assert again["corrects"] == [{"batch": late, "withdrawn": 1}]
    for batch in (again["batch"], late):
        sent(site, "DELETE", f"/behavior/{batch}", json={"reason": "Of another company."})


@pytest.mark.live
def test_analyses_repeat_whatever_happens_to_the_ledger(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_long(monkeypatch)
    with open_site(tmp_path / "site") as site:
        site.now = ENDED
        prepare(site, tmp_path / "pilot", EveryKind())
        ledger, published = Ledger(site.settings.ledger), [analysed(site)]

        def check() -> None:
            assert repeated(site.settings, site.database) == published

        late = append(site)
        check()
        published.append(analysed(site))
        correct(site, tmp_path / "pilot", late=late)
        check()
        published.append(analysed(site))
        # What was recorded in between is seen by whoever looks again, and by nobody else.
        assert all(differ(one, other) for one, other in combinations(published, 2))
        files = ledger.live_files("behavior")
        # By the true clock, because Delta keeps what was replaced for a week of it.
        done = tidy(site.database, ledger, clock=lambda: datetime.now(tz=UTC), whole=True)
        assert (len(ledger.live_files("behavior")) < len(files), done.vacuumed) == (True, 0)
        check()
        with site.database.writing() as session:
            assert _vacuum(session, ledger, now=ENDED, kept=timedelta(0), full=False) > 3
        check()
        backed_up(site, tmp_path / "backups")
        check()
    with fresh_database(postgres_url) as address:
        for name, registry in (("sqlite", None), ("postgresql", address)):
            with empty(tmp_path / name, registry) as there:
                restored(there, tmp_path / "backups")
                settings = Settings(ledger=there.ledger.root, files=there.files)
                assert repeated(settings, there.database) == published
