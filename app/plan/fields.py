"""The plan's form: its fields as they are typed, to the plan's keys and back.

A field is named by its key in the pilot file: `value-margin_rate`, and for the second metric's kind
`metrics-1-kind`. What the form does not show (phases, waivers, files) stays as the draft has it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from app.plan.typed import read_number, read_percent, read_whole, write_percent
from experiments.errors import Problem
from experiments.pilot import Plan

Fields = dict[str, str]
Json = dict[str, Any]


class Typed(StrEnum):
    """How the text of a field is read."""

    TEXT = "text"
    LINES = "lines"
    NUMBER = "number"
    PERCENT = "percent"
    WHOLE = "whole"


T, L, N, P, W = Typed.TEXT, Typed.LINES, Typed.NUMBER, Typed.PERCENT, Typed.WHOLE
COSTS: Final = ("cost_fixed", "cost_per_treated", "cost_per_contact", "cost_per_month")
SINGLE: Final[Mapping[str, Typed]] = {
    **dict.fromkeys(
        (
            *("pilot-name", "pilot-slug", "pilot-goal", "pilot-hypothesis", "pilot-owner"),
            *("pilot-sponsor", "pilot-starts_on", "pilot-ends_on"),
            *("design-kind", "design-cluster", "design-look", "design-spending", "design-futility"),
            *("design-control", "value-currency", "value-metric", "value-basis"),
        ),
        T,
    ),
    "design-strata": L,
    "design-looks": L,
    "design-spending_parameter": N,
    "design-tuning_n": W,
    "design-alpha": P,
    "design-prior-mean": N,
    "design-prior-sd": N,
    "value-margin_rate": P,
    "value-value_per_unit": N,
    "value-hurdle_rate": P,
    **{f"value-pilot-{cost}": N for cost in COSTS},
    "value-cost_of_experiment": N,
    "value-horizon_months": W,
    "value-discount_rate": P,
    "value-rollout-customers": W,
    **{f"value-rollout-{cost}": N for cost in COSTS},
}
# Typed beside the plan, for its outlook; not frozen with it.
ASIDE: Final[Mapping[str, Typed]] = {
    "outlook-customers": W,
    "outlook-mean": N,
    "outlook-rate": P,
    "outlook-rate_with": P,
    "outlook-sd": N,
    "outlook-effect": N,
    "outlook-contacts": N,
    "outlook-denominator": N,
    "outlook-cluster_size": N,
    "outlook-icc": N,
    "outlook-effective_share": P,
}
CONTROL_SHARE: Final = "design-control_share"
METRIC: Final[Mapping[str, Typed]] = {
    **dict.fromkeys(("name", "kind", "measure", "unit", "role", "direction", "worse"), T),
    "denominator": T,
    "covariates": L,
    "window-days-0": W,
    "window-days-1": W,
    "pre_days": W,
    "cap-value": N,
    "cap-percentile": N,
    "bootstrap": T,
    "at_least": W,
    "active_days": W,
    "tolerance": N,
    "tolerance_relative": P,
}
ROWS: Final[Mapping[str, Mapping[str, Typed]]] = {
    "metrics": METRIC,
    "treatments": {"name": T, "share": P},
    "segments": {"attribute": T},
}
# Choices that are made already in a new row, which is blank all the same.
CHOSEN: Final = frozenset({"kind", "role", "direction"})
# A measure that is none of those to choose from is typed beside them.
OTHER_MEASURE: Final = "other_measure"
# The level of a guardrail, typed beside the plan for its outlook.
LEVEL: Final = "now"
BESIDE: Final = (OTHER_MEASURE, LEVEL)
# What is worse for a guardrail, which has no usual direction, and the direction that is better.
WORSE: Final[Mapping[str, str]] = {"more": "down", "less": "up"}
# Keys that the form does not show.
KEPT: Final[Mapping[str, tuple[str, ...]]] = {
    "design": ("seed",),
    "value": ("verdict_on", "ltv", "persistence_months"),
}
# Keys of the design that only some choices have a use for.
NEEDED_BY: Final[tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]] = (
    ("kind", ("clustered", "supplied"), ("cluster",)),
    ("look", ("group_sequential",), ("looks", "spending", "spending_parameter", "futility")),
    ("look", ("always_valid",), ("tuning_n",)),
    ("spending", ("kim-demets", "hwang-shih-decani"), ("spending_parameter",)),
)
IN_UNITS: Final = ("mean", "ratio", "latest")  # kinds whose number may be money
# Keys of a metric that only one kind has a use for.
KIND_KEYS: Final = (
    *(("mean", "cap"), ("mean", "bootstrap"), ("rate", "at_least"), ("ratio", "denominator")),
    ("retention", "active_days"),
)
KEPT_WHOLE: Final = ("phases", "waivers", "customers", "behavior")
MOST_ROWS: Final = 100
READERS: Final[Mapping[Typed, Callable[[str], Decimal | int | str]]] = {
    N: read_number,
    P: read_percent,
    W: read_whole,
}
_ROW: Final = re.compile(r"(metrics|treatments|segments)-(\d{1,3})-([a-z_0-9-]+)")


def typed_fields(form: Iterable[tuple[str, str]]) -> Fields:
    """The fields of a form that the plan knows; rows are numbered anew, and blank ones left out."""
    single: Fields = {}
    rows: dict[str, dict[int, Fields]] = {group: {} for group in ROWS}
    for name, text in form:
        if name in SINGLE or name in ASIDE or name == CONTROL_SHARE:
            single[name] = text
        elif (found := _ROW.fullmatch(name)) and found[3] in (*ROWS[found[1]], *BESIDE):
            rows[found[1]].setdefault(int(found[2]), {})[found[3]] = text
    for row in rows["metrics"].values():
        other = row.pop(OTHER_MEASURE, "")
        row["measure"] = row.get("measure") or other
    for group, numbered in rows.items():
        kept = [row for _, row in sorted(numbered.items()) if not _is_blank(row)]
        for place, row in enumerate(kept[:MOST_ROWS]):
            single |= {f"{group}-{place}-{key}": text for key, text in row.items()}
    return single


def rows_of(fields: Mapping[str, str], group: str) -> list[Fields]:
    """The rows of one kind, in their order."""
    found: dict[int, Fields] = {}
    for name, text in fields.items():
        parts = _ROW.fullmatch(name)
        if parts and parts[1] == group:
            found.setdefault(int(parts[2]), {})[parts[3]] = text
    return [row for _, row in sorted(found.items())]


def fields_of(plan: Plan) -> Fields:
    """The form of a plan, every field filled in as somebody would type it."""
    given = plan.model_dump(mode="json", exclude_none=True)
    fields: Fields = {}
    for name, typed in SINGLE.items():
        _write(fields, name, typed, _at(given, name.split("-")))
    shares = given["design"].get("shares", {})
    _write(fields, CONTROL_SHARE, P, shares.get(plan.design.control))
    for place, arm in enumerate(plan.design.treatments):
        _write(fields, f"treatments-{place}-name", T, arm)
        _write(fields, f"treatments-{place}-share", P, shares.get(arm))
    for group in ("metrics", "segments"):
        for place, row in enumerate(given[group]):
            for key, typed in ROWS[group].items():
                _write(fields, f"{group}-{place}-{key}", typed, _at(row, key.split("-")))
            if row.get("role") == "guardrail":
                worse = next(key for key, better in WORSE.items() if better == row["direction"])
                fields[f"{group}-{place}-worse"] = worse
    return fields


def given_of(fields: Mapping[str, str], kept: Mapping[str, Any]) -> tuple[Json, list[Problem]]:
    """The plan that a form says, as keys and values.

    Args:
        fields: As typed.
        kept: The draft before, of which stays what the form does not show.

    Returns:
        The plan, in which a number that cannot be read is left as it was typed; and such numbers,
        each with its key.
    """
    problems: list[Problem] = []
    given: Json = {"pilot": {}, "design": {}, "value": {}}
    for name, typed in SINGLE.items():
        _put(given, name.split("-"), _read(fields, name, typed, problems))
    treatments = rows_of(fields, "treatments")
    given["design"]["treatments"] = [row.get("name", "").strip() for row in treatments]
    shares = _shares(fields, given["design"], problems)
    if shares:
        given["design"]["shares"] = shares
    for group in ("metrics", "segments"):
        given[group] = [
            _read_row(fields, group, place, problems)
            for place in range(len(rows_of(fields, group)))
        ]
    _fill_in(given)
    _leave_out(given, problems)
    for section, keys in KEPT.items():
        before = kept.get(section, {})
        given[section] |= {key: deepcopy(before[key]) for key in keys if key in before}
    given |= {key: deepcopy(kept[key]) for key in KEPT_WHOLE if key in kept}
    return given, problems


def first_primary(fields: Mapping[str, str]) -> str:
    """The name of the first primary metric, which carries the money unless another one is named."""
    for row in rows_of(fields, "metrics"):
        if row.get("role") == "primary":
            return row.get("name", "").strip() or row.get("measure", "").strip()
    return ""


def field_of(where: str, *, control: str = "", treatments: Iterable[str] = ()) -> str:
    """The field at which a problem of the plan stands; "" where there is none.

    Example:
        >>> field_of("metrics[2].window.days[1]"), field_of("value.pilot.cost_fixed")
        ('metrics-1-window-days-0', 'value-pilot-cost_fixed')
    """
    share = re.fullmatch(r"design\.shares\.(.+)", where, re.DOTALL)
    if share:
        arms = list(treatments)
        if share[1] in arms:
            return f"treatments-{arms.index(share[1])}-share"
        return CONTROL_SHARE if share[1] == control else ""
    name = re.sub(r"\[(\d+)\]", lambda found: f".{int(found[1]) - 1}", where).replace(".", "-")
    name = re.sub(r"^design-treatments-(\d+)$", r"treatments-\1-name", name)
    name = re.sub(r"^design-looks-\d+$", "design-looks", name)
    named = {
        "design-treatments": "treatments-0-name",
        "design-shares": CONTROL_SHARE,
        "metrics": "metrics-0-measure",
        "segments": "segments-0-attribute",
    }
    name = named.get(name, name)
    row = _ROW.fullmatch(name)
    known = name in SINGLE or (row is not None and row[3] in ROWS[row[1]])
    return name if known or name == CONTROL_SHARE else ""


def _key_of(fields: Mapping[str, str], name: str) -> str:
    """The plan's key that a field fills; the reverse of `field_of`."""
    if name == CONTROL_SHARE:
        return f"design.shares.{fields.get('design-control', '').strip()}"
    if share := re.fullmatch(r"treatments-(\d+)-share", name):
        return f"design.shares.{fields.get(f'treatments-{share[1]}-name', '').strip()}"
    dotted = name.replace("-", ".")
    return re.sub(r"\.(\d+)", lambda found: f"[{int(found[1]) + 1}]", dotted)


