"""Columns: those that the files of a table share, and finding the one that an export file means."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

import pyarrow as pa

from include.errors import ConfigurationError

__all__ = [
    "Columns",
    "find_column",
    "find_id_column",
    "has_column",
    "holds_addresses",
    "is_decimal",
    "is_text",
    "merge_columns",
    "name_key",
    "repeated",
    "resolve_column",
    "shown_line",
]

_NAMES_SHOWN = 30
_LENGTH_SHOWN = 40
_LINE_SHOWN = 100
_DECIMAL_BITS = 128
_TEXT = (pa.string(), pa.large_string(), pa.string_view(), pa.null())
_LISTS = (pa.ListType, pa.LargeListType, pa.ListViewType, pa.LargeListViewType, pa.FixedSizeListType)
# A header that is missing makes the first row's values into names: these are not shown.
_LOOKS_LIKE_A_VALUE = re.compile(r"[@\uff20\ufe6b]|%40|^[0-9a-fA-F]{32,}$|^[0-9 .,:+/-]{4,}$|^$")


class Columns(dict[str, pa.DataType]):
    """Names and types of a table's columns, in the order of its first file.

    Attributes:
        faults: Why a column cannot be used in spite of being there, by its name.
        origin: Where a text file has the names from, as a sentence for whoever misses one; empty elsewhere.
    """

    def __init__(
        self, types: Mapping[str, pa.DataType], faults: Mapping[str, str] | None = None, origin: str = ""
    ) -> None:
        super().__init__(types)
        self.faults = dict(faults or {})
        self.origin = origin


def merge_columns(files: Mapping[str, Mapping[str, pa.DataType]]) -> Columns:
    """The columns of all files together, each with a type that holds the values of every file.

    What a file lacks, or has as another kind of value (text here, numbers there), is noted as a fault.

    Args:
        files: Columns of each file, by where it lies; those that are `Columns` with faults of their own.
    """
    types: dict[str, pa.DataType] = {}
    faults: dict[str, str] = {}
    for where, columns in files.items():
        for name, fault in getattr(columns, "faults", {}).items():
            faults.setdefault(name, f"{fault} in {where}")
        for name, kind in columns.items():
            merged = _common(types.get(name, kind), kind)
            if merged is None:
                faults.setdefault(
                    name, f"holds {kind} in {where}, not {_words(types[name])} as in other files"
                )
            else:
                types[name] = merged
    for where, columns in files.items():
        for name in types:
            if name not in columns:
                faults.setdefault(
                    name, f"is missing in {where}, though other files of the table have it{_seen(columns)}"
                )
    return Columns(types, faults, next(filter(None, map(_origin, files.values())), ""))


def _origin(columns: Mapping[str, pa.DataType]) -> str:
    return getattr(columns, "origin", "")


def _seen(columns: Mapping[str, pa.DataType]) -> str:
    return f". {origin.removesuffix('.')}" if (origin := _origin(columns)) else ""


def _common(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """The type that holds the values of both; None if there is none."""
    if one == other:
        return one
    if is_text(one) != is_text(other) and pa.null() not in (one, other):
        return None  # Arrow would take text beside bytes for bytes
    schemas = [pa.schema([("", _unified(kind))]) for kind in (one, other)]
    try:
        return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except pa.ArrowException:
        return None


def _unified(kind: pa.DataType) -> pa.DataType:
    """The type, with one and the same for every kind of text and of list."""
    if is_text(kind):
        return pa.null() if kind == pa.null() else pa.string()
    if isinstance(kind, _LISTS):
        return pa.list_(_unified(kind.value_type))
    return kind


def _words(kind: pa.DataType) -> str:
    return "text" if is_text(kind) else str(kind)


def repeated(names: Iterable[str]) -> list[str]:
    """Names that stand more than once, each once, in order of their first places."""
    return [name for name, count in Counter(names).items() if count > 1]


def is_text(kind: pa.DataType) -> bool:
    """Whether values of a type are text; a column without any value counts as such."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return kind in _TEXT


def is_decimal(kind: pa.DataType) -> bool:
    """Whether values of a type are decimal numbers of up to 38 digits; polars knows no longer ones."""
    return bool(pa.types.is_decimal(kind) and kind.bit_width <= _DECIMAL_BITS)


