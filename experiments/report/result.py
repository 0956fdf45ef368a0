"""The result as scripts read it: `result.json`, and its estimates as a flat table.

Keys are a contract: they may be added to, and keep their names and meaning.
"""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from experiments.analyse.analysis import Analysis
from experiments.analyse.estimate import Estimate
from experiments.analyse.variables import label
from experiments.decide.guardrails import Guardrail
from experiments.decide.verdict import Decision, MoreData, Verdict
from experiments.errors import BadInput, Problem, Undefined
from experiments.pilot import Plan
from experiments.plan.registration import Registration
from experiments.record.recording import Receipt
from experiments.stats.estimate import Interval
from experiments.terms import nearest
from experiments.value.contrast import Reading, Value
from experiments.words import cell_text

Json = dict[str, Any]


def result(
    plan: Plan,
    analysis: Analysis,
    decision: Decision,
    *,
    registration: Registration,
    sentences: Mapping[str, str],
    receipts: Sequence[Receipt] = (),
    amendment: str = "",
) -> Json:
    """Everything that was found, as plain values.

    Args:
        plan: The plan.
        analysis: Checks and estimates.
        decision: The verdicts.
        registration: Whether the plan came before the outcome.
        sentences: Per treatment, its verdict in words.
        receipts: What the files of behavior brought.
        amendment: What differs from the plan, and why, if somebody said so.
    """
    verdicts = [_verdict(verdict, sentences[verdict.treatment]) for verdict in decision.verdicts]
    deciding = decision.verdicts.index(decision.deciding)
    return {
        "pilot": plan.pilot.slug,
        "registration": registration.value,
        "verdict": verdicts[deciding],
        "verdicts": verdicts,
        "checks": [
            {
                "name": check.name,
                "outcome": check.outcome.value,
                "blocking": check.blocking,
                "value": check.value,
                "p_value": check.p_value,
                "sentence": check.sentence,
            }
            for check in analysis.checks
        ],
        "customers": dict(analysis.customers),
        "estimates": [_estimate(estimate) for estimate in analysis.estimates],
        "receipts": [_receipt(receipt) for receipt in receipts],
        "amendment": amendment or None,
        "inputs": {
            "plan": analysis.inputs.plan,
            "enrolment": analysis.inputs.enrolment,
            "ledger_through": analysis.inputs.ledger_through,
            "as_of": analysis.inputs.as_of.isoformat(),
            "engine": analysis.inputs.engine,
            "pilotbook": analysis.inputs.pilotbook,
        },
    }


def as_json(value: Json) -> str:
    """Text of a result; for a number that JSON does not have stands the reason."""
    return json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return number_or_reason(value) if isinstance(value, float) else value


def number_or_reason(value: float | Undefined) -> float | Json:
    """A number, or {"undefined": reason}."""
    if isinstance(value, Undefined):
        return undefined(value)
    if math.isnan(value):
        return undefined(Undefined("the computation gives no number"))
    if not math.isfinite(value):
        return undefined(Undefined("there is no bound"))
    return value


def undefined(value: Undefined) -> Json:
    """How a value that cannot be computed is written."""
    return {"undefined": value.reason}


def _reading(value: Reading | Undefined) -> Json:
    if isinstance(value, Undefined):
        return undefined(value)
    return {"value": value.value, "low": value.low, "high": value.high}


def _interval(value: Interval | Undefined | None) -> Json | None:
    if value is None:
        return None
    if isinstance(value, Undefined):
        return undefined(value)
    return {"low": number_or_reason(value.low), "high": number_or_reason(value.high)}


def _verdict(verdict: Verdict, sentence: str) -> Json:
    other = verdict.other_reading
    found: Json = {
        "treatment": verdict.treatment,
        "status": verdict.status.value,
        "reason": verdict.reason.value if verdict.reason else None,
        "sentence": sentence,
        "basis": verdict.basis.value,
        "verdict_on": verdict.verdict_on.value,
        **_value(verdict.value),
        "skewness_interval": _interval(verdict.skewness_interval),
        "other_reading": other and {"method": other.method.value, **_reading(other.contrast)},
        "guardrails": [_guardrail(guardrail) for guardrail in verdict.guardrails],
        "more_data": _more_data(verdict.more_data),
        "failed_checks": list(verdict.failed),
        "visible_from": verdict.veiled_until.isoformat() if verdict.veiled_until else None,
        "veil": verdict.veil or None,
    }
    return found


def _value(value: Value | Undefined) -> Json:
    if isinstance(value, Undefined):
        nothing = undefined(value)
        keys = (
            *("contrast", "net", "roi", "probability_of_loss", "margin", "break_even", "cost"),
            *("customers", "control_group_cost"),
        )
        return dict.fromkeys(keys, nothing)
    return {
        "contrast": _reading(value.contrast),
        "net": _reading(value.net),
        "roi": _reading(value.roi),
        "probability_of_loss": number_or_reason(value.probability_of_loss),
        "margin": _reading(value.margin),
        "break_even": value.break_even,
        "cost": value.cost,
        "customers": value.customers,
        "control_group_cost": value.control_group_cost,
    }


def _guardrail(guardrail: Guardrail) -> Json:
    return {
        "metric": guardrail.metric,
        "safety": guardrail.safety.value,
        "worsening": _interval(guardrail.worsening),
        "accepted": guardrail.accepted,
        "relative": guardrail.relative,
    }


def _more_data(more: MoreData | None) -> Json | None:
    if more is None:
        return None
    return {
        "customers_for_break_even": number_or_reason(more.for_break_even),
        "customers_for_observed": number_or_reason(more.for_observed),
    }


