"""The columns of a Delta table: their types, and their names in data files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from customer_match.errors import ConfigurationError
from customer_match.tables.columns import Columns
from customer_match.tables.delta.replay import Metadata

__all__ = ["Column", "Schema"]

_PRIMITIVES: Final[Mapping[str, pa.DataType]] = {
    "string": pa.string(),
    "long": pa.int64(),
    "integer": pa.int32(),
    "short": pa.int16(),
    "byte": pa.int8(),
    "float": pa.float32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "timestamp_ntz": pa.timestamp("us"),
    "void": pa.null(),
}
_DECIMAL: Final = re.compile(r"decimal\((\d+),\s*(\d+)\)")
_TEXT: Final = re.compile(r"(?:char|varchar)\(\d+\)")
_FIELD_ID: Final = b"PARQUET:field_id"


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        name: Its name.
        physical: Its name in data files and partition values.
        field_id: Its id in data files, if columns are found by ids; otherwise None.
        type: Its type; files may have a narrower one. None: a type that cannot be read.
        described: Its type as the log writes it.
    """

    name: str
    physical: str
    field_id: int | None
    type: pa.DataType | None
    described: str


@dataclass(frozen=True)
class Schema:
    """The columns of one version.

    Attributes:
        columns: The columns by name, in order.
        partitions: Names of the columns whose values are in the log.
        by_id: Whether columns are found in data files by their ids.
    """

    columns: Mapping[str, Column]
    partitions: frozenset[str]
    by_id: bool

    @classmethod
    def of(cls, metadata: Metadata, where: str) -> Schema:
        """Parse the schema in the log.

        Raises:
            ConfigurationError: It cannot be parsed.
        """
        try:
            fields = json.loads(metadata.schema)["fields"]
            columns = [_column(field, mapped=metadata.mapping != "none") for field in fields]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ConfigurationError(
                f"{where}: the columns in the log of this Delta table cannot be parsed. Restore the log, or write "
                "the table anew."
            ) from None
        return cls(
            {column.name: column for column in columns},
            frozenset(metadata.partition_columns),
            metadata.mapping == "id",
        )

    def types(self) -> Columns:
        """Names and types of the columns, with faults for types that cannot be read."""
        readable = {name: column.type or pa.binary() for name, column in self.columns.items()}
        faults = {
            name: f"holds {column.described}, not text"
            for name, column in self.columns.items()
            if column.type is None
        }
        return Columns(readable, faults)

    def stored(self, file: pa.Schema) -> dict[str, str] | None:
        """The names in a data file of the columns that it contains; None if it must have ids but has none."""
        if not self.by_id:
            return self._stored_by_name(file.names)
        by_id = {
            int(field.metadata[_FIELD_ID]): field.name
            for field in file
            if field.metadata and _FIELD_ID in field.metadata
        }
        found = {name: by_id[c.field_id] for name, c in self.columns.items() if c.field_id in by_id}
        return found if by_id else None

    def _stored_by_name(self, names: Sequence[str]) -> dict[str, str]:
        """Find columns by name, ignoring case as Spark does: a column taken for missing would lose members."""
        exact, alike = set(names), {name.casefold(): name for name in names}
        found = {}
        for column in self.columns.values():
            name = column.physical if column.physical in exact else alike.get(column.physical.casefold())
            if name is not None:
                found[column.name] = name
        return found


def _column(field: Mapping[str, Any], *, mapped: bool) -> Column:
    name, metadata, kind = field["name"], field.get("metadata") or {}, field["type"]
    name.encode()  # fails for lone surrogates, which JSON can contain
    described = kind if isinstance(kind, str) else kind["type"]
    if not mapped:
        return Column(name, name, None, _type(kind), described)
    physical, number = metadata["delta.columnMapping.physicalName"], metadata["delta.columnMapping.id"]
    return Column(name, physical, int(number), _type(kind), described)


def _type(kind: Any) -> pa.DataType | None:
    """The Arrow type; None for types with fields of their own, which are not read, and for unknown types."""
    if isinstance(kind, dict):
        element = _type(kind["elementType"]) if kind["type"] == "array" else None
        return None if element is None else pa.list_(element)
    if found := _DECIMAL.fullmatch(kind):
        return pa.decimal128(int(found[1]), int(found[2]))
    return pa.string() if _TEXT.fullmatch(kind) else _PRIMITIVES.get(kind)
