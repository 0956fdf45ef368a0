"""Read a pilot file: one TOML text from plan to value, with the files of customers and behavior.

A plan that comes as JSON or from a form is read by the same rules. Every problem is reported at
once, each with its key, in a file with its line, and what to do.
"""

import json
import posixpath
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import Field, ValidationError, field_validator, model_validator

from experiments.errors import BadInput, BadPlan
from experiments.pilot import Plan
from experiments.plan.advice import explain_syntax
from experiments.plan.mistakes import problems_of
from experiments.terms import Name, Part

ROW_NUMBER = "#row"
AnyFile = TypeVar("AnyFile", bound=Plan)
Columns = TypeVar("Columns", bound=Part)


class OtherArms(StrEnum):
    """What to do with customers whose arm the plan does not name."""

    REFUSE = "refuse"
    LEAVE_OUT = "leave_out"


class CustomersFile(Part):
    """Which file holds the customers, and what its columns mean."""

    file: Name
    customer_id: Name
    arm: Name | None = None
    other_arms: OtherArms = OtherArms.REFUSE
    attributes: tuple[Name, ...] = ()
    tier: Name | None = None
    owner: Name | None = None
    enrolled_at: Name | None = None

    @model_validator(mode="after")
    def _columns_have_one_meaning(self) -> Self:
        _refuse_twice("attribute", self.attributes)
        _refuse_two_meanings(
            (self.customer_id, self.arm, self.enrolled_at),
            (*self.attributes, self.tier, self.owner),
        )
        if self.arm is None and self.other_arms is OtherArms.LEAVE_OUT:
            raise ValueError("other_arms needs arm = ...: without it Pilotbook assigns everybody")
        return self


class BehaviorFile(Part):
    """Which file, or table of a warehouse, holds behavior, and what its columns mean.

    Wide: a column per measure, each row also an event of its own where `each_row` names a measure.
    Long: one column names the measure of its row, another holds the value; a table always is.
    """

    file: Name
    warehouse: Name | None = None
    table: Name | None = None
    customer_id: Name
    occurred_at: date | Name
    measures: tuple[Name, ...] = ()
    names: Mapping[Name, Name] = {}
    each_row: Name | None = None
    measure: Name | None = None
    value: Name | None = None
    item: Name | None = None
    event_id: Name | None = None
    source: Name | None = None
    complete: bool | date = True
    strict: bool = True

    @field_validator("complete", mode="before")
    @classmethod
    def _is_yes_no_or_a_day(cls, given: object) -> object:
        # Not left to pydantic, for which 1 is as good as true, and a number as good as a day.
        if isinstance(given, bool) or (isinstance(given, date) and not isinstance(given, datetime)):
            return given
        raise ValueError("should be true, false or a date without quotes, such as 2026-04-27")

    def complete_through(self, *, ends_on: date) -> date | None:
        """The day through which the file is declared complete; None where it is not."""
        if isinstance(self.complete, bool):
            return ends_on if self.complete else None
        return self.complete

    @property
    def recorded(self) -> tuple[str, ...]:
        """The measures of a wide file, as the ledger calls them."""
        named = tuple(self.names.get(column, column) for column in self.measures)
        return named if self.each_row is None else (*named, self.each_row)

    @model_validator(mode="before")
    @classmethod
    def _is_a_file_or_a_table(cls, given: object) -> object:
        if not isinstance(given, Mapping):
            return given
        if given.get("warehouse") is None and given.get("table") is None:
            return given
        if "file" in given:
            raise ValueError("name a file, or the warehouse and the table that hold behavior")
        return {**given, "file": given.get("table") or given["warehouse"]}

    @model_validator(mode="after")
    def _is_a_table_in_long_form(self) -> Self:
        if (self.warehouse is None) != (self.table is None):
            raise ValueError("warehouse and table go together")
        if self.table is not None and (self.measure is None or isinstance(self.occurred_at, date)):
            raise ValueError(
                "a table is read in long form: name its columns measure, value and occurred_at; "
                "of a wide one make a view"
            )
        if self.table is not None and not self.strict:
            raise ValueError("a table is read whole or not at all; remove strict = false")
        return self

    @model_validator(mode="after")
    def _is_wide_or_long(self) -> Self:
        wide = bool(self.measures) or self.each_row is not None
        if wide == (self.measure is not None):
            raise ValueError(
                "name measures = [...] (wide, a column per measure), or each_row (every row is one "
                "event), or measure and value (long)"
            )
        if (self.measure is None) != (self.value is None):
            raise ValueError("measure and value go together (long form)")
        for column in self.names:
            if column not in self.measures:
                raise ValueError(
                    f"names says how column {column!r} is called in the ledger; list the column in "
                    f"measures too"
                )
        twice = [name for name in self.recorded if self.recorded.count(name) > 1]
        if twice and len(set(self.measures)) == len(self.measures):
            raise ValueError(f"measure {twice[0]!r} is recorded twice; see names and each_row")
        return self

    @model_validator(mode="after")
    def _columns_have_one_meaning(self) -> Self:
        _refuse_twice("measure", self.measures)
        _refuse_two_meanings(
            (*self.measures, self.value, self.occurred_at),
            (self.customer_id, self.measure, self.item, self.event_id, self.source),
        )
        return self


