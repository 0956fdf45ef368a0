"""Planning: power, customers needed and the smallest effect that is found."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.stats.estimate import Alternative
from experiments.stats.power import (
    NormalTest,
    RateTest,
    TTest,
    TwoGroupTest,
    arcsine_effect,
    customers_for,
    effect_for,
    treatment_for,
)
from tests.reference.adapters.answers import number
from tests.reference.adapters.protocol import Adapter
from tests.reference.reading import Inputs, Results

EFFECTS = ("d", "h", "delta", "effect", "mean_difference", "effect_size")
SIZES = ("n_per_group", "n")
PAIRS = (("n1", "n2"), ("n_control", "n_treatment"), ("n_c", "n_t"))


def power_analysis(inputs: Inputs, data: Path) -> Results:
    """Power, size or effect: whichever of the three the case leaves out."""
    text = str(inputs["test"]).lower()
    effect = _effect(inputs, text)
    test = _test(inputs, text, effect)
    treatment, control = _groups(inputs)
    if "power" not in inputs:
        if effect is None or treatment is None or control is None:
            raise ValueError(f"no effect or size in {dict(inputs)}")
        found = test.power(effect, treatment=treatment, control=control)
        return {"power": number(found)}
    power = inputs["power"]
    if effect is None:
        if treatment is None or control is None:
            raise ValueError(f"no effect and no size in {dict(inputs)}")
        down = "p2 < p1" in str(inputs.get("asked", ""))
        found = effect_for(test, treatment=treatment, control=control, power=power, down=down)
        return _smallest(inputs, number(found))
    if control is not None:
        other = number(treatment_for(test, effect=effect, control=control, power=power))
        return dict.fromkeys(("n2", "n_treatment", "n_t"), other)
    ratio = inputs.get("ratio", 1.0)
    size = number(customers_for(test, effect=effect, power=power, ratio=ratio))
    return dict.fromkeys(("n_per_group", "n", "n1", "n_control", "n_c", "nobs1"), size)


def _smallest(inputs: Inputs, effect: float | None) -> Results:
    names = ("mde", "mde_d", "d", "delta", "h", "effect", "effect_size")
    base = _base(inputs)
    lifted = None if effect is None or base is None else base + effect
    return {**dict.fromkeys(names, effect), "p2": lifted, "p_treatment": lifted}


def _test(inputs: Inputs, text: str, effect: float | None) -> TwoGroupTest:
    level: dict[str, Any] = {
        "alpha": inputs.get("alpha", 0.05),
        "alternative": _alternative(inputs, text, effect),
    }
    if "strict" in inputs:
        level["both_tails"] = inputs["strict"]
    if "arcsine" in text or (re.search(r"\bz\b", text) and "proportion" not in text):
        return NormalTest(**level)
    if "proportion" in text:
        base = _base(inputs)
        if base is None:
            raise ValueError(f"no rate without the effect in {dict(inputs)}")
        pooled = bool(re.search(r"\bpooled", text)) or "unpooled" not in text
        return RateTest(control_rate=base, pooled=pooled, **level)
    if re.search(r"\bt\b", text) and not re.search(r"paired|one-sample|one sample", text):
        in_units = "sd units" not in str(inputs.get("asked", ""))
        return TTest(sd=inputs.get("sd", 1.0) if in_units else 1.0, **level)
    raise ValueError(f"this test is not known: {inputs['test']!r}")


def _alternative(inputs: Inputs, text: str, effect: float | None) -> Alternative:
    said = str(inputs.get("alternative", text)).lower()
    for word in ("less", "greater"):
        if word in said:
            return Alternative(word)
    if re.search(r"one[- .]?sided", said) or inputs.get("sided") == 1:
        is_down = effect is not None and effect < 0
        return Alternative.LESS if is_down else Alternative.GREATER
    return Alternative.TWO_SIDED


def _effect(inputs: Inputs, text: str) -> float | None:
    base, lifted = _base(inputs), inputs.get("p2", inputs.get("p_treatment"))
    if base is not None and lifted is not None:
        if "arcsine" in text:
            return arcsine_effect(treatment_rate=lifted, control_rate=base)
        return float(lifted - base)
    return next((float(inputs[name]) for name in EFFECTS if name in inputs), None)


def _base(inputs: Inputs) -> float | None:
    found = inputs.get("p1", inputs.get("p_control"))
    return None if found is None else float(found)


def _groups(inputs: Inputs) -> tuple[float | None, float | None]:
    """Customers of treatment and control; the control's alone where one size is given."""
    for name in SIZES:
        if name in inputs:
            return float(inputs[name]), float(inputs[name])
    for control, treatment in PAIRS:
        if control in inputs and treatment in inputs:
            return float(inputs[treatment]), float(inputs[control])
        for only in (control, treatment):
            if only in inputs:
                return None, float(inputs[only])
    return None, None


ADAPTERS: Mapping[str, Adapter] = {"power_analysis": power_analysis}
