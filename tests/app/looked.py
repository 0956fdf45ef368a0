"""A pilot whose customers join over two weeks, so that it can be looked at while it runs.

The control group brings 3,333.33 each and the treatment group 7,777.77, give or take a little:
numbers that nobody takes for anything else.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

STARTS_ON: Final = date(2026, 3, 2)
CUSTOMERS: Final = 280
DAYS: Final = 14
WINDOW: Final = 7
MEANS: Final = {"hold": 3333.33, "mail": 7777.77}
FIXED: Final = ""
PLANNED: Final = """
look = "group_sequential"
looks = [2026-03-14, 2026-03-21]
"""
ANY_DAY: Final = """
look = "always_valid"
tuning_n = 100
"""


@dataclass(frozen=True, slots=True)
class Joining:
    """Twenty customers a day join from 2 to 15 March 2026; each counts for seven days.

    Attributes:
        design: Further lines of the design.
        complete: The day through which the file is declared complete.
        gap: What the treatment adds; the unmistakable one unless a test asks for less.
    """

    design: str = PLANNED
    complete: date = date(2026, 3, 29)
    gap: float = MEANS["mail"] - MEANS["hold"]

    def rows(self) -> list[tuple[str, str, date, float]]:
        """Customer, arm, day of joining and what the customer brings three days later."""
        found = []
        for at in range(CUSTOMERS):
            arm = ("hold", "mail")[at % 2]
            pair = at // 2
            wobble = (-1, 0, 1)[pair // DAYS % 3] * (0.01 if self.gap > 100 else 9.0)
            brings = MEANS["hold"] + self.gap * (arm == "mail") + wobble
            found.append((f"k{at:03}", arm, STARTS_ON + timedelta(days=pair % DAYS), brings))
        return found

    def write(self, folder: Path) -> Path:
        """Write the pilot file and its data; the pilot file's path."""
        folder.mkdir(parents=True, exist_ok=True)
        customers, orders = ["who,group,joined,age"], ["who,day,what,amount"]
        for at, (who, arm, joined, brings) in enumerate(self.rows()):
            customers.append(f"{who},{arm},{joined},{20 + at * 7 % 50}")
            orders.append(f"{who},{joined + timedelta(days=3)},spend,{brings:.2f}")
            orders.append(f"{who},{joined},contact,1")
        (folder / "customers.csv").write_text("\n".join(customers) + "\n", encoding="utf-8")
        (folder / "orders.csv").write_text("\n".join(orders) + "\n", encoding="utf-8")
        path = folder / "joining.toml"
        path.write_text(self.text(), encoding="utf-8")
        return path

    def text(self) -> str:
        """The pilot file."""
        return f"""\
[pilot]
name = "Spring mail"
slug = "spring-mail"
goal = "sales"
hypothesis = "They buy more."
owner = "manager@example.com"
sponsor = "cfo@example.com"
starts_on = {STARTS_ON}
ends_on = 2026-03-29

[design]
control = "hold"
treatments = ["mail"]
{self.design}
[customers]
file = "customers.csv"
customer_id = "who"
arm = "group"
enrolled_at = "joined"
attributes = ["age"]

[[behavior]]
file = "orders.csv"
customer_id = "who"
occurred_at = "day"
measure = "what"
value = "amount"
complete = {self.complete}

[[metrics]]
name = "spend"
kind = "mean"
measure = "spend"
unit = "EUR"
role = "primary"
window = {{ days = [0, {WINDOW}] }}

[value]
currency = "EUR"
metric = "spend"
margin_rate = 0.5
cost_per_treated = 1.00
"""
