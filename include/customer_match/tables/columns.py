"""Columns of tables: merges the columns of several files, and finds the column that an export file names."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from functools import partial

import pyarrow as pa

from customer_match.errors import ConfigurationError
from customer_match.redaction import may_be_address

__all__ = [
    "Columns",
    "describe_type",
    "find_column",
    "find_id_column",
    "has_column",
    "holds_addresses",
    "holds_nothing",
    "is_bytes",
    "is_decimal",
    "is_text",
    "is_uuid",
    "list_names",
    "merge_columns",
    "name_key",
    "repeated",
    "resolve_column",
    "shown_line",
    "similar_name",
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
# Without a header, the values of the first row become names: messages do not show them.
_LOOKS_LIKE_A_VALUE = re.compile(r"^[0-9a-fA-F]{32,}$|^[0-9 .,:+/-]{4,}$|^$")


TypeCheck = Callable[[], tuple[pa.DataType, str]]
"""Reads files to find the type of a column and what is wrong with it; an empty text if nothing is."""


class Columns(dict[str, pa.DataType]):
    """Names and types of a table's columns, in the order of its first file.

    Attributes:
        faults: Why an existing column cannot be used, by its name.
        origin: A sentence that says where a text file's names come from, for messages about a missing column; or empty.
        type_checks: Columns whose type and fault are known only after reading files, which is done on demand.
        holds_nothing: Whether a column has no value in any row of the table, as far as that is known.
    """

    def __init__(
        self, types: Mapping[str, pa.DataType], faults: Mapping[str, str] | None = None, origin: str = ""
    ) -> None:
        super().__init__(types)
        self.faults = dict(faults or {})
        self.origin = origin
        self.type_checks: dict[str, TypeCheck] = {}
        self.holds_nothing: Callable[[str], bool] = lambda name: self.get(name) == pa.null()

    def determine_type(self, name: str) -> None:
        """Read files to find a column's type, if that is needed."""
        if check := self.type_checks.pop(name, None):
            self[name], fault = check()
            if fault:
                self.faults.setdefault(name, fault)


def merge_columns(
    files: Mapping[str, Mapping[str, pa.DataType]],
    holds_nothing: Callable[[str, str], bool] | None = None,
) -> Columns:
    """Merge the columns of all files; each gets a type that holds the values of every file.

    If a file lacks a column, or has it with another kind of value (text here, numbers there), that is a fault.

    Args:
        files: Columns of each file, by its location; `Columns` may have faults of their own.
        holds_nothing: Whether a column of a file (location, name) has no value in any row; its type there is then
            ignored. Called only for columns whose types differ, on demand; None: unknown.
    """
    kinds: dict[str, dict[str, pa.DataType]] = {}
    merged = Columns({}, origin=next(filter(None, map(_origin, files.values())), ""))
    for where, columns in files.items():
        for name in list(getattr(columns, "type_checks", ())):
            columns.determine_type(name)  # type: ignore[attr-defined]  # it has type checks
        for name, fault in getattr(columns, "faults", {}).items():
            merged.faults.setdefault(name, f"{fault} in {where}")
        for name, kind in columns.items():
            kinds.setdefault(name, {})[where] = kind
    for name, found in kinds.items():
        merged[name], fault = _merge_types(found)
        if holds_nothing and (fault or _mixes_numbers(found.values())):
            merged.type_checks[name] = partial(_type_of_files_with_values, found, name, holds_nothing)
        elif fault:
            merged.faults.setdefault(name, fault)
    for where, columns in files.items():
        for name in merged.keys() - columns.keys():
            merged.faults.setdefault(
                name,
                f"is missing in {where}, although other files of the table have it{_origin_sentence(columns)}",
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
                f"holds {describe_type(kind)} in {where}, not {describe_type(merged)} as in other files, e.g. {first}",
            )
        if merged == pa.null():
            first = where
        merged = common
    return merged, ""


def _mixes_numbers(kinds: Iterable[pa.DataType]) -> bool:
    """Whether integers and floats are mixed: large integers do not fit the type that is common to both."""
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
        return None  # Arrow would merge text and bytes into bytes
    if pa.types.is_date(one) != pa.types.is_date(other):
        return _common_time(one, other)
    schemas = [pa.schema([("", _unify(kind))]) for kind in (one, other)]
    try:
        return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except pa.ArrowException:
        return None


