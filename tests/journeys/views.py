"""Pages that somebody is shown, and the pilots and batches that they are shown of."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2

from tests.benchmarks.site import WORKED
from tests.journeys.company import Served
from tests.journeys.visitor import Visitor
from tests.travel import done, finished, send_file

MANAGER: Final = "manager@example.com"
ANALYST: Final = "analyst@example.com"
EXECUTIVE: Final = "cfo@example.com"
ADMIN: Final = "admin@example.com"
# Without the column of groups, which Pilotbook then draws.
PLAN: Final = (WORKED / "pilot.toml").read_text(encoding="utf-8").replace('arm = "arm"\n', "")
SPOILT: Final = (
    "who,day,measure,much\nC1,2026-02-01,calls,3\nC2,yesterday,calls,1\nC3,2026-02-02,calls,x\n"
)
COLUMNS: Final = {
    "customer_id": "who", "occurred_at": "day", "measure": "measure", "value": "much",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class View:
    """A page as somebody sees it; `{names}` of its path are those of `prepared`."""

    who: str
    path: str

    def __str__(self) -> str:
        return f"{self.who.partition('@')[0] or 'stranger'} {self.path}"


STEPS: Final = ("", "/plan", "/enrol", "/record", "/analyse", "/value", "/decide", "/report")
VIEWS: Final = (
    View("", "/sign-in"),
    View(MANAGER, "/pilots"),
    View(MANAGER, "/pilots?q=nothing+of+that+name"),
    View(MANAGER, "/pilots/new"),
    View(MANAGER, "/pilots/{draft}"),
    View(MANAGER, "/pilots/{draft}/plan"),
    View(MANAGER, "/pilots/{draft}/plan?check=yes"),
    View(MANAGER, "/pilots/{draft}/enrol"),
    View(MANAGER, "/pilots/{ready}/plan/review"),
    View(MANAGER, "/pilots/{ready}/updates"),
    *(View(MANAGER, f"/pilots/birthday-voucher{step}") for step in STEPS),
    View(MANAGER, "/pilots/birthday-voucher/enrol/uploads/{customers}"),
    View(MANAGER, "/pilots/birthday-voucher/record/uploads/{behavior}"),
    View(MANAGER, "/pilots/{listed}/enrol"),
    *(View(MANAGER, f"/pilots/win-back{step}") for step in STEPS[2:]),
    View(MANAGER, "/ledger"),
    View(MANAGER, "/ledger/uploads/{own_behavior}"),
    View(MANAGER, "/ledger/{spoilt}"),
    View(MANAGER, "/ledger/{reversed}"),
    View(MANAGER, "/ledger/{reversal}"),
    View(MANAGER, "/measures"),
    View(MANAGER, "/jobs/{failed}"),
    View(MANAGER, "/account"),
    View(MANAGER, "/people"),
    View(ANALYST, "/pilots"),
    View(ANALYST, "/pilots/{draft}/plan"),
    *(View(ANALYST, f"/pilots/recipe-booklet{step}") for step in STEPS[:5]),
    View(ANALYST, "/measures"),
    View(EXECUTIVE, "/pilots"),
    View(EXECUTIVE, "/pilots/birthday-voucher/plan"),
    *(View(EXECUTIVE, f"/pilots/win-back{step}") for step in ("", "/plan", "/decide")),
    View(EXECUTIVE, "/pilots/loyalty-letter/value"),
    View(EXECUTIVE, "/pilots/loyalty-letter/report"),
    View(EXECUTIVE, "/api/v1/pilots/win-back/report?format=html"),
    View(EXECUTIVE, "/account"),
    View(ADMIN, "/pilots"),
    View(ADMIN, "/pilots/{draft}/plan"),
    View(ADMIN, "/ledger/upkeep"),
    View(ADMIN, "/ledger/upkeep/erase"),
    View(ADMIN, "/people"),
    View(ADMIN, "/people/{user}"),
    View(ADMIN, "/people/journal"),
    View(ADMIN, "/people/journal?check=true"),
    View(ADMIN, "/pilots/nowhere"),
)  # fmt: skip


def prepare(site: Served, manager: Visitor, folder: Path) -> Mapping[str, Any]:
    """Pilots, uploads, batches and jobs in states that the demo company lacks, by name."""
    customers, behavior = folder / "customers.csv", folder / "purchases.csv"
    customers.write_text(
        "customer,channel,margin_before\nC1,shop,12.5\nC2,online,0\n", encoding="utf-8"
    )
    behavior.write_text(SPOILT, encoding="utf-8")
    wrong = folder / "wrong.csv"
    wrong.write_text(f"{SPOILT}C4,never,calls,1\n", encoding="utf-8")
    with site.script(site.token(MANAGER)) as api:
        _begin(api, "Summer voucher", "ready")
        _begin(api, "Winter voucher", "listed")
        done(api.post("/pilots/listed/plan/freeze"))
        columns = {"customer_id": "customer", "attributes": ["channel", "margin_before"]}
        send_file(api, "/pilots/listed/customers", folder, {"file": customers.name, **columns})
        spoilt = send_file(api, "/behavior", folder, {"file": behavior.name, **COLUMNS})
        rows = [{"customer_id": "C1", "occurred_at": "2026-02-03", "measure": "calls", "value": 1}]
        taken_back = finished(api, api.post("/behavior", json=rows))["batch"]
        reversal = finished(
            api, api.request("DELETE", f"/behavior/{taken_back}", json={"reason": "Sent twice."})
        )
    return {
        "draft": _draft(manager),
        "ready": "ready",
        "listed": "listed",
        "customers": _upload(manager, "/pilots/birthday-voucher/enrol/uploads", customers),
        "behavior": _upload(manager, "/pilots/birthday-voucher/record/uploads", behavior),
        "own_behavior": _upload(manager, "/ledger/uploads", behavior),
        "spoilt": spoilt["batch"],
        "reversed": taken_back,
        "reversal": reversal["batch"],
        "failed": _failed(manager, wrong),
        "user": 1,
    }


def _begin(api: httpx2.Client, name: str, slug: str) -> None:
    text = PLAN.replace("Win-back voucher", name).replace("win-back-wide", slug)
    done(api.post("/pilots", content=text, headers={"Content-Type": "application/toml"}))


def _draft(manager: Visitor) -> str:
    page = manager.go("/pilots/new")
    page.get_by_label("Name").fill("Letter in the making")
    page.get_by_role("button", name="Begin", exact=True).click()
    page.wait_for_url("**/plan")
    return page.url.split("/")[-2]


def _upload(manager: Visitor, address: str, file: Path) -> str:
    page = manager.go(address.removesuffix("/uploads"))
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Show the first rows").click()
    page.wait_for_url("**/uploads/*")
    return page.url.rpartition("/")[2]


def _failed(manager: Visitor, file: Path) -> str:
    """A file with wrong rows, which is taken in as a whole or not at all."""
    address = _upload(manager, "/ledger/uploads", file)
    page = manager.page
    assert address in page.url
    for meaning, column in COLUMNS.items():
        page.get_by_label(f"Meaning of {column}").select_option(meaning)
    page.get_by_label("Refuse the whole file if one row is wrong").check()
    page.get_by_role("button", name="Record this file").click()
    page.wait_for_url("**/jobs/*")
    return page.url.rpartition("/")[2]
