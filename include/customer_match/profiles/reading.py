"""How a segment's table is read: the export's columns and conditions, resolved against the table's columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from customer_match.addresses.definition import Take
from customer_match.errors import ConfigurationError
from customer_match.export.model import Export
from customer_match.export.people import Addresses
from customer_match.export.sources import Csv
from customer_match.tables.columns import describe_type, find_column, is_text, resolve_column
from customer_match.tables.csv.dialect import CsvDialect

if TYPE_CHECKING:
    from customer_match.conditions.row_filter import RowFilter
    from customer_match.conditions.value_filter import ValueFilter

__all__ = ["ReadSpec", "dialect_of", "read_spec_of", "suppression_read_spec_of"]


@dataclass(frozen=True)
class ReadSpec:
    """The columns that are read, and the conditions on rows.

    Attributes:
        emails: E-mail columns in order of preference.
        take: Whether the first usable address of a row counts, or all of them.
        separator: The delimiter between several addresses in one text; None: a text is one address.
        where: The condition on rows; None: all rows count.
        consent: The consent filter; None: consent is not checked.
        key: The column that identifies rejected rows; None: they are only counted.
    """

    emails: tuple[str, ...]
    take: Take = Take.COALESCE
    separator: str | None = None
    where: RowFilter | None = None
    consent: ValueFilter | None = None
    key: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns to read, each once."""
        names = [*self.emails, *(self.where.columns if self.where else ())]
        names += [name for name in (self.consent.column if self.consent else None, self.key) if name]
        return tuple(dict.fromkeys(names))


def read_spec_of(export: Export, columns: Mapping[str, pa.DataType]) -> ReadSpec:
    """Resolve an export against the columns of a table.

    Raises:
        ConfigurationError: A column is missing or has a wrong type, or `where` or `consent` do not fit the table.
    """
    # Imported late: polars and Arrow's functions are slow to import, and exports without conditions do not need them.
    where = consent = None
    if export.where is not None:
        from customer_match.conditions.row_filter import row_filter  # noqa: PLC0415

        where = row_filter(export.where, columns)
    if export.consent is not None:
        from customer_match.profiles.consent import consent_filter  # noqa: PLC0415

        consent = consent_filter(export.consent, columns)
    emails = _emails(export.email, columns, "email")
    return ReadSpec(
        emails=emails,
        take=export.email.take,
        separator=export.email.separator,
        where=where,
        consent=consent,
        key=_key(export.row_key, columns, emails) if export.row_key else None,
    )


def dialect_of(csv: Csv) -> CsvDialect:
    """The CSV dialect of a source, from the export file."""
    return CsvDialect(
        delimiter=csv.delimiter,
        quote=csv.quote,
        escape=csv.escape,
        encoding=csv.encoding,
        names=csv.columns,
        header=csv.header,
    )


def suppression_read_spec_of(addresses: Addresses, columns: Mapping[str, pa.DataType]) -> ReadSpec:
    """Resolve a suppression list against its columns; every address of a row counts.

    Raises:
        ConfigurationError: A column is missing or has a wrong type.
    """
    emails = _emails(addresses, columns, "suppress.email")
    return ReadSpec(emails=emails, take=Take.ALL, separator=addresses.separator)


def _emails(addresses: Addresses, columns: Mapping[str, pa.DataType], key: str) -> tuple[str, ...]:
    found = (resolve_column(columns, wanted, key) for wanted in addresses.columns)
    return tuple(dict.fromkeys(found))


def _key(wanted: str, columns: Mapping[str, pa.DataType], emails: tuple[str, ...]) -> str:
    name = find_column(columns, wanted, "row_key")
    if name in emails:
        raise ConfigurationError(
            f"The column {name!r} holds the addresses, which must not be listed. Set `row_key` in the export file to "
            "another column.",
            key="row_key",
        )
    kind = columns[name]
    fits = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, is_text)
    if not any(fit(kind) for fit in fits):
        raise ConfigurationError(
            f"The column {name!r} holds {describe_type(kind)}, which cannot be written as text. Set `row_key` in the "
            "export file to a column of text or numbers.",
            key="row_key",
        )
    return name
