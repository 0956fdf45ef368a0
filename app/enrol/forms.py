"""What arrives about customers: the query of a call, and the forms of the enrol page."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from app.plan.draft import draft_of
from app.tables import PilotRow
from app.web.columns import PLAN_WORDS, chosen_meanings
from experiments.enrol.clusters import cluster_attribute
from experiments.enrol.guess import CustomerMeaning, CustomersGuess, customers_file
from experiments.errors import BadInput, Problem
from experiments.pilot import Plan
from experiments.plan.pilot_file import CustomersFile, OtherArms, read_columns

LARGEST_SEED: Final = 2**63 - 1
MEANINGS: Final = (
    ("", "Leave out"),
    (CustomerMeaning.CUSTOMER_ID.value, "Customer id"),
    (CustomerMeaning.ARM.value, "Group"),
    (CustomerMeaning.ATTRIBUTE.value, "Known before"),
    (CustomerMeaning.TIER.value, "Value tier"),
    (CustomerMeaning.OWNER.value, "Who looks after them"),
    (CustomerMeaning.ENROLLED_AT.value, "Day of joining"),
)


class CustomersQuery(BaseModel):
    """What the columns of a file of customers mean; the keys of `[customers]`.

    What is left out is as the pilot file said, if the plan came as one.
    """

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(default=None, max_length=200)
    customer_id: str | None = Field(
        default=None, max_length=128, description="Column, or `#row`.", examples=["customer_id"]
    )
    arm: str | None = Field(
        default=None, max_length=128, description="Column with groups that were already drawn."
    )
    other_arms: OtherArms | None = Field(
        default=None, description="What to do with customers of groups that the plan lacks."
    )
    attributes: list[str] = Field(
        default=[], max_length=200, description="Columns known before the pilot; may repeat."
    )
    tier: str | None = Field(default=None, max_length=128)
    owner: str | None = Field(default=None, max_length=128)
    enrolled_at: str | None = Field(default=None, max_length=128)

    def columns(self, *, file: str, pilot: PilotRow) -> CustomersFile:
        """What the columns mean, completed by the pilot file.

        Raises:
            BadInput: Names each key at fault.
        """
        said = self.model_dump(exclude={"name"}, exclude_none=True, exclude_defaults=True)
        return read_columns(CustomersFile, {**said_before(pilot), **said}, name=file)


class DrawBody(BaseModel):
    """How the groups are drawn.

    Attributes:
        seed: The same seed draws the same groups again; drawn by the server where left out.
        strata: Attributes within whose values the groups are drawn; may be empty.
    """

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"seed": 2026, "strata": ["tier"]}]}
    )

    seed: int | None = Field(default=None, ge=0, le=LARGEST_SEED, strict=True)
    strata: list[str] = Field(default=[], max_length=20)


# Keys of files and plans inside a sentence, in the words of the screen; the longer ones first.
WORDS: Final = {**PLAN_WORDS, **{value: label for value, label in MEANINGS if value}}
MOST_COLUMNS_NAMED: Final = 20


def said_before(pilot: PilotRow) -> Mapping[str, Any]:
    """What the pilot file said of the customers' columns; empty where there was none."""
    said = draft_of(pilot).given.get("customers")
    return {key: value for key, value in said.items() if key != "file"} if said else {}


def guessed(pilot: PilotRow, guess: CustomersGuess) -> dict[str, str]:
    """The first state of the form: as the pilot file says where its columns are there."""
    names = [column.column for column in guess.columns]
    said = said_before(pilot)
    by_column = {
        column: key
        for key, value in said.items()
        if key != "other_arms"
        for column in (value if isinstance(value, list) else [value])
    }
    fits = bool(by_column) and by_column.keys() <= set(names)
    meanings = [
        by_column.get(one.column, "") if fits else _shown(one.meaning) for one in guess.columns
    ]
    form = {f"meaning-{at}": meaning for at, meaning in enumerate(meanings)}
    left_out = said.get("other_arms") == OtherArms.LEAVE_OUT
    return {**form, "other_arms": str(OtherArms.LEAVE_OUT if left_out else OtherArms.REFUSE)}


def lacking(plan: Plan, columns: Sequence[str], *, file: str) -> str:
    """What the plan needs and no column of the file bears, in a sentence; "" where all is there.

    Args:
        plan: Frozen, so that only a copy of it can be mended.
        columns: Of the file.
        file: Its name.
    """
    cluster = cluster_attribute(plan)
    needed = [
        *([("What belongs together", cluster)] if cluster is not None else []),
        *(("Even out by", name) for name in plan.design.strata),
        *(("Compare at equal", name) for metric in plan.metrics for name in metric.covariates),
        *(("Look at some customers apart", segment.attribute) for segment in plan.segments),
    ]
    missing = [(label, name) for label, name in needed if name not in columns]
    if not missing:
        return ""
    names = list(dict.fromkeys(name for _, name in missing))
    labels = list(dict.fromkeys(label for label, _ in missing))
    none_of = "is no column" if len(names) == 1 else "are no columns"
    more = len(columns) - MOST_COLUMNS_NAMED
    listed = ", ".join(columns[:MOST_COLUMNS_NAMED]) + (f" and {more} more" if more > 0 else "")
    return (
        f"The plan needs {_quoted(names)}, which {none_of} of {file}: it has {listed}. Nobody is "
        f"enrolled yet: copy the plan, correct {_quoted(labels)}, freeze it, and leave this one."
    )


def typed_columns(typed: Mapping[str, Any], names: Sequence[str], *, file: str) -> CustomersFile:
    """What a person said of the columns.

    Raises:
        BadInput: Names each column at fault.
    """
    meanings = chosen_meanings(typed, names, CustomerMeaning)
    leave = typed.get("other_arms") == OtherArms.LEAVE_OUT
    # Asked of everybody, it says nothing where no column holds groups.
    has_arms = CustomerMeaning.ARM in meanings.values()
    other = OtherArms.LEAVE_OUT if leave and has_arms else OtherArms.REFUSE
    return customers_file(file, meanings, other_arms=other)


def typed_seed(text: str) -> int:
    """A seed.

    Raises:
        BadInput: It is no whole number of the right size.
    """
    said = text.strip()
    if not (said.isascii() and said.isdecimal()) or not 0 <= int(said[:20]) <= LARGEST_SEED:
        raise BadInput(
            "The groups were not drawn.",
            [Problem("seed", "should be a whole number, 0 or more, of at most 18 digits")],
        )
    return int(said)


def _quoted(names: Sequence[str]) -> str:
    said = [f"“{name}”" for name in names]
    return " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)


def _shown(meaning: CustomerMeaning) -> str:
    return "" if meaning is CustomerMeaning.IGNORE else meaning.value
