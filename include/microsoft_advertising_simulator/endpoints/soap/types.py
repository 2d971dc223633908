"""Types of XML values for `contract`: simple values, arrays, records.

Pure. As in REST, 64-bit numbers are text in plain values; a set of flags is text separated by ", ".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, TypeAlias

__all__ = [
    "BOOLEAN",
    "DATE_TIME",
    "INT",
    "LONG",
    "TEXT",
    "Array",
    "Field",
    "Kind",
    "Record",
    "Simple",
    "enumeration",
    "flags",
]

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,40}")


@dataclass(frozen=True, slots=True)
class Simple:
    """A value that is the text of one element.

    Args:
        name: Name for messages.
        read: Converts text to a plain value; raises ValueError.
        write: Converts a plain value to text.
    """

    name: str
    read: Callable[[str], object]
    write: Callable[[Any], str] = str


@dataclass(frozen=True, slots=True)
class Array:
    """An element that repeats another.

    Args:
        namespace: Namespace of the items.
        item: Local name of the items.
        of: Type of an item.
        nillable: Whether an item may be nil.
    """

    namespace: str
    item: str
    of: Kind
    nillable: bool = True


@dataclass(frozen=True, slots=True)
class Field:
    """One element of a record.

    Args:
        name: Local name, and key of the plain value.
        of: Type of the element.
        nillable: Whether it may be nil. An element that may not be nil has a `default` or always has a value.
        required: Whether a request must contain it.
        default: Value in an answer without one, if it may not be nil.
        namespace: Namespace, if it is not the record's (inherited elements).
    """

    name: str
    of: Kind
    nillable: bool = True
    required: bool = False
    default: object = None
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """A sequence of elements in a fixed order.

    Args:
        namespace: Namespace of its elements.
        fields: In the contract's order.
        types: For an abstract record: the value of the key ``Type``, by the type's name in ``i:type``.
    """

    namespace: str
    fields: tuple[Field, ...]
    types: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


Kind: TypeAlias = Simple | Array | Record


def enumeration(name: str, *values: str) -> Simple:
    """One of several words."""

    def read(text: str) -> str:
        if text not in values:
            raise ValueError(text)
        return text

    return Simple(name, read)


def flags(name: str, *values: str) -> Simple:
    """Any number of words, separated by spaces in XML and by ", " in plain values (documented)."""

    def read(text: str) -> str:
        words = text.split()
        if not set(words) <= set(values):
            raise ValueError(text)
        return ", ".join(words)

    return Simple(name, read, lambda value: str(value).replace(",", ""))


def _whole_number(bits: int) -> Callable[[str], int]:
    limit = 1 << (bits - 1)

    def read(text: str) -> int:
        digits = text.strip()
        if not _NUMBER.fullmatch(digits) or not -limit <= int(digits) < limit:
            raise ValueError(f"not a number of {bits} bits")
        return int(digits)

    return read


def _long(text: str) -> str:
    return str(_whole_number(64)(text))


def _boolean(text: str) -> bool:
    return {"true": True, "1": True, "false": False, "0": False}[text.strip()]


def _date_time(text: str) -> str:
    datetime.fromisoformat(text.strip())
    return text.strip()


TEXT: Final = Simple("string", str)
LONG: Final = Simple("long", _long)
INT: Final = Simple("int", _whole_number(32))
BOOLEAN: Final = Simple("boolean", _boolean, lambda value: "true" if value else "false")
DATE_TIME: Final = Simple("dateTime", _date_time)
