"""The plan's form: what a new one says already, what its fields are called, errors at them."""

import re
from collections.abc import Mapping
from typing import Final

from fastapi import Request

from app.plan.fields import (
    CONTROL_SHARE,
    METRIC,
    Fields,
    field_of,
    first_primary,
    rows_of,
    typed_fields,
)
from app.plan.words import DESIGNS, GOALS, KINDS, LOOKS, ROLES, SPENDING
from app.refusals import TooLarge
from experiments.errors import BadInput, Problem
from experiments.terms import SHARES, DesignKind, MetricKind

LONGEST: Final = 200_000  # characters of a form
NEW_METRIC: Final[Fields] = {"kind": "mean", "role": "secondary", "direction": "up"}
LABELS: Final[Mapping[str, str]] = {
    "pilot-name": "Name",
    "pilot-slug": "Short name",
    "pilot-goal": "Goal",
    "pilot-hypothesis": "Hypothesis",
    "pilot-owner": "Owner",
    "pilot-sponsor": "Sponsor",
    "pilot-starts_on": "First day",
    "pilot-ends_on": "Last day",
    "design-control": "Group without the program",
    CONTROL_SHARE: "Share without the program",
    "design-kind": "Who decides who gets it",
    "design-cluster": "What belongs together",
    "design-strata": "Even out by",
    "design-look": "When outcomes are looked at",
    "design-looks": "Last day of each look",
    "design-spending": "How looks share the chance of a false alarm",
    "design-spending_parameter": "Power, or curve",
    "design-futility": "Advice to stop for want of an effect",
    "design-tuning_n": "Customers at which intervals are narrowest",
    "design-alpha": "Chance of a false alarm",
    "design-prior-mean": "Effect believed before",
    "design-prior-sd": "Give or take",
    "value-currency": "Currency",
    "value-metric": "Metric that carries the money",
    "value-margin_rate": "Margin",
    "value-value_per_unit": "Value of one",
    "value-hurdle_rate": "Return asked for",
    "value-basis": "Costs that decide",
    "value-pilot-cost_fixed": "Cost, once",
    "value-pilot-cost_per_treated": "Cost per treated customer",
    "value-pilot-cost_per_contact": "Cost per contact",
    "value-pilot-cost_per_month": "Cost per month",
    "value-cost_of_experiment": "Cost of the experiment",
    "value-horizon_months": "Months to spread the fixed cost over",
    "value-discount_rate": "Discount rate",
    "value-rollout-customers": "Customers at roll-out",
    "value-rollout-cost_fixed": "Roll-out: cost, once",
    "value-rollout-cost_per_treated": "Roll-out: cost per customer",
    "value-rollout-cost_per_contact": "Roll-out: cost per contact",
    "value-rollout-cost_per_month": "Roll-out: cost per month",
    "outlook-customers": "Customers, all groups together",
    "outlook-mean": "What a customer brings without the program",
    "outlook-sd": "How much customers differ (standard deviation)",
    "outlook-rate": "Without the program",
    "outlook-rate_with": "With the program you expect",
    "outlook-effect": "What you expect the program to add per customer",
    "outlook-contacts": "Contacts per treated customer",
    "outlook-denominator": "What it is divided by, per customer",
    "outlook-cluster_size": "Customers who belong together, on average",
    "outlook-icc": "How alike they are (intraclass correlation)",
    "outlook-effective_share": "What weighting leaves of the control group",
}
_HOW_MUCH: Final = {
    "outlook-mean": "How much of it there is without the program",
    "outlook-effect": "How much more with the program",
}
# What is called otherwise where another kind carries the money.
KIND_LABELS: Final[Mapping[str, Mapping[str, str]]] = {
    MetricKind.COUNT: {
        "value-value_per_unit": "Value of one event",
        "outlook-mean": "How often a customer does it without the program",
        "outlook-effect": "How much more often with the program",
    },
    MetricKind.RATE: {"value-value_per_unit": "Value of one customer who does it"},
    MetricKind.RETENTION: {"value-value_per_unit": "Value of one customer who stays"},
    MetricKind.BREADTH: {"value-value_per_unit": "Value of one further item", **_HOW_MUCH},
    MetricKind.RATIO: {"value-value_per_unit": "Value of one more for each", **_HOW_MUCH},
    MetricKind.LATEST: {"value-value_per_unit": "Value of one point", **_HOW_MUCH},
}
ROW_LABELS: Final[Mapping[str, Mapping[str, str]]] = {
    "metrics": {
        "name": "Name",
        "kind": "What is counted",
        "measure": "Measure",
        "unit": "Unit",
        "role": "Role",
        "direction": "Better",
        "worse": "Which is worse",
        "denominator": "For each of",
        "covariates": "Compare at equal",
        "window-days-0": "Window from day",
        "window-days-1": "Window to before day",
        "pre_days": "Days before enrolment",
        "cap-value": "Cut at",
        "cap-percentile": "Or at percentile",
        "bootstrap": "Draw its interval anew",
        "at_least": "Counts from",
        "active_days": "Active in the last",
        "tolerance": "Tolerance in the metric’s unit",
        "tolerance_relative": "Tolerance",
        "now": "Without the program",
    },
    "treatments": {"name": "Name", "share": "Share"},
    "segments": {"attribute": "Attribute"},
}
FIRST_METRIC: Final[Fields] = {"kind": "mean", "role": "primary", "direction": "up"}
# Of what is typed beside the plan, what only an amount or events need, and what only a share does.
AMOUNT_ASIDE: Final = frozenset({"outlook-mean", "outlook-sd", "outlook-effect"})
RATE_ASIDE: Final = frozenset({"outlook-rate", "outlook-rate_with"})
CLUSTER_ASIDE: Final = frozenset({"outlook-cluster_size", "outlook-icc"})
RATIO_ASIDE: Final = frozenset({"outlook-denominator"})
SUPPLIED_ASIDE: Final = frozenset({"outlook-effective_share"})
ROW_TITLES: Final = {"metrics": "Metric", "treatments": "Program", "segments": "Segment"}
# Choices of the form, in plain words; what this version does not compute is not offered.
CHOICES: Final[Mapping[str, list[tuple[str, str]]]] = {
    "goals": list(GOALS.items()),
    "kinds": [(value, said[0].upper() + said[1:]) for value, said in KINDS.items()],
    "roles": [(value, said[0].upper() + said[1:]) for value, said in ROLES.items()],
    "directions": [("up", "More is better"), ("down", "Less is better")],
    "worse": [("", "Choose"), ("more", "More is worse"), ("less", "Less is worse")],
    "designs": list(DESIGNS.items()),
    "looks": list(LOOKS.items()),
    "spending": list(SPENDING.items()),
    "futility": [("", "None"), *SPENDING.items()],
    "bootstrap": [("", "No"), ("true", "Yes, 999 times")],
    "bases": [("", "As given"), ("pilot", "Of the pilot"), ("rollout", "At roll-out")],
}
# Keys of the pilot file inside a sentence, in the words of the form.
_KEYS: Final = {
    name.split("-")[-1]: label for name, label in LABELS.items() if "_" in name.split("-")[-1]
} | {name: label for name, label in ROW_LABELS["metrics"].items() if "_" in name}
_KEY: Final = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
# What a metric of some kind or role needs, and the field for it.
_NEEDS: Final[Mapping[str, str]] = {
    "needs tolerance": "tolerance_relative",
    "needs denominator": "denominator",
    "needs active_days": "active_days",
}
# Sentences that speak of the pilot file's words, in those of the form.
_INSTEAD: Final[Mapping[str, str]] = {
    "needs tolerance": "10 means: at most a tenth worse than the control group",
    "needs denominator": "say what the amount is divided by",
    "needs active_days": "a customer who did nothing for so many days has left",
    "needs looks": "write the last day that each look takes in, one a line",
    "needs cluster": "name the column of the customer file that says what belongs together",
    'look = "always_valid"': "where outcomes are looked at on any day, every metric has its days "
    "after enrolment, because customers are read one after the other",
}
_WITHOUT_WINDOW: Final = re.compile(r"^look = \"always_valid\".*?metric '(.+?)' has no window")
_METRIC: Final = re.compile(r"^metric '(.+?)' ")


