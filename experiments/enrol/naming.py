"""Which attributes say who somebody is? They stand on lists, and in no analysis.

A phone is a number and has no mean worth comparing; a text of which everybody has one of their own
parts nobody into groups. Whoever reads accounts may not see ids, and should not see these either.
"""

import re
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from experiments.enrol.customers import Customers, levels_of
from experiments.intake.number import looks_numeric
from experiments.intake.preview import words_of
from experiments.pilot import Plan

# Words as `words_of` gives them, in English, German, Polish, French and Spanish.
PRIVATE: Final = re.compile(
    "(first|last|sur|vor|nach)?name|imie|nazwisko|(pre)?nom|nombre|apellidos?|e?mailaddress|email|"
    "(mobile|tele)?(phone|fono?)(number|nummer|numero)?|tel|mobile|mobil|handy|komorka|movil|"
    "address|adresse|adres|direccion|street|strasse|ulica|rue|calle|birth(day|date)|dateofbirth|"
    "dob|geburts(tag|datum)|dataurodzenia|passport|reisepass|paszport|iban|pesel|ssn|nif|dni"
)
MOSTLY: Final = 0.9  # of the customers of whom something is known
FEWEST: Final = 5  # customers, of fewer of whom nothing can be told
MANY: Final = 20  # different texts
# Digits of a whole number that counts nothing: where the name says so, and where it does not.
LONG_NAMED: Final = 5
LONG: Final = 8


def personal_attributes(customers: Customers, *, planned: frozenset[str]) -> tuple[str, ...]:
    """The attributes that say who somebody is, but for those that the plan asks for.

    Args:
        customers: As read.
        planned: What the plan does something with.
    """
    found = []
    for at, name in enumerate(customers.attributes):
        column = customers.rows[f"attribute_{at}"]
        known = len(column) - column.null_count
        if name not in planned and says_who(name, levels_of(column), known=known):
            found.append(name)
    return tuple(found)


def planned_attributes(plan: Plan, *, tier: str | None) -> frozenset[str]:
    """The attributes that a plan, as drawn, does something with; and the tier."""
    names = {
        *(name for metric in plan.metrics for name in metric.covariates),
        *(segment.attribute for segment in plan.segments),
        *plan.design.strata,
        plan.design.cluster,
        tier,
    }
    return frozenset(name for name in names if name is not None)


def says_who(name: str, values: pa.Array, *, known: int) -> bool:
    """Whether an attribute says who somebody is, by its name and values.

    Args:
        name: Of its column.
        values: Each once.
        known: How many customers have one.

    Example:
        >>> phones = pa.array([str(491700000000 + at) for at in range(9)])
        >>> says_who("contact", phones, known=9)
        True
        >>> says_who("age", pa.array(["31", "47", "52"]), known=9)
        False
    """
    if known < FEWEST:
        return False
    words = words_of(name)
    is_private = any(map(PRIVATE.fullmatch, (*words, "".join(words))))
    is_own = len(values) >= MOSTLY * known
    digits = LONG_NAMED if is_private else LONG
    whole = pc.match_substring_regex(values, rf"^\+?[0-9]{{{digits},}}$")
    if float(pc.mean(whole).as_py()) >= MOSTLY:
        return is_own or is_private
    return not looks_numeric(values) and (is_own or (is_private and len(values) > MANY))
