"""Chooses which files of a table are read, and in which format; no file is ignored without a reason.

A visible file counts unless it is known bookkeeping. Its format follows from its name, otherwise from its first bytes.
If neither identifies it, or it cannot be read, the table is rejected with a message that names the file.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import fsspec

from customer_match.errors import ConfigurationError
from customer_match.storage.files import format_location, open_input
from customer_match.table_formats import Format, FormatChoice
from customer_match.tables.csv.dialect import CsvDialect
from customer_match.tables.files.first_bytes import FIRST_BYTES, decompress_start, foreign, is_text
from customer_match.tables.files.names import fault_of, format_of
from customer_match.tables.formats import FileFormat
from customer_match.tables.listing import TableFile
from customer_match.tables.registry import FILE_FORMATS
from customer_match.tables.table import still_there

__all__ = ["choose_format", "only_format"]

_FILES_AT_ONCE: Final = 8
_WIDE: Final = ("utf-16", "utf-32")  # text in these is full of zeros
_WRITE_OTHERWISE: Final = "Have the table written as Parquet, or as CSV, plain or compressed with gzip"
_MOVE: Final = "move the file away from the table's folder if it is not data"


def choose_format(
    filesystem: fsspec.AbstractFileSystem,
    files: Sequence[TableFile],
    wanted: FormatChoice,
    dialect: CsvDialect | None,
    where: str,
) -> tuple[FileFormat, tuple[TableFile, ...]]:
    """Choose the format of a table's files, and the files that have it.

    Args:
        filesystem: The file system.
        files: All files that are not bookkeeping; at least one.
        wanted: The format in the export file; files with the extension of the other format are then ignored.
        dialect: How CSV files are written, as far as it is known.
        where: The table, for messages.

    Raises:
        ConfigurationError: A file cannot be read, is empty, or has another format than the others; the message names
            it.
        TransientError: The storage failed.
    """
    formats = _formats_by_name(filesystem, files)
    if wanted != "auto":
        files = [file for file in files if file.path not in formats or formats[file.path].name == wanted]
        if not files:
            raise ConfigurationError(f"{where} holds no {wanted} files. Correct `format` in the export file.")
    _refuse_empty(filesystem, files)
    unnamed = [file for file in files if file.path not in formats]
    formats |= _formats_by_first_bytes(filesystem, unnamed, dialect)
    examples = {formats[file.path].name: file.path for file in reversed(files)}
    if len(examples) > 1 or wanted not in ("auto", *examples):
        raise _mixed_formats(where, examples)
    return formats[files[0].path], tuple(files)


def only_format(
    filesystem: fsspec.AbstractFileSystem, file: TableFile, wanted: FormatChoice, dialect: CsvDialect | None
) -> FileFormat:
    """The format of a file that is the whole table; the format in the export file takes precedence.

    Raises:
        ConfigurationError: The file cannot be read, or is empty.
        TransientError: The storage failed.
    """
    formats = _formats_by_name(filesystem, [file])
    _refuse_empty(filesystem, [file])
    if wanted != "auto":
        return next(own for own in FILE_FORMATS if own.name == wanted)
    return (formats or _formats_by_first_bytes(filesystem, [file], dialect))[file.path]


def _formats_by_name(
    filesystem: fsspec.AbstractFileSystem, files: Sequence[TableFile]
) -> dict[str, FileFormat]:
    """The formats of files by their names; rejects files whose names say that they must not be read."""
    paths = dict.fromkeys(file.path for file in files)
    faults = {path: fault for path in paths if (fault := fault_of(path, paths))}
    _refuse(filesystem, faults)
    return {path: known for path in paths if (known := format_of(path))}


def _formats_by_first_bytes(
    filesystem: fsspec.AbstractFileSystem, files: Sequence[TableFile], dialect: CsvDialect | None
) -> dict[str, FileFormat]:
    """The formats of files by their first bytes."""

    def start_of(file: TableFile) -> bytes:
        where = format_location(filesystem, file.path)
        with still_there(where), open_input(filesystem, file.path, file.size_bytes) as content:
            return content.read(FIRST_BYTES)

    with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:  # in a lake each read is a round trip
        starts = dict(zip((file.path for file in files), pool.map(start_of, files), strict=True))
    faults = {path: fault for path, start in starts.items() if (fault := _fault_of(start, dialect))}
    _refuse(filesystem, faults)
    return {path: _kind_of(start) for path, start in starts.items()}


def _kind_of(start: bytes) -> FileFormat:
    return next(own for own in FILE_FORMATS if start.startswith(own.magic))


def _fault_of(start: bytes, dialect: CsvDialect | None) -> str | None:
    """Why a file with this start cannot be read, and what to do; None if it can."""
    if any(own.magic and start.startswith(own.magic) for own in FILE_FORMATS):
        return None
    content = decompress_start(start)
    if what := foreign(content):
        packed = "" if content is start else ", compressed with gzip"
        return f"is {what}{packed}, which cannot be read. {_WRITE_OTHERWISE}; or {_MOVE}"
    is_wide = dialect is not None and dialect.encoding.startswith(_WIDE)
    if content and (is_wide or is_text(content)):
        return None
    return (
        f"is neither Parquet nor text, and its name does not say what it is. {_WRITE_OTHERWISE}; or {_MOVE}"
    )


def _refuse(filesystem: fsspec.AbstractFileSystem, faults: Mapping[str, str]) -> None:
    if faults:
        path, words = min(faults.items())
        more = (
            f" {len(faults) - 1:,} more files there have the same or a similar problem."
            if len(faults) > 1
            else ""
        )
        raise ConfigurationError(f"{format_location(filesystem, path)} {words}.{more}")


def _refuse_empty(filesystem: fsspec.AbstractFileSystem, files: Iterable[TableFile]) -> None:
    for file in files:
        if not file.size_bytes:
            raise ConfigurationError(
                f"{format_location(filesystem, file.path)} is empty (0 bytes): it has not even a header. Have the "
                "table written again, or delete the file if it does not belong there."
            )


def _mixed_formats(where: str, examples: Mapping[Format, str]) -> ConfigurationError:
    shown = ", ".join(f"{posixpath.basename(path)} is {name}" for name, path in sorted(examples.items()))
    return ConfigurationError(
        f"{where} holds {' and '.join(sorted(examples))} files ({shown}). Set `format` of the source in the "
        "export file, or move one kind away."
    )
