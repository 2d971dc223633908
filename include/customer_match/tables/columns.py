"""Columns: those that the files of a table share, and finding the one that an export file means."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import partial

import pyarrow as pa

from customer_match.errors import ConfigurationError
from customer_match.redaction import may_be_address

__all__ = [
    "Columns",
    "described",
    "find_column",
    "find_id_column",
    "has_column",
    "holds_addresses",
    "holds_nothing",
    "is_bytes",
    "is_decimal",
    "is_text",
    "is_uuid",
    "merge_columns",
    "name_key",
    "repeated",
    "resolve_column",
    "shown_line",
]

_NAMES_SHOWN = 30
_LENGTH_SHOWN = 40
_LINE_SHOWN = 100
_TYPE_SHOWN = 120
_DECIMAL_BITS = 128
_UUID_BYTES = 16
_TEXT = (pa.string(), pa.large_string(), pa.string_view(), pa.null())
_BYTES = (pa.binary(), pa.large_binary(), pa.binary_view())  # text of old writers, and of Parquet's ENUM
_LISTS = (pa.ListType, pa.LargeListType, pa.ListViewType, pa.LargeListViewType, pa.FixedSizeListType)
# A header that is missing makes the first row's values into names: these are not shown.
_LOOKS_LIKE_A_VALUE = re.compile(r"^[0-9a-fA-F]{32,}$|^[0-9 .,:+/-]{4,}$|^$")


Look = Callable[[], tuple[pa.DataType, str]]
"""Finds out the type of a column and what is wrong with it; empty if nothing is."""


class Columns(dict[str, pa.DataType]):
    """Names and types of a table's columns, in the order of its first file.

    Attributes:
        faults: Why a column cannot be used in spite of being there, by its name.
        origin: Where a text file has the names from, as a sentence for whoever misses one; empty elsewhere.
        looks: Columns whose type and fault only a look into the files tells, which is taken when one is asked for.
        holds_nothing: Whether a column has no value in any row of the table, as far as that can be told.
    """

    def __init__(
        self, types: Mapping[str, pa.DataType], faults: Mapping[str, str] | None = None, origin: str = ""
    ) -> None:
        super().__init__(types)
        self.faults = dict(faults or {})
        self.origin = origin
        self.looks: dict[str, Look] = {}
        self.holds_nothing: Callable[[str], bool] = lambda name: self.get(name) == pa.null()

    def settle(self, name: str) -> None:
        """Take the look that tells a column's type, if one is needed."""
        if look := self.looks.pop(name, None):
            self[name], fault = look()
            if fault:
                self.faults.setdefault(name, fault)


def merge_columns(
    files: Mapping[str, Mapping[str, pa.DataType]],
    holds_nothing: Callable[[str, str], bool] | None = None,
) -> Columns:
    """The columns of all files together, each with a type that holds the values of every file.

    What a file lacks, or has as another kind of value (text here, numbers there), is noted as a fault.

    Args:
        files: Columns of each file, by where it lies; those that are `Columns` with faults of their own.
        holds_nothing: Whether a column of a file (where it lies, name) has no value in any row; then its type there
            does not count. Asked only for columns whose types differ, when they are asked for; None: nobody knows.
    """
    kinds: dict[str, dict[str, pa.DataType]] = {}
    merged = Columns({}, origin=next(filter(None, map(_origin, files.values())), ""))
    for where, columns in files.items():
        for name in list(getattr(columns, "looks", ())):
            columns.settle(name)  # type: ignore[attr-defined]  # it has looks
        for name, fault in getattr(columns, "faults", {}).items():
            merged.faults.setdefault(name, f"{fault} in {where}")
        for name, kind in columns.items():
            kinds.setdefault(name, {})[where] = kind
    for name, found in kinds.items():
        merged[name], fault = _merge_types(found)
        if holds_nothing and (fault or _mixes_numbers(found.values())):
            merged.looks[name] = partial(_type_of_files_with_values, found, name, holds_nothing)
        elif fault:
            merged.faults.setdefault(name, fault)
    for where, columns in files.items():
        for name in merged.keys() - columns.keys():
            merged.faults.setdefault(
                name,
                f"is missing in {where}, though other files of the table have it{_origin_sentence(columns)}",
            )
    return merged


def _type_of_files_with_values(
    found: Mapping[str, pa.DataType], name: str, holds_nothing: Callable[[str, str], bool]
) -> tuple[pa.DataType, str]:
    return _merge_types({where: kind for where, kind in found.items() if not holds_nothing(where, name)})


def _merge_types(found: Mapping[str, pa.DataType]) -> tuple[pa.DataType, str]:
    merged, first = pa.null(), ""
    for where, kind in found.items():
        common = _common(merged, kind)
        if common is None:
            return (
                merged,
                f"holds {described(kind)} in {where}, not {described(merged)} as in other files such as {first}",
            )
        if merged == pa.null():
            first = where
        merged = common
    return merged, ""


