"""The result as scripts read it: `result.json`.

Keys are a contract: they may be added to, and keep their names and meaning.
"""

from collections.abc import Mapping, Sequence

from experiments.analyse.analysis import Analysis
from experiments.analyse.details import details
from experiments.analyse.estimate import Estimate
from experiments.analyse.looks import LookTaken
from experiments.analyse.multiplicity import between_treatments
from experiments.analyse.schedule import Lifted
from experiments.analyse.segments import segment_effects
from experiments.analyse.variables import label
from experiments.decide.guardrails import Guardrail
from experiments.decide.more_data import MoreData
from experiments.decide.verdict import Decision, Verdict
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.plan.registration import Registration
from experiments.record.recording import Receipt
from experiments.report.beside import adjusted_as_json, detail_as_json, segment_as_json
from experiments.report.plain import Json, bounded, number_or_reason, undefined
from experiments.report.received import received_as_json
from experiments.report.retention import retention_json
from experiments.stats.estimate import Interval
from experiments.stats.evalue import EValue
from experiments.stats.sequential import Stopped
from experiments.value.contrast import Value


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
        "look": _look(analysis.look),
        "lifts": [lifted_as_json(lifted) for lifted in analysis.lifts],
        "estimates": [_estimate(estimate) for estimate in analysis.estimates],
        "between_treatments": []
        if analysis.evidence is None
        else [
            {**_estimate(one), "exploratory": True}
            for one in between_treatments(plan, analysis.evidence, confidence=analysis.confidence)
        ],
        "segments": [segment_as_json(found) for found in segment_effects(plan, analysis)],
        "received": [received_as_json(found) for found in analysis.received],
        "details": [detail_as_json(found) for found in details(plan, analysis)],
        "retention": retention_json(plan, analysis),
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
        "skewness_interval": _interval(verdict.careful_interval),
        "other_reading": other and {"method": other.method.value, **bounded(other.contrast)},
        "unbiased": _unbiased(verdict.unbiased),
        "futile": verdict.is_futile,
        "goal_moved": verdict.goal_moved and verdict.goal_moved.value,
        "guardrails": [_guardrail(guardrail) for guardrail in verdict.guardrails],
        "more_data": _more_data(verdict.more_data),
        "failed_checks": list(verdict.failed),
        "visible_from": verdict.veiled_until.isoformat() if verdict.veiled_until else None,
        "veil": verdict.veil or None,
        "e_value": _e_value(verdict.e_value),
    }
    return found


def _e_value(found: EValue | Undefined | None) -> Json | None:
    if found is None:
        return None
    if isinstance(found, Undefined):
        return undefined(found)
    return {"estimate": found.estimate, "limit": found.limit}


def _unbiased(found: Stopped | Undefined | None) -> Json | None:
    if found is None:
        return None
    if isinstance(found, Undefined):
        return undefined(found)
    return {**bounded(found), "p_value": found.p_value}


def _value(value: Value | Undefined) -> Json:
    if isinstance(value, Undefined):
        nothing = undefined(value)
        keys = (
            *("contrast", "net", "roi", "probability_of_loss", "probability_of_profit"),
            *("expected_loss", "margin", "break_even", "cost", "customers", "control_group_cost"),
        )
        return dict.fromkeys(keys, nothing)
    return {
        "contrast": bounded(value.contrast),
        "net": bounded(value.net),
        "roi": bounded(value.roi),
        "probability_of_loss": number_or_reason(value.probability_of_loss),
        "probability_of_profit": number_or_reason(value.probability_of_profit),
        "expected_loss": number_or_reason(value.expected_loss),
        "margin": bounded(value.margin),
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
        "comparable": estimate.comparable,
        "exploratory": estimate.exploratory,
        "n_treatment": estimate.n_treatment,
        "n_control": estimate.n_control,
        "mean_treatment": number_or_reason(estimate.mean_treatment),
        "mean_control": number_or_reason(estimate.mean_control),
        "difference": difference,
        "relative": relative,
        "adjusted_p_value": adjusted_as_json(estimate.adjusted_p_value),
        "adjusted_for": [label(variable) for variable in estimate.adjusted_for],
        "dropped": [label(variable) for variable in estimate.dropped],
    }


def _look(look: LookTaken | None) -> Json | None:
    if look is None:
        return None
    return {
        "kind": look.kind.value,
        "number": look.number,
        "planned": look.planned,
        "final": look.final,
        "information": list(look.information),
        "boundaries": list(look.critical),
        "confidence": look.confidence,
        "futility": look.futility,
        "growing": look.growing,
        "lifted": look.lifted and lifted_as_json(look.lifted),
    }


def lifted_as_json(lifted: Lifted) -> Json:
    """Who lifted the veil, when and why."""
    return {"by": lifted.by, "on": lifted.on.isoformat(), "reason": lifted.reason}


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
        "withdrawn": dict(receipt.withdrawn),
    }
