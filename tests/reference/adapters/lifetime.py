"""What customers will buy, and what they are worth."""

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from experiments.errors import Undefined
from experiments.finance.bgnbd import BgNbd, fit_bgnbd
from experiments.finance.buying import BuyingCounts, BuyingHistories
from experiments.finance.gamma_gamma import GammaGamma, fit_gamma_gamma
from experiments.finance.lifetime import expected_lifetime_values
from tests.reference.adapters.answers import number, part
from tests.reference.adapters.protocol import Adapter
from tests.reference.reading import Inputs, Results, dataset, same

DAYS_PER_UNIT = {"week": 7.0, "day": 1.0}
FIRST_ROWS = re.compile(r"first (\d+) rows in file order")
CONVENTION = "month i = 4.345 weeks; increments of E[X] discounted by (1+d)^i; E[M] by Gamma-Gamma"
SHOWN = 10


def bgnbd(inputs: Inputs, data: Path) -> Results:
    """The model fitted, its likelihood, or what it expects of new and known customers."""
    histories = _histories(inputs, data)
    if "params" not in inputs:
        fit = fit_bgnbd(BuyingCounts.of(**histories))
        model = None if isinstance(fit, Undefined) else fit.model
        return {
            **{name: getattr(model, name, None) for name in ("r", "alpha", "a", "b")},
            "log_likelihood": part(fit, "log_likelihood"),
        }
    model = BgNbd(**inputs["params"])
    results: dict[str, object] = {}
    times = inputs.get("times_weeks", inputs.get("times"))
    if times is not None:
        results["expected_purchases"] = [model.expected_purchases(time) for time in times]
    if not histories:
        return results
    results["p_alive"] = model.probability_alive(**histories).tolist()
    if "horizon" in inputs:
        results["conditional_expected"] = model.conditional_expected_purchases(
            inputs["horizon"], **histories
        ).tolist()
    if "dataset" in inputs:
        results["log_likelihood"] = model.log_likelihood(BuyingCounts.of(**histories))
    return results


def gamma_gamma(inputs: Inputs, data: Path) -> Results:
    """The model fitted, its likelihood, its mean, or the amounts it expects of known customers."""
    seen = _amounts(inputs, data)
    if "params" not in inputs:
        fit = fit_gamma_gamma(**seen)
        model = None if isinstance(fit, Undefined) else fit.model
        return {
            **{name: getattr(model, name, None) for name in ("p", "q", "v")},
            "mean": None if model is None else number(model.mean),
            "log_likelihood": part(fit, "log_likelihood"),
            "customers": part(fit, "customers"),
        }
    model = GammaGamma(**inputs["params"])
    results: dict[str, object] = {"mean": number(model.mean)}
    if not seen:
        return results
    expected = model.expected_amounts(**seen)
    results["expected_value"] = None if isinstance(expected, Undefined) else expected.tolist()
    if "dataset" in inputs:
        results["log_likelihood"] = model.log_likelihood(**seen)
    return results


def clv(inputs: Inputs, data: Path) -> Results:
    """Value to come of each customer without contract."""
    if inputs["convention"] != CONVENTION:
        raise ValueError(f"this convention is not known: {inputs['convention']!r}")
    found = expected_lifetime_values(
        buying=BgNbd(**inputs["bgnbd"]),
        spending=GammaGamma(**inputs["gamma_gamma"]),
        **_histories(inputs, data),
        mean_amount=_amounts(inputs, data)["mean_amount"],
        months=inputs["months"],
        monthly_discount=inputs["monthly_discount"],
    )
    if isinstance(found, Undefined):
        return {}
    values = found.tolist()
    total = sum(values)
    return {
        "values": values,
        f"first_{SHOWN}": values[:SHOWN],
        "sum": total,
        f"sum_{len(values)}": total,
    }


def rfm_summary(inputs: Inputs, data: Path) -> Results:
    """Frequency, recency, age and mean repeat amount of some customers."""
    column = inputs["customer"]
    wanted = inputs[column] if isinstance(inputs[column], list) else [inputs[column]]
    rows = dataset(inputs, data)
    (days_per_unit,) = (
        days for unit, days in DAYS_PER_UNIT.items() if inputs["unit"].startswith(unit)
    )
    found = BuyingHistories.of(
        customers=[row[column] for row in rows],
        days=[date.fromisoformat(row[inputs.get("date", "date")]) for row in rows],
        amounts=[float(row[inputs.get("monetary", "sales")]) for row in rows],
        end=date.fromisoformat(inputs["observation_end"]),
        days_per_unit=days_per_unit,
    )
    at = [
        next(row for row, customer in enumerate(found.customers) if same(customer, one))
        for one in wanted
    ]
    return {
        "frequency": found.frequency[at].tolist(),
        "recency": found.recency[at].tolist(),
        "T": found.age[at].tolist(),
        "monetary": found.mean_repeat_amount[at].tolist(),
    }


def _histories(inputs: Inputs, data: Path) -> dict[str, Any]:
    """Frequency, recency and age, where the case has them."""
    if "dataset" in inputs:
        return {name: _column(inputs, data, name) for name in ("frequency", "recency", "age")}
    if "frequency" not in inputs:
        return {}
    return {
        "frequency": inputs["frequency"],
        "recency": inputs["recency"],
        "age": inputs["T"] if "T" in inputs else inputs["age"],
    }


def _amounts(inputs: Inputs, data: Path) -> dict[str, Any]:
    """Frequency and mean amount, where the case has them."""
    if "dataset" in inputs:
        return {
            "frequency": _column(inputs, data, "frequency"),
            "mean_amount": _column(inputs, data, "monetary"),
        }
    if "frequency" not in inputs:
        return {}
    return {"frequency": inputs["frequency"], "mean_amount": inputs["mean_value"]}


def _column(inputs: Inputs, data: Path, name: str) -> list[float]:
    """A column of the data set, of its first rows where the case says how many."""
    rows = dataset(inputs, data)
    if "rows" in inputs:
        match = FIRST_ROWS.fullmatch(inputs["rows"])
        if match is None:
            raise ValueError(f"these rows are not known: {inputs['rows']!r}")
        rows = rows[: int(match[1])]
    return [float(row[inputs["columns"][name]]) for row in rows]


ADAPTERS: Mapping[str, Adapter] = {
    "bgnbd": bgnbd,
    "clv": clv,
    "gamma_gamma": gamma_gamma,
    "rfm_summary": rfm_summary,
}