def _common_time(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """A date counts as its midnight, if there is no time zone that makes this ambiguous."""
    time = other if pa.types.is_date(one) else one
    return time if pa.types.is_timestamp(time) and time.tz is None else None


def _unify(kind: pa.DataType) -> pa.DataType:
    """The type, with a single type for every kind of text and of list."""
    if is_text(kind):
        return pa.null() if kind == pa.null() else pa.string()
    if isinstance(kind, _LISTS):
        return pa.list_(_unify(kind.value_type))
    return kind


def describe_type(kind: pa.DataType) -> str:
    """Describe a type for messages."""
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
    """The names that occur more than once, in the order of their first occurrence."""
    return [name for name, count in Counter(names).items() if count > 1]


def is_text(kind: pa.DataType) -> bool:
    """Whether values of a type are text, or are read as text; so is a column without any value.

    Untyped bytes are text of old writers (Hive, Impala, Spark's `binaryAsString`) and of Parquet's ENUM. UUIDs are read
    as text in lower case with dashes.
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
    """Whether values of a type are decimal numbers of up to 38 digits, the longest that polars supports."""
    return bool(pa.types.is_decimal(kind) and kind.bit_width <= _DECIMAL_BITS)


def holds_addresses(kind: pa.DataType) -> bool:
    """Whether a column of a type may hold addresses: text, or lists of text."""
    value = kind.value_type if isinstance(kind, _LISTS) else kind
    return is_text(value) and not is_uuid(value)


def holds_nothing(columns: Mapping[str, pa.DataType], name: str) -> bool:
    """Whether a column has no value in any row, whatever its type: pandas writes numbers for a column of only None."""
    return isinstance(columns, Columns) and columns.holds_nothing(name)


def has_column(columns: Mapping[str, pa.DataType], wanted: str) -> bool:
    """Whether a column matches a name, as `find_column` compares names."""
    key = name_key(wanted)
    return any(name_key(name) == key for name in columns)


def find_column(columns: Mapping[str, pa.DataType], wanted: str, key: str = "email") -> str:
    """Find a column, ignoring case and outer spaces; returns the name as the table spells it.

    Args:
        columns: The columns of the table.
        wanted: The name in the export file.
        key: The key in the export file, for the message.

    Raises:
        ConfigurationError: No column matches, several do, or the files have it with different kinds of values.
    """
    name = _find(columns, wanted, key)
    if isinstance(columns, Columns):
        columns.determine_type(name)
    if fault := getattr(columns, "faults", {}).get(name):
        raise ConfigurationError(
            f"The column {name!r} {fault}. Set `{key}` in the export file to another column, or have all files of the "
            "table written with the same columns.",
            key=key,
        )
    return name


def resolve_column(columns: Mapping[str, pa.DataType], wanted: str, key: str = "email") -> str:
    """Find a column with addresses as `find_column` does; it must hold text or lists of text.

    Raises:
        ConfigurationError: As in `find_column`, or the column holds something else.
    """
    name = find_column(columns, wanted, key)
    if not holds_addresses(columns[name]) and not holds_nothing(columns, name):
        raise ConfigurationError(
            f"The column {name!r} holds {describe_type(columns[name])}, not text. Set `{key}` in the export file to "
            "the column with the e-mail addresses, or have the column written as text.",
            key=key,
        )
    return name


def find_id_column(columns: Mapping[str, pa.DataType], wanted: str, key: str) -> str:
    """Find a column with ids as `find_column` does; it must hold text or numbers.

    Floats and decimals are accepted, because their values may be whole numbers; the values are checked later.

    Raises:
        ConfigurationError: As in `find_column`, or the column holds something else.
    """
    name = find_column(columns, wanted, key)
    kind = columns[name]
    if is_text(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind) or is_decimal(kind):
        return name
    raise ConfigurationError(
        f"The column {name!r} holds {describe_type(kind)}, which cannot be compared with other ids. Set `{key}` in the "
        "export file to a column of text or whole numbers.",
        key=key,
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
            f"The column {wanted!r} could be {' or '.join(map(repr, alike))}. Set `{key}` in the export file to the "
            "right one, in the same case.",
            key=key,
        )
    near = similar_name(wanted, columns)
    hint = f" Did you mean {near!r}?" if near else ""
    # A similar name shows that the line is a header, unless values stand in it.
    origin = _origin(columns) if not near or not all(map(_is_a_name, columns)) else ""
    raise ConfigurationError(
        f"The table has no column {wanted!r}.{hint} It has: {list_names(columns)}. "
        f"Correct `{key}` in the export file. {origin}".rstrip(),
        key=key,
    )


def name_key(name: str) -> str:
    """A key that is equal for two names of the same column.

    It ignores case, outer spaces, and whether accented letters are one character or two, as macOS writes them.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).strip().casefold())


def shown_line(values: Iterable[str], delimiter: str) -> str:
    """The values of a line for messages, without values that may be personal."""
    shown = [value if not value.strip() or _is_a_name(value) else "[a value]" for value in values]
    return delimiter.join(shown).rstrip(f" {delimiter}")[:_LINE_SHOWN]


def _is_a_name(name: str) -> bool:
    return not (_LOOKS_LIKE_A_VALUE.search(name) or may_be_address(name))


def similar_name(wanted: str, names: Iterable[str]) -> str | None:
    """The column that was probably meant, if any."""
    shown = {name_key(name): name for name in names if _is_a_name(name)}
    near = get_close_matches(name_key(wanted), shown, 1)
    return shown[near[0]] if near else None


def list_names(columns: Collection[str]) -> str:
    """Names of columns for messages, without values that may be personal, and not too many."""
    names = [name[:_LENGTH_SHOWN] if _is_a_name(name) else "[a value]" for name in columns]
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return (", ".join(names[:_NAMES_SHOWN]) or "none") + more
