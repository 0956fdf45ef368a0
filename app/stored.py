"""Frozen values to JSON text in the registry, and back."""

from typing import Any, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")
_adapters: dict[type, TypeAdapter[Any]] = {}


def to_text(value: object) -> str:
    """A dataclass as JSON text."""
    return _adapter(type(value)).dump_json(value).decode()


def from_text(kind: type[T], text: str) -> T:
    """The dataclass that `to_text` wrote."""
    found: T = _adapter(kind).validate_json(text)
    return found


def _adapter(kind: type) -> TypeAdapter[Any]:
    """Made once for each kind, which takes longer than to read a value."""
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]
