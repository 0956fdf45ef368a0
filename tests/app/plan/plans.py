"""Plans for tests, as JSON and as forms."""

from typing import Any

from experiments.pilot import Plan
from experiments.plan.pilot_file import parse_plan

FORM = {
    "pilot-name": "Wiosenna łódź",
    "pilot-slug": "wiosenna-lodz",
    "pilot-goal": "sales",
    "pilot-hypothesis": "Żółty list sprawi, że klienci kupią więcej.",
    "pilot-sponsor": "cfo@example.com",
    "pilot-starts_on": "2026-04-10",
    "pilot-ends_on": "2026-05-07",
    "design-control": "Control",
    "treatments-0-name": "Letter",
    "metrics-0-measure": "spend",
    "metrics-0-kind": "mean",
    "metrics-0-role": "primary",
    "metrics-0-unit": "EUR",
    "value-currency": "EUR",
    "value-margin_rate": "45 %",
    "value-pilot-cost_per_treated": "€ 0,10",
    "value-pilot-cost_fixed": "1 000",
    "outlook-customers": "10000",
}


def plan_json(**header: str) -> dict[str, Any]:
    """A complete plan of the manager's, as a script sends it."""
    return {
        "pilot": {
            "name": "Spring mail",
            "slug": "spring-mail",
            "goal": "sales",
            "hypothesis": "A letter makes them buy more.",
            "owner": "manager@example.com",
            "sponsor": "cfo@example.com",
            "starts_on": "2026-04-10",
            "ends_on": "2026-05-07",
            **header,
        },
        "design": {"control": "Control", "treatments": ["Letter"]},
        "metrics": [
            {"name": "spend", "kind": "mean", "measure": "spend", "unit": "EUR", "role": "primary"}
        ],
        "value": {
            "currency": "EUR",
            "metric": "spend",
            "margin_rate": 0.45,
            "cost_per_treated": 0.1,
        },
    }


def plan_of_json(**header: str) -> Plan:
    """The same, read."""
    return parse_plan(plan_json(**header)).plan()
