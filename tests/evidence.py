"""Plans, evidence and analyses from raw numbers per customer, so that rules are tested alone."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from experiments.analyse.analysis import Analysis, Inputs
from experiments.analyse.checks import Check, Outcome
from experiments.analyse.estimates import estimates
from experiments.analyse.evidence import Evidence, Measured
from experiments.analyse.looks import LookTaken
from experiments.analyse.rows import Reach
from experiments.analyse.variables import Outcome as Compared
from experiments.behavior.sums import Sums
from experiments.pilot import Plan
from experiments.terms import Look

Values = Sequence[float] | npt.NDArray[np.float64]
Columns = Mapping[str, Values]
CONTROL, TREATMENT = "held out", "mailed"


def plan_of(**sections: Any) -> Plan:
    """A plan of one money metric, `spend` in EUR at a margin rate of 1 and a cost of 0.10.

    Args:
        sections: Keys that are added to `pilot`, `design` and `value`; `metrics`, `segments`
            and the like replace what is there.
    """
    plain: dict[str, Any] = {
        "pilot": {
            "name": "Spring e-mail",
            "slug": "spring",
            "goal": "sales",
            "hypothesis": "An e-mail makes customers spend more.",
            "owner": "owner@example.com",
            "sponsor": "cfo@example.com",
            "starts_on": date(2026, 3, 1),
            "ends_on": date(2026, 3, 31),
        },
        "design": {"control": CONTROL, "treatments": [TREATMENT]},
        "metrics": [metric("spend", unit="EUR", role="primary")],
        "value": {
            "currency": "EUR",
            "metric": "spend",
            "margin_rate": 1,
            "cost_per_treated": Decimal("0.1"),
        },
    }
    for key, given in sections.items():
        old = plain.get(key)
        plain[key] = {**old, **given} if isinstance(old, dict) else given
    plain["value"] = {key: said for key, said in plain["value"].items() if said is not None}
    return Plan.model_validate(plain)


def metric(name: str, **keys: Any) -> dict[str, Any]:
    """A metric of the plan; a secondary mean where nothing else is said."""
    return {"name": name, "kind": "mean", "measure": name, "role": "secondary", **keys}


def exact(values: Values) -> list[Decimal]:
    """Values at the four decimals that the ledger keeps."""
    return [Decimal(repr(float(value))).quantize(Decimal("0.0001")) for value in values]


def sums_of(columns: Columns) -> Sums:
    """Exact sums of every variable, every pair, and every cube."""
    kept = {name: exact(values) for name, values in columns.items()}
    names = sorted(kept)
    return Sums(
        n=len(next(iter(kept.values()))),
        totals={name: sum(values, Decimal(0)) for name, values in kept.items()},
        products={
            (one, other): sum(
                (a * b for a, b in zip(kept[one], kept[other], strict=True)), Decimal(0)
            )
            for at, one in enumerate(names)
            for other in names[at:]
        },
        cubes={name: sum((v**3 for v in values), Decimal(0)) for name, values in kept.items()},
    )


def evidence_of(
    plan: Plan,
    arms: Mapping[str, Columns],
    *,
    covariates: Sequence[str] = (),
    segments: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
) -> Evidence:
    """Evidence from a column per metric, per covariate and of `contacts` (0 where left out).

    Args:
        plan: Says the metrics.
        arms: Per arm, the columns; an arm that is left out has no customer.
        covariates: Columns that adjust every metric.
        segments: Per attribute and arm, the level of each customer.
    """
    laid_out = {arm: _variables(plan, columns, covariates) for arm, columns in arms.items()}
    known = tuple(f"known {name}" for name in covariates)
    return Evidence(
        reach={
            arm: Reach(_size(arms.get(arm, {})), _contacted(arms.get(arm, {})))
            for arm in plan.design.arms
        },
        known={},
        everybody=Measured(
            {arm: sums_of(columns) for arm, columns in laid_out.items()},
            {
                attribute: _by_level(laid_out, levels)
                for attribute, levels in (segments or {}).items()
            },
        ),
        partly={},
        over_time=(),
        outcomes={one.name: Compared(f"outcome {one.name}") for one in plan.metrics},
        covariates={one.name: known for one in plan.metrics},
        baseline=known,
    )


def _variables(plan: Plan, columns: Columns, covariates: Sequence[str]) -> Columns:
    return {
        **{f"outcome {one.name}": columns[one.name] for one in plan.metrics},
        **{f"known {name}": columns[name] for name in covariates},
        "contacts": columns.get("contacts", [0.0] * _size(columns)),
        "contacted": [float(n > 0) for n in columns.get("contacts", [0.0] * _size(columns))],
    }


def _size(columns: Columns) -> int:
    return len(next(iter(columns.values()))) if columns else 0


def _contacted(columns: Columns) -> int:
    return sum(contacts > 0 for contacts in columns.get("contacts", ()))


def _by_level(
    arms: Mapping[str, Columns], levels: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, Sums]]:
    found: dict[str, dict[str, Sums]] = {}
    for arm, columns in arms.items():
        for level in sorted(set(levels[arm])):
            rows = [at for at, one in enumerate(levels[arm]) if one == level]
            found.setdefault(level, {})[arm] = sums_of(
                {name: [values[at] for at in rows] for name, values in columns.items()}
            )
    return found


INPUTS = Inputs(
    plan="p" * 64,
    enrolment="e" * 64,
    ledger_through=3,
    as_of=date(2026, 4, 1),
    engine="duckdb",
    pilotbook="0.1.0",
)
SPLIT_PASSED = Check("split", Outcome.PASSED, True, 0.0, 1.0, "The groups are as planned.")
SPLIT_FAILED = Check("split", Outcome.FAILED, True, 99.0, 0.0, "The groups are not as planned.")


def analysis_of(
    plan: Plan,
    evidence: Evidence,
    *,
    checks: Sequence[Check] = (SPLIT_PASSED,),
) -> Analysis:
    """The analysis of some evidence after the end of a fixed design."""
    return Analysis(
        inputs=INPUTS,
        customers={arm: found.customers for arm, found in evidence.reach.items()},
        checks=tuple(checks),
        estimates=estimates(plan, evidence, confidence=plan.confidence),
        evidence=evidence,
        look=LookTaken(
            kind=Look.FIXED,
            number=1,
            planned=1,
            as_of=INPUTS.as_of,
            final=True,
            information=(),
            critical=(),
            confidence=plan.confidence,
        ),
    )


def veiled_analysis(plan: Plan) -> Analysis:
    """An analysis before the last window closed."""
    return Analysis(
        inputs=INPUTS,
        customers=dict.fromkeys(plan.design.arms, 100),
        checks=(SPLIT_PASSED,),
        estimates=(),
        evidence=None,
        veiled_until=date(2026, 4, 1),
        veil="the last window closes on 31 March 2026",
    )


def analysed(plan: Plan, arms: Mapping[str, Columns], **given: Any) -> Analysis:
    """The analysis of raw columns; see `evidence_of`."""
    return analysis_of(plan, evidence_of(plan, arms, **given))
