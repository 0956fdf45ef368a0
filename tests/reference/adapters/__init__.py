"""Call the library for each procedure that reference cases name, and rename what it answers.

Nothing is computed here. Where the library says that there is no number, the result is None.
Each module holds the procedures of one subject in its own `ADAPTERS`.
"""

from collections.abc import Mapping

from tests.reference.adapters import (
    compared,
    lifetime,
    margins,
    planning,
    rates,
    regression,
    sequential,
    strata,
    survival,
)
from tests.reference.adapters.protocol import Adapter

MODULES = (compared, lifetime, margins, planning, rates, regression, sequential, strata, survival)
ADAPTERS: Mapping[str, Adapter] = {
    procedure: adapter for module in MODULES for procedure, adapter in module.ADAPTERS.items()
}
