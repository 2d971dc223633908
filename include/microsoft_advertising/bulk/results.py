"""Reads the results of an upload: a zip with one CSV, of which only refused rows are of interest.

The file is read as a stream, within bounds, and never trusted: it may be cut off, wide (438 to 474 columns
were observed, whatever was sent), ragged, in any column order, and it repeats the rows' `Text` in clear. That
column is never picked up.
"""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final, get_args

from customer_match.errors import TerminalError, TransientError
from microsoft_advertising.faults import safe_token
from microsoft_advertising.limits import MAX_RESULT_LINE, MAX_RESULT_RAW_BYTES
from microsoft_advertising.models import RecordType, RowError

__all__ = ["read_row_errors"]

ERROR_SUFFIX: Final = " Error"
"""A refused row is followed by rows of its type with this suffix (observed: LIVE23, LIVE24)."""

_RECORDS: Final = {name: name for name in get_args(RecordType)}


def read_row_errors(
    file: IO[bytes], *, max_raw_bytes: int = MAX_RESULT_RAW_BYTES, max_line: int = MAX_RESULT_LINE
) -> Iterator[RowError]:
    """The refused rows of a results file, in its order, each as often as it has errors.

    Args:
        file: The zip, seekable. Stays the caller's to close.
        max_raw_bytes: Most bytes to unzip.
        max_line: Most characters of one line.

    Raises:
        TransientError: The zip is broken or cut off: fetch it again.
        TerminalError: It is not the documented kind of file, or goes beyond the bounds.
    """
    try:
        with zipfile.ZipFile(file) as archive, archive.open(_member(archive, max_raw_bytes)) as member:
            text = io.TextIOWrapper(member, encoding="utf-8-sig", newline="")
            yield from _row_errors(_lines(text, max_line))
    except (zipfile.BadZipFile, zlib.error, EOFError, UnicodeDecodeError) as error:
        raise TransientError(
            f"The upload's results arrived broken ({type(error).__name__}): they are to be fetched again."
        ) from None  # the cause may repeat a row
    except (csv.Error, NotImplementedError, RuntimeError) as error:
        # zipfile raises the last two for unknown compression and for encryption.
        raise TerminalError(f"The upload's results cannot be read ({type(error).__name__}).") from None


def _member(archive: zipfile.ZipFile, max_raw_bytes: int) -> zipfile.ZipInfo:
    """The one file in the zip. zipfile unzips no more than the size that is declared here."""
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) != 1:
        raise TerminalError(f"The upload's results should be one file in a zip, not {len(members)}.")
    if members[0].file_size > max_raw_bytes:
        raise TerminalError(f"The upload's results are larger than {max_raw_bytes} bytes unzipped.")
    return members[0]


def _lines(text: io.TextIOWrapper, max_line: int) -> Iterator[str]:
    while line := text.readline(max_line):
        if len(line) == max_line and not line.endswith(("\n", "\r")):
            raise TerminalError(f"The upload's results hold a line of more than {max_line} characters.")
        yield line


@dataclass(frozen=True)
class _Columns:
    """Where the columns of interest are."""

    type: int
    client_id: int
    error: int
    number: int

    @classmethod
    def of(cls, header: list[str]) -> _Columns:
        try:
            return cls(*(header.index(name) for name in ("Type", "Client Id", "Error", "Error Number")))
        except ValueError:
            raise TerminalError(
                "The upload's results lack one of the columns Type, Client Id, Error, Error Number."
            ) from None


def _row_errors(lines: Iterator[str]) -> Iterator[RowError]:
    rows = csv.reader(lines)
    columns = _Columns.of(next(rows, []))
    for row in rows:
        kind = _field(row, columns.type)
        if kind.endswith(ERROR_SUFFIX):
            yield _row_error(row, columns, kind.removesuffix(ERROR_SUFFIX))


def _row_error(row: list[str], columns: _Columns, record: str) -> RowError:
    if record not in _RECORDS:
        raise TerminalError("The upload's results report an error of a kind of row that was not sent.")
    number = _field(row, columns.number)
    return RowError(
        record=_RECORDS[record],
        client_id=_field(row, columns.client_id),
        code=int(number) if number.isascii() and number.isdigit() else 0,
        name=safe_token(_field(row, columns.error)),
    )


def _field(row: list[str], index: int) -> str:
    """Rows may be shorter than the header."""
    return row[index] if index < len(row) else ""
