"""What all tables share: names of constraints, so that migrations can be undone anywhere."""

from enum import StrEnum

from sqlmodel import SQLModel

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Table(SQLModel):
    """Parent of every table."""


def one_of(column: str, choices: type[StrEnum]) -> str:
    """The condition of a CHECK: text instead of an ENUM, which PostgreSQL keeps after a downgrade.

    Example:
        >>> class Side(StrEnum):
        ...     LEFT = "left"
        ...     RIGHT = "right"
        >>> one_of("side", Side)
        "side in ('left', 'right')"
    """
    return f"{column} in ({', '.join(repr(choice.value) for choice in choices)})"