def holds_addresses(kind: pa.DataType) -> bool:
    """Whether a column of a type may hold addresses: text, or lists of text."""
    return is_text(kind) or (isinstance(kind, _LISTS) and is_text(kind.value_type))


def has_column(columns: Mapping[str, pa.DataType], wanted: str) -> bool:
    """Whether there is a column that may be meant, as `find_column` compares names."""
    key = name_key(wanted)
    return any(name_key(name) == key for name in columns)


def find_column(columns: Mapping[str, pa.DataType], wanted: str, key: str = "email") -> str:
    """The column that is meant, as the table spells it; another case or outer spaces do not matter.

    Args:
        columns: Of the table.
        wanted: The name in the export file.
        key: Where it stands there, for the message.

    Raises:
        ConfigurationError: There is none, there are several, or not every file has it as the same kind of value.
    """
    name = _find(columns, wanted, key)
    if fault := getattr(columns, "faults", {}).get(name):
        raise ConfigurationError(
            f"The column {name!r} {fault}. Name another one as `{key}` in the export file, or let what writes the "
            "table write every file with the same columns."
        )
    return name


def resolve_column(columns: Mapping[str, pa.DataType], wanted: str, key: str = "email") -> str:
    """The column with addresses that is meant: found as `find_column` does, and it must hold text or lists of it.

    Raises:
        ConfigurationError: As `find_column`, or it holds something else.
    """
    name = find_column(columns, wanted, key)
    if not holds_addresses(columns[name]):
        raise ConfigurationError(
            f"The column {name!r} holds {columns[name]}, not text. Name the column with the e-mail addresses as "
            f"`{key}` in the export file, or let what writes the table write it as text."
        )
    return name


def find_id_column(columns: Mapping[str, pa.DataType], wanted: str, key: str) -> str:
    """The column with ids that is meant: found as `find_column` does, and it must hold text or whole numbers.

    Raises:
        ConfigurationError: As `find_column`, or it holds something else.
    """
    name = find_column(columns, wanted, key)
    kind = columns[name]
    if is_text(kind) or pa.types.is_integer(kind) or (is_decimal(kind) and kind.scale == 0):
        return name
    raise ConfigurationError(
        f"The column {name!r} holds {kind}, which cannot be compared with other ids. Name a column of text "
        f"or whole numbers as `{key}` in the export file."
    )


def _find(columns: Mapping[str, pa.DataType], wanted: str, key: str) -> str:
    if wanted in columns:
        return wanted
    meant = name_key(wanted)
    alike = [name for name in columns if name_key(name) == meant]
    if len(alike) == 1:
        return alike[0]
    if alike:
        raise ConfigurationError(
            f"The column {wanted!r} could be {' or '.join(map(repr, alike))}. Write the one that is meant as "
            f"`{key}` in the export file, in the same case."
        )
    shown = {name_key(name): name for name in columns if _is_a_name(name)}
    near = get_close_matches(meant, shown, 1)
    hint = f" Did you mean {shown[near[0]]!r}?" if near else ""
    raise ConfigurationError(
        f"The table has no column {wanted!r}.{hint} It has: {_listed(columns)}. Correct `{key}` in the export file. "
        f"{_origin(columns)}".rstrip()
    )


def name_key(name: str) -> str:
    """What two names have in common that mean the same column.

    Case and outer spaces do not count, nor whether letters and their accents are in one piece or in two, as macOS
    writes them.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).strip().casefold())


def shown_line(values: Iterable[str], delimiter: str) -> str:
    """The values of a line for messages, without those that may be personal."""
    shown = [value if not value.strip() or _is_a_name(value) else "[a value]" for value in values]
    return delimiter.join(shown).rstrip(f" {delimiter}")[:_LINE_SHOWN]


def _is_a_name(name: str) -> bool:
    return not _LOOKS_LIKE_A_VALUE.search(name)


def _listed(columns: Mapping[str, pa.DataType]) -> str:
    names = [name[:_LENGTH_SHOWN] if _is_a_name(name) else "[a value]" for name in columns]
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return (", ".join(names[:_NAMES_SHOWN]) or "none") + more