def _refuse_twice(what: str, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{what} {twice[0]!r} is named twice")


def _refuse_two_meanings(
    strict: Sequence[str | date | None], others: Sequence[str | date | None]
) -> None:
    """No column of the first kind may have a second meaning, of either kind."""
    named = [name for name in (*strict, *others) if name is not None]
    twice = [name for name in strict if name is not None and named.count(name) > 1]
    if twice:
        raise ValueError(f"column {twice[0]!r} has two meanings; name another column for one")


class PlanFile(Plan):
    """A plan, and what it may say of the files of customers and behavior."""

    customers: CustomersFile | None = None
    behavior: tuple[BehaviorFile, ...] = ()

    @model_validator(mode="after")
    def _outcomes_are_not_known_before(self) -> Self:
        """An outcome among the attributes would lie beside the arm while outcomes are veiled."""
        source = self.customers
        if source is None:
            return self
        attributes = [
            name for name in (*source.attributes, source.tier, source.owner) if name is not None
        ]
        for behavior in self.behavior:
            if posixpath.normpath(behavior.file) != posixpath.normpath(source.file):
                continue
            day = behavior.occurred_at
            if isinstance(day, date) and day < self.pilot.starts_on:
                continue  # what happened before the pilot may be both history and attribute
            both = [name for name in attributes if name in (*behavior.measures, behavior.value)]
            if both:
                raise ValueError(
                    f"column {both[0]!r} of {source.file!r} is behavior, so that it cannot be an "
                    f"attribute, tier or owner, which must be known before the pilot; remove it "
                    f"from [customers], or from [[behavior]]"
                )
        return self

    def plan(self) -> Plan:
        """The plan alone, as a web form or the API would have filled it."""
        return Plan.model_construct(**{name: getattr(self, name) for name in Plan.model_fields})


class PilotFile(PlanFile):
    """A plan together with the files that `pilotbook run` takes in."""

    customers: CustomersFile
    behavior: Annotated[tuple[BehaviorFile, ...], Field(min_length=1)]


def read_pilot_file(path: Path) -> PilotFile:
    """Read and check a pilot file.

    Raises:
        BadPlan: The file is missing, is not TOML, or says something that does not hold together.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise BadPlan(f"There is no pilot file {path}; check the path.") from None
    except IsADirectoryError:
        raise BadPlan(f"{path} is a folder; name the pilot file inside it.") from None
    except OSError as error:
        raise BadPlan(
            f"The pilot file {path} cannot be read ({error.strerror}); check the path, and who may "
            f"read it."
        ) from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise BadPlan(
            f"{path.name} is not UTF-8 text (line {line}); save it as UTF-8 and try again."
        ) from None
    return parse_pilot_file(text, name=path.name)


def parse_pilot_file(text: str, *, name: str = "pilot file") -> PilotFile:
    """Read and check the text of a pilot file; `name` is how messages call it.

    Raises:
        BadPlan: As `read_pilot_file`.
    """
    return _parse_toml(PilotFile, text, name)


def parse_plan_file(text: str, *, name: str = "pilot file") -> PlanFile:
    """Read and check the text of a pilot file that need not name files of customers and behavior.

    Raises:
        BadPlan: As `read_pilot_file`.
    """
    return _parse_toml(PlanFile, text, name)


def parse_plan(given: Mapping[str, Any]) -> PlanFile:
    """Read and check a plan given as keys and values, as a form or a draft has it.

    Raises:
        BadPlan: Each problem with its key, such as `metrics[2].kind`.
    """
    try:
        return PlanFile.model_validate(given)
    except ValidationError as error:
        raise _refused("", "The plan", error) from None


def parse_plan_json(text: str | bytes) -> PlanFile:
    """Read and check a plan written as JSON; its numbers are exact.

    Raises:
        BadPlan: It is not a JSON object, or as `parse_plan`.
    """
    try:
        given = json.loads(text, parse_float=Decimal)
        json.dumps(given, default=str, ensure_ascii=False).encode()  # half a character fails here
    except (ValueError, RecursionError) as error:
        raise BadPlan(f"The plan is not valid JSON: {error}.") from None
    if not isinstance(given, dict):
        raise BadPlan("A plan is a JSON object with pilot, design, metrics and value.")
    return parse_plan(given)


def read_columns(kind: type[Columns], given: Mapping[str, Any], *, name: str) -> Columns:
    """Read and check what the columns of a file mean, given as keys and values.

    Args:
        kind: `CustomersFile` or `BehaviorFile`.
        given: Its keys without `file`; days as dates.
        name: What the file is called.

    Raises:
        BadInput: Each problem with its key.
    """
    try:
        return kind.model_validate({**given, "file": name})
    except ValidationError as error:
        problems = problems_of("", error.errors(include_url=False), keys=PilotFile)
        raise BadInput(f"{name} cannot be read as described:", problems) from None


def _parse_toml(kind: type[AnyFile], text: str, name: str) -> AnyFile:
    try:
        # Decimals, so that 0.1 in the file is a tenth and not a binary neighbour of it.
        given = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise BadPlan(f"{name} is not valid TOML: {explain_syntax(text, str(error))}.") from None
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise _refused(text, name, error) from None


def _refused(text: str, name: str, error: ValidationError) -> BadPlan:
    problems = problems_of(text, error.errors(include_url=False), keys=PilotFile)
    return BadPlan(f"{name} has {_count(len(problems))}:", problems)


def _count(problems: int) -> str:
    return "a problem" if problems == 1 else f"{problems} problems"