def not_asked(fields: Mapping[str, str], *, kind: MetricKind) -> frozenset[str]:
    """What is typed beside a plan, and not asked for by its design and its money metric.

    Args:
        fields: As typed.
        kind: What is counted of the metric that carries the money.
    """
    design = fields.get("design-kind", "")
    return (
        (AMOUNT_ASIDE if kind in SHARES else RATE_ASIDE)
        | (frozenset() if kind is MetricKind.RATIO else RATIO_ASIDE)
        | (frozenset() if design == DesignKind.CLUSTERED else CLUSTER_ASIDE)
        | (frozenset() if design == DesignKind.SUPPLIED else SUPPLIED_ASIDE)
    )


def new_fields(*, name: str, owner: str, currency: str) -> Fields:
    """What a new plan's form says already."""
    return {
        "pilot-name": name,
        "pilot-goal": "sales",
        "pilot-owner": owner,
        "design-kind": "randomized",
        "design-look": "fixed",
        "design-control": "Control",
        "treatments-0-name": name,
        "metrics-0-kind": "mean",
        "metrics-0-role": "primary",
        "metrics-0-direction": "up",
        "metrics-0-unit": currency,
        "value-currency": currency,
        "outlook-customers": "10000",
    }


async def typed_of(request: Request) -> list[tuple[str, str]]:
    """The fields of a form as they were typed.

    Raises:
        TooLarge: There is more text than a plan can hold.
    """
    form = await request.form()
    typed = [(name, text) for name, text in form.multi_items() if isinstance(text, str)]
    if sum(len(text) for _, text in typed) > LONGEST:
        raise TooLarge("This plan is longer than can be kept; shorten its texts.")
    return typed


