"""A rehearsal in plain words, and as scripts read it."""

from dataclasses import dataclass

from experiments.decide.verdict import Reason, Status
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.rehearse.result import Errors, Frequency, MetricRehearsal, Rehearsal, Scenario
from experiments.report.graphs import unit_of
from experiments.report.plain import Json, number_or_reason, undefined
from experiments.report.wording import Unit, amount, counted, days, number

REASONS = {
    Reason.INTERVAL: "too uncertain",
    Reason.GUARDRAIL_WORSE: "a guardrail worse",
    Reason.GUARDRAIL_UNCLEAR: "a guardrail unclear",
    Reason.TAILS: "too skewed",
    Reason.FEW_CLUSTERS: "too few clusters",
    Reason.FEW_PRE_PERIODS: "too few pre-periods",
    Reason.UNDEFINED: "not computable",
}


@dataclass(frozen=True, slots=True)
class RehearsalWords:
    """What the command line prints.

    Attributes:
        lead: What was rehearsed.
        null_heads: Heads of the table of errors.
        null_rows: A row per metric and treatment.
        null_sentence: What the errors say.
        power_heads: Heads of the table of verdicts.
        power_rows: A row per effect and treatment.
        power_sentence: From which effect on the pilot proves.
        notes: What a reader should know.
    """

    lead: str
    null_heads: tuple[str, ...]
    null_rows: tuple[tuple[str, ...], ...]
    null_sentence: str
    power_heads: tuple[str, ...]
    power_rows: tuple[tuple[str, ...], ...]
    power_sentence: str
    notes: tuple[str, ...]


def rehearsal_words(found: Rehearsal, plan: Plan) -> RehearsalWords:
    """Say what a rehearsal found."""
    several = len(plan.design.treatments) > 1
    tail = float(plan.design.alpha) / 2
    units = counted(found.customers, "customer", "customers")
    if found.clusters is not None:
        units += f" of {counted(found.clusters, 'cluster', 'clusters')}"
    return RehearsalWords(
        lead=(
            f"{found.replicates:,} dry runs on {units}, as if the pilot had run from "
            f"{days(found.starts_on, found.ends_on)}; seed {found.seed}."
        ),
        null_heads=(
            "Nothing changed",
            f"False rise ({_percent(tail)} meant)",
            "False fall",
            "Held",
        ),
        null_rows=tuple(
            (_name(one.metric, one.treatment, several), *_errors(one)) for one in found.metrics
        ),
        null_sentence=_null_sentence(found, tail),
        power_heads=("True effect", "True D", "Proved", "Disproved", "Not proved, because"),
        power_rows=tuple(_power_row(one, plan, several) for one in found.scenarios),
        power_sentence=_power_sentence(found, plan),
        notes=found.notes,
    )


def rehearsal_json(found: Rehearsal) -> Json:
    """A rehearsal as scripts read it; shares are fractions with their 99.9 % interval."""
    return {
        "pilot": found.pilot,
        "replicates": found.replicates,
        "seed": found.seed,
        "starts_on": found.starts_on.isoformat(),
        "ends_on": found.ends_on.isoformat(),
        "customers": found.customers,
        "clusters": found.clusters,
        "break_even": found.break_even,
        "unit_effect": found.unit_effect,
        "proved_from": number_or_reason(found.proved_from),
        "metrics": [
            {
                "metric": one.metric,
                "kind": one.kind.value,
                "treatment": one.treatment,
                "method": one.method,
                "adjusted": one.adjusted,
                "missing": one.missing,
                "errors": _errors_json(one.errors),
            }
            for one in found.metrics
        ],
        "scenarios": [
            {
                "treatment": one.treatment,
                "multiple": one.multiple,
                "effect": one.effect,
                "contrast": one.contrast,
                "statuses": {key.value: _frequency(said) for key, said in one.statuses.items()},
                "reasons": {key.value: _frequency(said) for key, said in one.reasons.items()},
                "skewed": _frequency(one.skewed),
            }
            for one in found.scenarios
        ],
        "notes": list(found.notes),
    }


def _errors_json(errors: Errors | Undefined) -> Json:
    if isinstance(errors, Undefined):
        return undefined(errors)
    return {
        "above": _frequency(errors.above),
        "below": _frequency(errors.below),
        "coverage": _frequency(errors.coverage),
        "se": errors.se,
        "spread": errors.spread,
    }


def _frequency(found: Frequency) -> Json:
    return {
        "count": found.count,
        "of": found.of,
        "share": found.share,
        "low": found.low,
        "high": found.high,
    }


def _name(metric: str, treatment: str, several: bool) -> str:
    return f"{metric}, {treatment}" if several else metric


def _errors(one: MetricRehearsal) -> tuple[str, str, str]:
    if isinstance(one.errors, Undefined):
        return one.errors.reason, "–", "–"
    return _share(one.errors.above), _share(one.errors.below), _share(one.errors.coverage)


def _percent(share: float) -> str:
    return f"{number(100 * share, 1)} %"


def _share(found: Frequency) -> str:
    low, high = number(100 * found.low, 1), number(100 * found.high, 1)
    return f"{_percent(found.share)} ({low} to {high})"


def _null_sentence(found: Rehearsal, tail: float) -> str:
    liberal = [
        f"{one.metric} ({word} in {_percent(side.share)})"
        for one in found.metrics
        if not isinstance(one.errors, Undefined)
        for word, side in (
            ("a false rise", one.errors.above),
            ("a false fall", one.errors.below),
        )
        if side.low > tail
    ]
    if not liberal:
        return (
            f"No interval misses on a side clearly more often than the {_percent(tail)} meant; "
            f"in brackets what {found.replicates:,} dry runs leave open."
        )
    return f"More often wrong than meant: {', '.join(liberal)}."


def _power_row(one: Scenario, plan: Plan, several: bool) -> tuple[str, ...]:
    money = plan.money_metric
    unit = unit_of(money)
    reasons = ", ".join(
        f"{REASONS[reason]} {_percent(share.share)}" for reason, share in one.reasons.items()
    )
    effect = f"{amount(one.effect, unit)} ({one.multiple:g}x)"
    return (
        f"{effect}, {one.treatment}" if several else effect,
        amount(one.contrast, Unit.of_money(plan.value.currency)),
        _share(one.statuses[Status.PROVED]),
        _share(one.statuses[Status.DISPROVED]),
        reasons or "–",
    )


def _power_sentence(found: Rehearsal, plan: Plan) -> str:
    money = plan.money_metric
    unit = unit_of(money)
    pays = (
        f"The program pays from an effect of {amount(found.break_even, unit)} on"
        if found.break_even > 0
        else "Any rise pays"
    )
    if isinstance(found.proved_from, Undefined):
        return f"{pays}."
    return (
        f"{pays}; an effect of {amount(found.proved_from, unit)} is proved in four dry runs "
        f"of five."
    )
