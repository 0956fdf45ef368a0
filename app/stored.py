"""Frozen values to JSON text in the registry, and back."""

from typing import TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


def to_text(value: object) -> str:
    """A dataclass as JSON text."""
    return TypeAdapter(type(value)).dump_json(value).decode()


def from_text(kind: type[T], text: str) -> T:
    """The dataclass that `to_text` wrote."""
    return TypeAdapter(kind).validate_json(text)