def read_fields(typed: list[tuple[str, str]], *, owner: str | None) -> Fields:
    """The plan's fields; for anybody but an admin the owner is who they are."""
    fields = typed_fields(typed)
    return fields if owner is None else {**fields, "pilot-owner": owner}


def with_row(fields: Fields, group: str) -> Fields:
    """The fields with one more row of a kind."""
    place = len(rows_of(fields, group))
    blank = (
        NEW_METRIC if group == "metrics" else {"name" if group != "segments" else "attribute": ""}
    )
    return fields | {f"{group}-{place}-{key}": text for key, text in blank.items()}


def without_row(typed: list[tuple[str, str]], row: str) -> list[tuple[str, str]]:
    """What was typed, without one row, such as `metrics-1`."""
    return [(name, text) for name, text in typed if not name.startswith(f"{row}-")]


def with_own(options: list[tuple[str, str]], value: str) -> list[tuple[str, str]]:
    """Options, and what was chosen before where it is none of them, so that it is not lost."""
    known = not value or any(option[0] == value for option in options)
    return options if known else [*options, (value, value)]


def pairs(values: list[str]) -> list[tuple[str, str]]:
    """Options that are called what they are."""
    return [(value, value) for value in values]


def errors_at(error: BadInput, fields: Mapping[str, str]) -> dict[str, str]:
    """What is wrong, by field, each in a sentence; "" is the form as a whole."""
    found: dict[str, str] = {}
    for problem in error.problems:
        name = _field(problem, fields)
        if name == "value-metric" and not fields.get(name) and len(error.problems) > 1:
            continue  # it follows from the metrics, which are wrong themselves
        said = _sentence(label_of(name, kind=money_kind(fields)), name, problem)
        found[name] = f"{found[name]} {said}" if name in found else said
    ordered = sorted(found, key=_place)
    return {name: found[name] for name in ordered} if found else {"": error.what}


def money_kind(fields: Mapping[str, str]) -> str:
    """What is counted of the metric that carries the money: the form asks for what that needs."""
    named = fields.get("value-metric", "").strip() or first_primary(fields)
    for row in rows_of(fields, "metrics"):
        if named and named in (row.get("name", "").strip(), row.get("measure", "").strip()):
            return row.get("kind", "mean")
    return next((row.get("kind", "mean") for row in rows_of(fields, "metrics")), "mean")


def label_of(name: str, *, kind: str = MetricKind.MEAN) -> str:
    """What the form calls a field.

    Args:
        name: The field.
        kind: What is counted of the metric that carries the money.

    Example:
        >>> label_of("metrics-1-kind"), label_of("pilot-ends_on")
        ('Metric 2, what is counted', 'Last day')
    """
    parts = name.split("-", 2)
    if parts[0] in ROW_LABELS and len(parts) == 3:
        label = ROW_LABELS[parts[0]][parts[2]]
        return f"{ROW_TITLES[parts[0]]} {int(parts[1]) + 1}, {label[0].lower()}{label[1:]}"
    return KIND_LABELS.get(kind, {}).get(name) or LABELS.get(name, "")


