"""Compare arms from a notebook: a table with a row per customer in, a table of effects out.

Data frames (pandas, Polars), Arrow tables and Ibis tables are taken as they are; an Ibis table is
added up where it lies, so that only sums come back. The estimators are those of the verdicts:
Welch for means, Newcombe and the pooled z test for rates, the delta method for ratios, Lin for
covariates, Fieller for lifts. A plan, and its veil, are not known here.

    >>> from experiments.notebook import compare
    >>> customers = {
    ...     "arm": ["mail", "mail", "mail", "mail", "none", "none", "none", "none"],
    ...     "spend": [12.5, 0, 31, 18, 8, 0, 14, 10],
    ...     "bought": [1, 0, 1, 1, 1, 0, 1, 1],
    ... }
    >>> effects = compare(customers, arm="arm", control="none",
    ...     metrics={"spend": "mean", "bought": "rate"})
    >>> effects
    metric  method    customers  treatment  control  effect  95 % interval      p       lift
    spend   welch     4 : 4      15.38      8.000    7.375   -11.88 to 26.63    0.3530  +92.2%
    bought  newcombe  4 : 4      0.7500     0.7500   0.000   -0.4937 to 0.4937  1.0000  +0.0%
    Treatment minus control, from exact sums.

    >>> effects[0].difference.value, effects.to_arrow().num_rows
    (7.375, 2)
"""

from experiments.notebook.comparing import Kind, compare
from experiments.notebook.effects import Effect, Effects

__all__ = ["Effect", "Effects", "Kind", "compare"]