def _mixes_numbers(kinds: Iterable[pa.DataType]) -> bool:
    """Whether some are whole and others are not: large whole ones do not fit the type that is common to both."""
    different = set(kinds)
    return any(map(pa.types.is_floating, different)) and any(map(pa.types.is_integer, different))


def _origin(columns: Mapping[str, pa.DataType]) -> str:
    return getattr(columns, "origin", "")


def _origin_sentence(columns: Mapping[str, pa.DataType]) -> str:
    return f". {origin.removesuffix('.')}" if (origin := _origin(columns)) else ""


def _common(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """The type that holds the values of both; None if there is none."""
    if pa.null() in (one, other) or one == other:
        return one if other == pa.null() else other
    if is_bytes(one) and is_bytes(other):
        return pa.binary()
    if is_text(one) != is_text(other):
        return None  # Arrow would take text beside bytes for bytes
    if pa.types.is_date(one) != pa.types.is_date(other):
        return _common_time(one, other)
    schemas = [pa.schema([("", _unify(kind))]) for kind in (one, other)]
    try:
        return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except pa.ArrowException:
        return None


def _common_time(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """A date is its midnight, where no zone makes that several moments."""
    time = other if pa.types.is_date(one) else one
    return time if pa.types.is_timestamp(time) and time.tz is None else None


def _unify(kind: pa.DataType) -> pa.DataType:
    """The type, with one and the same for every kind of text and of list."""
    if is_text(kind):
        return pa.null() if kind == pa.null() else pa.string()
    if isinstance(kind, _LISTS):
        return pa.list_(_unify(kind.value_type))
    return kind


def described(kind: pa.DataType) -> str:
    """A type in words for people."""
    if is_uuid(kind):
        return "UUIDs"
    if pa.types.is_fixed_size_binary(kind):
        more = (
            ", as 128-bit numbers of polars or UUIDs without their type"
            if kind.byte_width == _UUID_BYTES
            else ""
        )
        return f"{kind.byte_width} bytes a value{more}"
    return "text" if is_text(kind) else str(kind)[:_TYPE_SHOWN]


def repeated(names: Iterable[str]) -> list[str]:
    """Names that stand more than once, each once, in order of their first places."""
    return [name for name, count in Counter(names).items() if count > 1]


def is_text(kind: pa.DataType) -> bool:
    """Whether values of a type are text, or are read as text; a column without any value counts as such.

    Bytes without a type are text of old writers (Hive, Impala, Spark's `binaryAsString`) and of Parquet's ENUM. UUIDs
    are read as text in lower case with dashes.
    """
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return kind in _TEXT or is_bytes(kind) or is_uuid(kind)


def is_bytes(kind: pa.DataType) -> bool:
    """Whether values of a type are bytes of any length."""
    return kind in _BYTES


def is_uuid(kind: pa.DataType) -> bool:
    """Whether values of a type are UUIDs, 16 bytes each."""
    return bool(kind == pa.uuid())


def is_decimal(kind: pa.DataType) -> bool:
    """Whether values of a type are decimal numbers of up to 38 digits; polars knows no longer ones."""
    return bool(pa.types.is_decimal(kind) and kind.bit_width <= _DECIMAL_BITS)


def holds_addresses(kind: pa.DataType) -> bool:
    """Whether a column of a type may hold addresses: text, or lists of text."""
    value = kind.value_type if isinstance(kind, _LISTS) else kind
    return is_text(value) and not is_uuid(value)


def holds_nothing(columns: Mapping[str, pa.DataType], name: str) -> bool:
    """Whether a column has no value in any row, whatever its type: pandas writes numbers for a column of only None."""
    return isinstance(columns, Columns) and columns.holds_nothing(name)


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
    if isinstance(columns, Columns):
        columns.settle(name)
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
    if not holds_addresses(columns[name]) and not holds_nothing(columns, name):
        raise ConfigurationError(
            f"The column {name!r} holds {described(columns[name])}, not text. Name the column with the e-mail "
            f"addresses as `{key}` in the export file, or let what writes the table write it as text."
        )
    return name


def find_id_column(columns: Mapping[str, pa.DataType], wanted: str, key: str) -> str:
    """The column with ids that is meant: found as `find_column` does, and it must hold text or numbers.

    Floats and decimals may be whole ones; whether they are, their values tell.

    Raises:
        ConfigurationError: As `find_column`, or it holds something else.
    """
    name = find_column(columns, wanted, key)
    kind = columns[name]
    if is_text(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind) or is_decimal(kind):
        return name
    raise ConfigurationError(
        f"The column {name!r} holds {described(kind)}, which cannot be compared with other ids. Name a column of text "
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
        f"The table has no column {wanted!r}.{hint} It has: {_list_names(columns)}. "
        f"Correct `{key}` in the export file. {_origin(columns)}".rstrip()
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
    return not (_LOOKS_LIKE_A_VALUE.search(name) or may_be_address(name))


def _list_names(columns: Mapping[str, pa.DataType]) -> str:
    names = [name[:_LENGTH_SHOWN] if _is_a_name(name) else "[a value]" for name in columns]
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return (", ".join(names[:_NAMES_SHOWN]) or "none") + more
