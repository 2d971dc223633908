"""Reads the results of an upload: a zip with one CSV, of which only refused rows matter.

The file is read as a stream, with limits, and is not trusted: it may be truncated, wide (438 to 474 columns observed,
whatever was sent) or ragged, and its columns may have any order. It repeats the rows' `Text` unencrypted; that column
is never read.
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
"""Suffix of the type in the error rows that follow a refused row (observed: LIVE23, LIVE24)."""

_RECORDS: Final = {name: name for name in get_args(RecordType)}


def read_row_errors(
    file: IO[bytes], *, max_raw_bytes: int = MAX_RESULT_RAW_BYTES, max_line: int = MAX_RESULT_LINE
) -> Iterator[RowError]:
    """The errors of the refused rows of a results file, in the file's order.

    Args:
        file: The zip, seekable. The caller closes it.
        max_raw_bytes: Maximum unzipped size in bytes.
        max_line: Maximum characters of one line.

    Raises:
        TransientError: The zip is damaged or truncated: download it again.
        TerminalError: The file does not have the documented form, or exceeds a limit.
    """
    try:
        with zipfile.ZipFile(file) as archive, archive.open(_member(archive, max_raw_bytes)) as member:
            text = io.TextIOWrapper(member, encoding="utf-8-sig", newline="")
            yield from _row_errors(_lines(text, max_line))
    except (zipfile.BadZipFile, zlib.error, EOFError, UnicodeDecodeError) as error:
        raise TransientError(
            f"The download of the upload's results is damaged ({type(error).__name__}). Download them again."
        ) from None  # the cause may repeat a row
    except (csv.Error, NotImplementedError, RuntimeError) as error:
        # zipfile raises the last two for unknown compression and for encryption.
        raise TerminalError(f"The upload's results cannot be read ({type(error).__name__}).") from None


def _member(archive: zipfile.ZipFile, max_raw_bytes: int) -> zipfile.ZipInfo:
    """The only file in the zip. zipfile unzips no more than the declared size."""
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) != 1:
        raise TerminalError(f"The upload's results must be a zip with one file, not {len(members)}.")
    if members[0].file_size > max_raw_bytes:
        raise TerminalError(f"The upload's results are larger than {max_raw_bytes} bytes unzipped.")
    return members[0]


def _lines(text: io.TextIOWrapper, max_line: int) -> Iterator[str]:
    while line := text.readline(max_line):
        if len(line) == max_line and not line.endswith(("\n", "\r")):
            raise TerminalError(f"The upload's results contain a line of more than {max_line} characters.")
        yield line


@dataclass(frozen=True)
class _Columns:
    """Positions of the columns that are read."""

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
        raise TerminalError("The upload's results report an error for a row type that was not sent.")
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