def _is_blank(row: Mapping[str, str]) -> bool:
    return not any(text.strip() for key, text in row.items() if key not in CHOSEN)


def _read_row(fields: Mapping[str, str], group: str, place: int, problems: list[Problem]) -> Json:
    row: Json = {}
    for key, typed in ROWS[group].items():
        _put(row, key.split("-"), _read(fields, f"{group}-{place}-{key}", typed, problems))
    if "window" in row:
        days = row["window"]["days"]
        row["window"]["days"] = [days.get("0", ""), days.get("1", "")]
    return row


def _shares(fields: Mapping[str, str], design: Json, problems: list[Problem]) -> Json:
    named = {design.get("control", ""): CONTROL_SHARE}
    named |= {arm: f"treatments-{at}-share" for at, arm in enumerate(design["treatments"])}
    read = {arm: _read(fields, name, P, problems) for arm, name in named.items()}
    return {arm: share for arm, share in read.items() if share is not None}


def _fill_in(given: Json) -> None:
    """What the form need not ask: a metric is called like its measure; the first primary pays."""
    for place, metric in enumerate(given["metrics"], start=1):
        # Without a measure any name will do, so that only the measure is asked for.
        metric.setdefault("name", metric.get("measure", f"metric {place}"))
    primary = [metric for metric in given["metrics"] if metric.get("role") == "primary"]
    for metric in (primary or given["metrics"])[:1]:
        given["value"].setdefault("metric", metric["name"])


