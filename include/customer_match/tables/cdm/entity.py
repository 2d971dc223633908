"""An entity of a CDM model, in a form that both kinds of model share."""

from __future__ import annotations

import codecs
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from customer_match.errors import ConfigurationError
from customer_match.tables.csv.dialect import CsvDialect

__all__ = ["Entity", "FileSettings", "Partition", "Pattern", "dialect_of", "is_parquet", "unusable"]

_PARQUET: Final = frozenset({".parquet", ".parq", ".pq"})
_NO_QUOTES: Final = "quotestyle.none"


@dataclass(frozen=True)
class FileSettings:
    """How a data file is written, according to its model; None means that the model does not say.

    Attributes:
        parquet: Whether it is Parquet.
        has_header: Whether the first row names the columns.
        delimiter: The delimiter between values.
        quote_style: `QuoteStyle.Csv` or `QuoteStyle.None`.
        encoding: The encoding of the text.
        escape: The character that makes the next one part of the value.
    """

    parquet: bool | None = None
    has_header: bool | None = None
    delimiter: str | None = None
    quote_style: str | None = None
    encoding: str | None = None
    escape: str | None = None


@dataclass(frozen=True)
class Partition:
    """One data file.

    Attributes:
        location: Its location, relative to the model's folder or as a full URI.
        settings: How it is written.
    """

    location: str
    settings: FileSettings


@dataclass(frozen=True)
class Pattern:
    """Data files given by a pattern of their paths.

    Attributes:
        root: The folder, relative to the model's folder.
        glob: A glob for paths below the folder; None: `regex` counts.
        regex: A regular expression for these paths.
        settings: How they are written.
    """

    root: str
    glob: str | None
    regex: str | None
    settings: FileSettings


@dataclass(frozen=True)
class Entity:
    """One table.

    Attributes:
        name: Name of the entity.
        columns: Names of its columns, in the order of the values; None: the model does not say.
        partitions: Its data files.
        patterns: Patterns that match more data files.
    """

    name: str
    columns: tuple[str, ...] | None
    partitions: tuple[Partition, ...]
    patterns: tuple[Pattern, ...] = ()


def unusable(where: str, name: str, what: str, remedy: str) -> ConfigurationError:
    """The error for an entity that cannot be read."""
    return ConfigurationError(f"{where}: the entity {name!r} {what}. {remedy}")


def is_parquet(settings: FileSettings, path: str) -> bool:
    """Whether a file is Parquet: according to the model, otherwise by its name."""
    if settings.parquet is not None:
        return settings.parquet
    return posixpath.splitext(path)[1].lower() in _PARQUET


def dialect_of(settings: FileSettings, columns: tuple[str, ...] | None, where: str, name: str) -> CsvDialect:
    """The CSV dialect of a file; missing settings have their documented defaults.

    Args:
        settings: The settings in the model.
        columns: Columns of the entity.
        where: The model, for messages.
        name: Name of the entity.

    Raises:
        ConfigurationError: A setting is invalid.
    """
    names = None
    if not settings.has_header:  # documented: there is none by default
        if columns is None:
            raise unusable(
                where,
                name,
                "has files without a header row, and its columns are not described where they can be read",
                "Have the files written with a header (`columnHeaders: true`), or the model with resolved entity "
                "definitions.",
            )
        names = columns
    quoted = (settings.quote_style or "").lower() != _NO_QUOTES
    return CsvDialect(
        delimiter=_character(settings.delimiter, "delimiter", where, name) or ",",
        quote='"' if quoted else None,
        escape=_character(settings.escape, "escape", where, name) if quoted else None,
        encoding=_encoding(settings.encoding, where, name),
        names=names,
        described=columns,
    )


_NAMED_CHARACTERS: Final[Mapping[str, str]] = {"\\t": "\t", "tab": "\t", "\\\\": "\\"}


def _character(value: str | None, what: str, where: str, name: str) -> str | None:
    if not value:
        return None
    char = _NAMED_CHARACTERS.get(value.lower(), value)
    if len(char) != 1 or not char.isascii() or char in '"\r\n':
        raise unusable(where, name, f"has an invalid {what}", "Have it set to one ASCII character.")
    return char


def _encoding(value: str | None, where: str, name: str) -> str:
    try:
        found = codecs.lookup(value or "utf-8").name
        known: Any = codecs.getincrementaldecoder(found)().decode(b"") == ""
    except (LookupError, TypeError, ValueError):
        known = False
    if not known:
        raise unusable(where, name, "has an unknown text encoding", "Have the files written as UTF-8.")
    return "utf-8" if found in ("utf-8", "utf-8-sig", "ascii") else found