def _field(problem: Problem, fields: Mapping[str, str]) -> str:
    """The field at which a problem stands, or of which its sentence speaks."""
    treatments = [row.get("name", "").strip() for row in rows_of(fields, "treatments")]
    name = field_of(
        problem.where, control=fields.get("design-control", "").strip(), treatments=treatments
    )
    if name:
        return name
    if row := re.fullmatch(r"metrics\[(\d+)\]", problem.where):
        for said, key in _NEEDS.items():
            if said in problem.what:
                return f"metrics-{int(row[1]) - 1}-{key}"
        return _mentioned(f"metrics-{int(row[1]) - 1}", METRIC, problem.what)
    if named := _METRIC.match(problem.what):
        return _of_metric(named[1], problem.what, fields)
    if always := _WITHOUT_WINDOW.match(problem.what):
        return _row_of(always[1], fields, "window-days-1")
    if "margin_rate" in problem.what:
        return "value-margin_rate" if money_kind(fields) == "mean" else "value-value_per_unit"
    for key, mentioned in (
        ("design-looks", "looks"),
        ("design-looks", "look, "),
        ("design-spending_parameter", "spending_parameter"),
        ("design-cluster", "cluster"),
        ("design-look", "look = "),
        ("pilot-ends_on", "ends_on"),
        (CONTROL_SHARE, "shares"),
        ("design-control", "different arms"),
        ("value-metric", "value.metric"),
        ("value-rollout-customers", "rollout"),
        ("metrics-0-name", "metric "),
        ("segments-0-attribute", "segment "),
    ):
        if mentioned in problem.what:
            return key
    return ""


def _of_metric(metric: str, what: str, fields: Mapping[str, str]) -> str:
    """The field of a metric that a sentence names."""
    keys = {"role": "role", "cap": "cap-value", "direction": "direction"}
    said = what.split(", so ", 1)[-1]
    key = next((field for word, field in keys.items() if word in said), "name")
    return _row_of(metric, fields, key)


def _row_of(metric: str, fields: Mapping[str, str], key: str) -> str:
    """A field of the metric of some name."""
    rows = rows_of(fields, "metrics")
    names = [(row.get("name") or row.get("measure") or "").strip() for row in rows]
    place = max((at for at, name in enumerate(names) if name == metric), default=0)
    return f"metrics-{place}-{key}"


def _mentioned(row: str, keys: Mapping[str, object], what: str) -> str:
    heads = {key.split("-")[0]: key for key in reversed(list(keys))}
    places = {what.find(head): key for head, key in heads.items() if head in what}
    return f"{row}-{places[min(places)]}" if places else f"{row}-kind"


def _sentence(label: str, name: str, problem: Problem) -> str:
    what = _KEY.sub(lambda found: _said(found[0]), problem.what)
    if label and what.startswith(f"“{label}” "):
        what = what.removeprefix(f"“{label}” ")
        return f"{label} {what}."
    if name in ("value-margin_rate", "value-value_per_unit") and "margin_rate" in problem.what:
        return f"{label} is missing."
    for said, instead in _INSTEAD.items():
        if said in problem.what:
            return f"{label} is missing; {instead}."
    if not label:
        return f"{problem.where}: {what}." if problem.where else f"{what[0].upper()}{what[1:]}."
    if what == "is missing; add it" or what.startswith("is empty"):
        return f"{label} is missing."
    end = "" if what.endswith((".", "?")) else "."
    return f"{label} {what}{end}" if what.startswith("is ") else f"{label}: {what}{end}"


def _said(key: str) -> str:
    return f"“{_KEYS[key]}”" if key in _KEYS else key


def _place(name: str) -> tuple[int, str]:
    order = ["pilot", "design", "treatments", "metrics", "value", "segments", "outlook"]
    head = name.split("-", maxsplit=1)[0]
    named = list(LABELS)
    return (
        order.index(head) if head in order else -1,
        f"{named.index(name):03}" if name in named else name,
    )