def _estimate(estimate: Estimate) -> Json:
    difference: Json
    if isinstance(estimate.difference, Undefined):
        difference = undefined(estimate.difference)
    else:
        joint = estimate.simultaneous
        difference = {
            "value": estimate.difference.value,
            "se": estimate.difference.se,
            "low": estimate.difference.low,
            "high": estimate.difference.high,
            "p_value": estimate.difference.p_value,
            "simultaneous": joint
            and {"low": joint.low, "high": joint.high, "p_value": joint.p_value},
        }
    relative: Json
    if isinstance(estimate.relative, Undefined):
        relative = undefined(estimate.relative)
    elif isinstance(estimate.relative.interval, Undefined):
        reason = undefined(estimate.relative.interval)
        relative = {"value": estimate.relative.value, "low": reason, "high": reason}
    else:
        relative = {
            "value": estimate.relative.value,
            "low": estimate.relative.interval.low,
            "high": estimate.relative.interval.high,
        }
    return {
        "metric": estimate.metric,
        "kind": estimate.kind.value,
        "role": estimate.role.value,
        "treatment": estimate.treatment,
        "control": estimate.control,
        "segment": estimate.segment,
        "level": estimate.level,
        "method": estimate.method.value,
        "headline": estimate.headline,
        "n_treatment": estimate.n_treatment,
        "n_control": estimate.n_control,
        "mean_treatment": number_or_reason(estimate.mean_treatment),
        "mean_control": number_or_reason(estimate.mean_control),
        "difference": difference,
        "relative": relative,
        "adjusted_for": [label(variable) for variable in estimate.adjusted_for],
        "dropped": [label(variable) for variable in estimate.dropped],
    }


def _receipt(receipt: Receipt) -> Json:
    return {
        "file": receipt.file,
        "counted": receipt.counted,
        "accepted": receipt.accepted,
        "rejected": receipt.rejected,
        "entries": receipt.entries,
        "repeated": receipt.repeated,
        "rounded": receipt.rounded,
        "blank": receipt.blank,
        "unmatched": receipt.unmatched,
        "first": receipt.first and receipt.first.isoformat(),
        "last": receipt.last and receipt.last.isoformat(),
        "measures": dict(receipt.measures),
    }


CSV_COLUMNS = (
    *("metric", "kind", "role", "treatment", "control", "segment", "level", "method", "headline"),
    *("n_treatment", "n_control", "mean_treatment", "mean_control"),
    *("difference", "se", "low", "high", "p_value"),
    *("simultaneous_low", "simultaneous_high", "simultaneous_p_value"),
    *("relative", "relative_low", "relative_high", "undefined"),
)
_TYPES: Final = {
    **dict.fromkeys((*CSV_COLUMNS[:8], "undefined"), pa.string()),
    "headline": pa.bool_(),
    **dict.fromkeys(("n_treatment", "n_control"), pa.int64()),
}


def as_csv(found: Json) -> str:
    """The estimates of a result as a flat table; what cannot be computed is blank, with its reason.

    A text that a spreadsheet would take for a formula is preceded by an apostrophe.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for estimate in found["estimates"]:
        writer.writerow({key: _cell(value) for key, value in _flat(estimate).items()})
    return out.getvalue()


def as_table(found: Json) -> pa.Table:
    """The estimates of a result as a typed table; what cannot be computed is null."""
    rows = [_flat(estimate) for estimate in found["estimates"]]
    schema = pa.schema([(name, _TYPES.get(name, pa.float64())) for name in CSV_COLUMNS])
    columns = {
        name: [None if isinstance(row[name], dict) else row[name] for row in rows]
        for name in CSV_COLUMNS
    }
    return pa.table(columns, schema=schema)


def chosen(found: Json, *, metric: str | None = None, segment: str | None = None) -> Json:
    """A result with the estimates of one metric or one segment attribute alone.

    Raises:
        BadInput: There is no such metric or segment; names the nearest.
    """
    estimates = found["estimates"]
    for key, wanted in (("metric", metric), ("segment", segment)):
        if wanted is not None:
            known = {each[key]: None for each in found["estimates"] if each[key] is not None}
            if wanted not in known:
                raise BadInput("There is no such estimate.", [Problem(key, _no(wanted, [*known]))])
            estimates = [each for each in estimates if each[key] == wanted]
    return {**found, "estimates": estimates}


def _no(wanted: str, known: Sequence[str]) -> str:
    there = nearest(wanted, known) if known else "there is none"
    return f"{wanted!r} is not in this result; {there}"


def rejects_csv(receipts: Sequence[Receipt]) -> str:
    """The refused rows of all files as a flat table, an entry per bad cell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("line", "column", "value", "reason", "file"))
    for receipt in receipts:
        for reject in receipt.rejects:
            cells = (reject.line, reject.column, reject.value, reject.reason, receipt.file)
            writer.writerow([_cell(cell) for cell in cells])
    return out.getvalue()


def _flat(estimate: Json) -> Json:
    difference, relative = estimate["difference"], estimate["relative"]
    joint = difference.get("simultaneous") or {}
    return {
        **{key: estimate[key] for key in CSV_COLUMNS[:13]},
        "difference": difference.get("value"),
        **{key: difference.get(key) for key in ("se", "low", "high", "p_value")},
        **{f"simultaneous_{key}": joint.get(key) for key in ("low", "high", "p_value")},
        "relative": relative.get("value"),
        "relative_low": relative.get("low"),
        "relative_high": relative.get("high"),
        "undefined": difference.get("undefined") or relative.get("undefined"),
    }


def _cell(value: object) -> object:
    if isinstance(value, float):
        value = number_or_reason(value)
    if isinstance(value, dict):
        return None
    if not isinstance(value, str):
        return value
    return cell_text(value)
