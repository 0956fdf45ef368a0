"""Which measure does a column hold, by the words of its name?"""

import re
from collections.abc import Collection

from experiments.enrol.guess import plain
from experiments.intake.preview import Column, words_of

MONEY = re.compile(
    "value|amount|revenue|sales|total|price|turnover|betrag|wert|umsatz|summe|kwota|wartosc|"
    "przychod|montant|valeur|importe|monto|valor|ingresos"
)
# Words beside the measure's own that do not change what is meant.
_CURRENCY = "eur(os?)?|usd|dollars?|gbp|chf|pln|zl|czk|sek|nok|dkk|net|gross|netto|brutto|in"
_AMOUNT = "value|amount|total|sum|betrag|wert|summe|kwota|montant|importe"
_COUNT = "count|number|of|total|anzahl|liczba|nombre|de|numero"


def measure_called(column: Column, known: Collection[str]) -> str | None:
    """The one known measure that a column's name means; None where there is none, or a doubt.

    Example:
        >>> from experiments.intake.preview import Looks
        >>> column = Column("Revenue EUR", Looks.NUMBER, False, 0.0, 900, ())
        >>> measure_called(column, {"revenue", "order"})
        'revenue'
    """
    for fits in (_same, _same_words, _both_money):
        found = [measure for measure in known if fits(column, measure)]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def things_alike(words: Collection[str], measure: str) -> bool:
    """Whether words name what a measure counts, such as the order of "Order no"."""
    return {*map(_singular, words)} >= {*map(_singular, words_of(measure))} > set()


def is_money(name: str) -> bool:
    """Whether a measure's name says money."""
    return any(map(MONEY.fullmatch, words_of(name)))


def _same(column: Column, measure: str) -> bool:
    return plain(column.name) == plain(measure)


def _same_words(column: Column, measure: str) -> bool:
    """Whether the name is the measure's, with nothing beside it but a unit or "number of"."""
    if not things_alike(column.words, measure):
        return False
    own = {*map(_singular, words_of(measure))}
    beside = [word for word in column.words if _singular(word) not in own]
    allowed = re.compile(f"{_CURRENCY}|{_AMOUNT if is_money(measure) else _COUNT}")
    return all(map(allowed.fullmatch, beside))


def _both_money(column: Column, measure: str) -> bool:
    return is_money(measure) and any(map(MONEY.fullmatch, column.words))


def _singular(word: str) -> str:
    return word.removesuffix("s")
