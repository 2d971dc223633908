"""Classifies files by their names: a supported format, an unsupported one, bookkeeping, or unknown."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection
from typing import Final

from customer_match.tables.formats import FileFormat
from customer_match.tables.listing import visible
from customer_match.tables.registry import FILE_FORMATS

__all__ = [
    "fault_of",
    "format_of",
    "is_bookkeeping",
    "is_no_data",
    "is_table_alone",
    "table_name",
]

_OTHER_FORMATS: Final = frozenset(
    {
        ".bz2", ".zst", ".xz", ".zip", ".snappy", ".lz4", ".lzo", ".deflate", ".7z", ".rar", ".tar", ".tgz",
        ".avro", ".orc", ".json", ".jsonl", ".ndjson", ".xml", ".xls", ".xlsx", ".xlsb", ".ods", ".arrow", ".feather",
    }
)  # fmt: skip
_SETTINGS: Final = frozenset({".json", ".xml"})  # programs also keep such files next to tables
# Browsers, transfer programs, `hadoop fs -put` and editors use these extensions until a file is complete.
_HALF_WRITTEN: Final = frozenset(
    {
        ".tmp", ".temp", ".part", ".partial", ".crdownload", ".download", ".filepart", ".incomplete", ".inprogress",
        ".in-progress", ".uploading", "._copying_", ".swp", ".lock",
    }
)  # fmt: skip
# Two versions of one file: the older one would bring back members who left.
_COPIES: Final = frozenset({".bak", ".backup", ".old", ".orig", ".copy", ".save", ".prev"})

# Visible files that hold no row, whoever wrote them.
_BOOKKEEPING_NAMES: Final = frozenset({"thumbs.db", "desktop.ini", "model.json", "schema.json"})
_BOOKKEEPING_ENDS: Final = (
    ".crc", ".md5", ".sha1", ".sha256",  # checksums
    ".md",  # documentation
    ".cdm.json", ".schema.json",  # descriptions of columns
    ".csv.metadata", ".txt.metadata",  # next to each result of Amazon Athena
)  # fmt: skip
_DOCUMENTATION: Final = re.compile(r"read[ _-]?me(?:\.(?:txt|rst|html?))?")
# Marker files that one job writes for the next one: they hold no row if they are empty.
_MARKERS: Final = re.compile(r"(?:.*\.)?(?:done|ok|success|complete|completed|ready)")

# A folder with only such files is not a table.
_NO_TABLES: Final = frozenset(
    {
        ".log", ".sql", ".py", ".sh", ".ps1", ".ipynb", ".jar", ".whl", ".yaml", ".yml", ".toml", ".ini", ".cfg",
        ".conf", ".properties", ".html", ".htm", ".pdf", ".doc", ".docx", ".ppt", ".pptx", ".png", ".jpg", ".jpeg",
        ".gif", ".svg", ".rst", ".pbix", ".pem", ".key",
    }
)  # fmt: skip


def is_bookkeeping(relative: str, size_bytes: int) -> bool:
    """Whether a file holds no rows of its table, whatever the format.

    Args:
        relative: Its path below the table.
        size_bytes: Its size.
    """
    if not visible(relative):
        return True
    name = posixpath.basename(relative).lower()
    return (
        name in _BOOKKEEPING_NAMES
        or name.endswith(_BOOKKEEPING_ENDS)
        or _DOCUMENTATION.fullmatch(name) is not None
        or (not size_bytes and _MARKERS.fullmatch(name) is not None)
    )


def format_of(path: str) -> FileFormat | None:
    """The format by a file's extension; None if it is unknown."""
    found = extension(path)
    return next((own for own in FILE_FORMATS if found in own.extensions), None)


def fault_of(path: str, beside: Collection[str] = ()) -> str | None:
    """Why a file must not be read, judging by its name, and what to do; None if it may be read.

    Args:
        path: The file.
        beside: Paths of the table's other files.
    """
    last, inner = posixpath.splitext(path.lower())[1], extension(path).removesuffix(".gz")
    if last in _HALF_WRITTEN:
        return (
            "is not complete: it is still being written, or was left by a program that was interrupted. Run the export "
            "after the table is written, or delete the file"
        )
    if last in _COPIES or path.endswith("~") or _is_older_copy(path, beside):
        return "is another version of a file, by its name. Move it away from the table's folder, or delete it"
    if last in _OTHER_FORMATS or inner in _OTHER_FORMATS:
        return (
            f"has a format that cannot be read ({extension(path)}). Have the table written as Parquet, or as CSV, "
            "plain or compressed with gzip"
        )
    return None


def _is_older_copy(path: str, beside: Collection[str]) -> bool:
    """Whether a file has the name of another one with a number appended, as wget and logrotate do it."""
    stem, last = posixpath.splitext(path)
    return re.fullmatch(r"\.\d+", last) is not None and format_of(stem) is not None and stem in beside


def is_table_alone(name: str) -> bool:
    """Whether a single file is a table of its own, by its name; others are tables only if the export names them."""
    found = extension(name)
    is_part = not found and name.startswith("part-")  # of Spark and Hadoop
    return format_of(name) is not None or found.removesuffix(".gz") in _OTHER_FORMATS - _SETTINGS or is_part


def is_no_data(path: str) -> bool:
    """Whether a file is a program, a log or a document; a folder with only such files is not a table."""
    return extension(path) in _NO_TABLES


def extension(path: str) -> str:
    """The extension with the dot, in lower case; of a compressed file with the inner one (`.csv.gz`)."""
    stem, last = posixpath.splitext(path.lower())
    inner = posixpath.splitext(stem)[1] if last == ".gz" else ""
    return (inner if re.fullmatch(r"\.[a-z]\w*", inner) else "") + last


def table_name(name: str) -> str:
    """The name of a table that is a single file: without the extension, also in `people.csv.1`."""
    stem = name[: -len(extension(name)) or None]
    return table_name(stem) if format_of(stem) and not format_of(name) else stem
