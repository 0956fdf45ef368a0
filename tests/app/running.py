"""A site with a frozen pilot in it, and files that are sent to it."""

from pathlib import Path

import pytest

from app.plan.service import register
from app.tables import PilotRow
from experiments.plan.pilot_file import parse_pilot_file
from tests.site import Site

DRAWN_LATER = """\
[pilot]
name = "Spring call"
slug = "spring-call"
goal = "retention"
hypothesis = "They stay."
owner = "manager@example.com"
sponsor = "cfo@example.com"
starts_on = 2026-03-01
ends_on = 2026-03-28

[design]
control = "hold"
treatments = ["call"]

[customers]
file = "customers.csv"
customer_id = "id"
tier = "tier"

[[behavior]]
file = "orders.csv"
customer_id = "customer"
occurred_at = "day"
measure = "what"
value = "amount"

[[metrics]]
name = "revenue"
kind = "mean"
measure = "revenue"
role = "primary"

[value]
currency = "EUR"
metric = "revenue"
margin_rate = 0.4
cost_per_treated = 0.50
"""


def wait_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let requests wait for their answers, however busy the machine is."""
    monkeypatch.setattr("app.web.jobs.SECONDS", 60.0)


def planned(site: Site, text: str, *, who: str = "manager") -> str:
    """Register and freeze the plan of a pilot file; the pilot's slug."""
    plan = parse_pilot_file(text).plan()
    with site.database.writing() as session:
        pilot = register(session, plan, now=site.now)
        row = session.get_one(PilotRow, pilot.id)
        row.owner_id = site.users[who]
        session.add(row)
        session.commit()
    return plan.pilot.slug


def customers_csv(count: int = 40) -> str:
    """Customers without groups, of two tiers."""
    rows = [f"c{at:03},{('gold', 'silver')[at % 2]}" for at in range(count)]
    return "\n".join(["id,tier", *rows]) + "\n"


def orders_csv(count: int = 40) -> str:
    """Orders in long form."""
    rows = [f"c{at:03},2026-03-{at % 28 + 1:02},revenue,{at}.50,o{at}" for at in range(count)]
    return "\n".join(["customer,day,what,amount,order", *rows]) + "\n"


def in_folder(path: Path) -> list[str]:
    """What stands in a folder, and below."""
    return sorted(str(one.relative_to(path)) for one in path.rglob("*") if one.is_file())