def _leave_out(given: Json, problems: list[Problem]) -> None:
    """What the choices made leave no use for, which the form does not show then."""
    value, design = given["value"], given["design"]
    chosen = {key: str(design.get(key, "")) for key in ("kind", "look", "spending")}
    for chooser, choices, keys in NEEDED_BY:
        if chosen[chooser] not in choices:
            for key in keys:
                design.pop(key, None)
    for place, metric in enumerate(given["metrics"], start=1):
        kind, worse = metric.get("kind"), metric.pop("worse", None)
        if kind not in IN_UNITS and metric.get("unit") == value.get("currency"):
            metric.pop("unit", None)
        if chosen["kind"] not in ("", "randomized"):
            metric.pop("bootstrap", None)
        for only, key in KIND_KEYS:
            if kind != only:
                metric.pop(key, None)
        if metric.get("role") != "guardrail":
            metric.pop("tolerance", None)
            metric.pop("tolerance_relative", None)
        elif worse in WORSE:
            metric["direction"] = WORSE[worse]
        else:
            problems.append(Problem(f"metrics[{place}].worse", "choose more or less"))
        if metric["name"] == value.get("metric"):
            value.pop("value_per_unit" if kind == "mean" else "margin_rate", None)
            metric.pop("direction", None)


def _read(
    fields: Mapping[str, str], name: str, typed: Typed, problems: list[Problem]
) -> str | list[str] | int | None:
    text = fields.get(name, "")
    if typed is T:
        return re.sub(r"\s*[\r\n]+\s*", " ", text.strip()) or None
    if typed is L:
        return [line.strip() for line in text.splitlines() if line.strip()] or None
    if not text.strip():
        return None
    number = READERS[typed](text)
    if isinstance(number, str):
        problems.append(Problem(_key_of(fields, name), f"{text.strip()!r} {number}"))
        return text.strip()
    return number if isinstance(number, int) else str(number)


def _write(fields: Fields, name: str, typed: Typed, value: Any) -> None:
    if value is None:
        return
    if typed is L:
        fields[name] = "\n".join(value)
    elif typed is P:
        fields[name] = write_percent(Decimal(value))
    else:
        fields[name] = "true" if value is True else str(value)


def _at(given: Any, path: list[str]) -> Any:
    for key in path:
        if isinstance(given, list) and key.isdecimal() and int(key) < len(given):
            given = given[int(key)]
        elif isinstance(given, dict):
            given = given.get(key)
        else:
            return None
    return given


def _put(given: Json, path: list[str], value: Any) -> None:
    if value is None:
        return
    for key in path[:-1]:
        given = given.setdefault(key, {})
    given[path[-1]] = value
