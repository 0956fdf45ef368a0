"""Pilot files with generated data: wide with arms in a column, long with history and contacts."""

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

STARTS_ON = date(2026, 3, 1)
ENDS_ON = date(2026, 3, 28)


@dataclass(frozen=True, slots=True)
class Wide:
    """A pilot whose customers and outcomes stand in one wide file; 200 customers in each arm.

    Attributes:
        lift: What the mail adds to each treated customer's spend.
        starts_on: First day; the pilot runs four weeks, and outcomes carry its last day.
        measured_on: Day of the outcome rows; the last day of the pilot where None.
        complete: Whether the file is declared complete, or through which day.
        measure: The measure that the money metric asks for.
        rows: Extra lines of the file.
        name: The pilot's name.
    """

    lift: float = 5
    starts_on: date = STARTS_ON
    measured_on: date | None = None
    complete: bool | date = True
    measure: str = "spend"
    rows: tuple[str, ...] = field(default=())
    name: str = "Spring mail"

    @property
    def ends_on(self) -> date:
        """Last day of the pilot."""
        return self.starts_on + timedelta(days=27)

    def write(self, folder: Path) -> Path:
        """Write the pilot file and its data; the pilot file's path."""
        folder.mkdir(parents=True, exist_ok=True)
        lines = ["who,group,age,spend,visit", *self.customers(), *self.rows]
        (folder / "wide.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        path = folder / "wide.toml"
        path.write_text(self.text(), encoding="utf-8")
        return path

    def customers(self) -> list[str]:
        """A line per customer."""
        rng = random.Random(20260301)  # noqa: S311 - repeatable draws, no secrets
        found = []
        for at in range(400):
            group = ("hold", "mail")[at % 2]
            age = rng.randint(20, 70)
            spend = max(0.0, rng.gauss(20, 6) + 0.1 * age + self.lift * (group == "mail"))
            found.append(f"{at:05},{group},{age},{spend:.2f},{int(rng.random() < 0.5)}")
        return found

    def text(self) -> str:
        """The pilot file."""
        return f"""\
[pilot]
name = "{self.name}"
slug = "spring-mail"
goal = "sales"
hypothesis = "They buy more."
owner = "o@example.com"
sponsor = "s@example.com"
starts_on = {self.starts_on}
ends_on = {self.ends_on}

[design]
control = "hold"
treatments = ["mail"]

[customers]
file = "wide.csv"
customer_id = "who"
arm = "group"
attributes = ["age"]

[[behavior]]
file = "wide.csv"
customer_id = "who"
occurred_at = {self.measured_on or self.ends_on}
measures = ["spend", "visit"]
complete = {str(self.complete).lower()}

[[metrics]]
name = "spend"
kind = "mean"
measure = "{self.measure}"
role = "primary"
covariates = ["age"]

[[metrics]]
name = "visitors"
kind = "rate"
measure = "visit"
role = "secondary"

[value]
currency = "EUR"
metric = "spend"
margin_rate = 0.5
cost_per_treated = 1.00
"""


def write_long(folder: Path) -> Path:
    """A pilot in long form: Pilotbook assigns within tiers; orders before and after, contacts."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(7)  # noqa: S311 - repeatable draws, no secrets
    customers = ["id,tier", *(f"c{at:03},{('gold', 'silver')[at % 2]}" for at in range(300))]
    (folder / "customers.csv").write_text("\n".join(customers) + "\n", encoding="utf-8")
    orders = ["customer,day,what,amount,order"]
    for at in range(300):
        for number in range(rng.randint(0, 6)):
            day = STARTS_ON + timedelta(days=rng.randint(-28, 27))
            amount = f"{rng.uniform(5, 50):.2f}"
            orders.append(f"c{at:03},{day},revenue,{amount},o{at}-{number}")
            orders.append(f"c{at:03},{day},order,1,o{at}-{number}")
    orders.append(orders[-1])  # a repeat
    (folder / "orders.csv").write_text("\n".join(orders) + "\n", encoding="utf-8")
    contacts = [f"c{at:03},{STARTS_ON},1,spring-call" for at in range(0, 300, 3)]
    (folder / "contacts.csv").write_text(
        "\n".join(["customer,day,contact,program", *contacts]) + "\n", encoding="utf-8"
    )
    path = folder / "long.toml"
    path.write_text(LONG, encoding="utf-8")
    return path


LONG = f"""\
[pilot]
name = "Spring call"
slug = "spring-call"
goal = "retention"
hypothesis = "They stay."
owner = "o@example.com"
sponsor = "s@example.com"
starts_on = {STARTS_ON}
ends_on = {ENDS_ON}

[design]
control = "hold"
treatments = ["call"]
seed = 2026
strata = ["tier"]

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
event_id = "order"
source = "shop"

[[behavior]]
file = "contacts.csv"
customer_id = "customer"
occurred_at = "day"
measures = ["contact"]
item = "program"

[[metrics]]
name = "revenue"
kind = "mean"
measure = "revenue"
role = "primary"

[[metrics]]
name = "orders"
kind = "count"
measure = "order"
role = "secondary"

[value]
currency = "EUR"
metric = "revenue"
margin_rate = 0.4
cost_per_contact = 0.50
"""
