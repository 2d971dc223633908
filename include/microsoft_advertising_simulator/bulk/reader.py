"""Reads uploaded Bulk files in bounded memory: zip or plain, CSV or TSV, any column order, ragged, quoted.

The text is split at line ends outside of quotes into pieces of some megabytes. polars parses a piece, or Python's
csv module if polars finds the quoting malformed.
"""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final

import polars as pl

from microsoft_advertising_simulator.bulk.columns import INPUT_COLUMNS
from microsoft_advertising_simulator.model import UploadState

__all__ = ["BulkFile", "FileRejected"]

_BOM: Final = b"\xef\xbb\xbf"
_PIECE_BYTES: Final = 2_000_000
_PIECE_ROWS: Final = 25_000
_MAX_ROW_BYTES: Final = 1_000_000
_FORMAT_VERSION: Final = "6.0"


class FileRejected(Exception):
    """The file as a whole cannot be processed; nothing of it is applied.

    Args:
        state: Final state of the upload.
        number: Error code for the status call.
        details: What is wrong.
    """

    def __init__(self, state: UploadState, number: int, details: str) -> None:
        super().__init__(details)
        self.state = state
        self.number = number
        self.details = details


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows in file order.

    Args:
        rows: One string column per name in INPUT_COLUMNS ("" if the file lacks it), and ``row``:
            the 0-based index of the data row in the file.
        read_bytes: Unzipped bytes read so far.
    """

    rows: pl.DataFrame
    read_bytes: int


class BulkFile(AbstractContextManager["BulkFile"]):
    """An uploaded file.

    Args:
        path: ``.csv``, ``.tsv`` or ``.zip``; a zip contains exactly one file, whose name shows CSV or TSV.
        max_bytes: Maximum unzipped bytes (a small zip can contain a huge file).
        bom_required: Refuse a file without a byte order mark.
    """

    def __init__(self, path: Path, *, max_bytes: int, bom_required: bool = True) -> None:
        self.header: list[str] = []
        """Names of the columns, after the first piece was read."""
        self._path = path
        self._bom_required = bom_required
        self._max_bytes = max_bytes
        self._read_bytes = 0
        self._zip: zipfile.ZipFile | None = None
        self._stream: IO[bytes]
        self.total_bytes = path.stat().st_size
        name = path.name
        if path.suffix == ".zip":
            self._zip = zipfile.ZipFile(path)
            member = self._zip.infolist()[0]
            name, self.total_bytes = PurePosixPath(member.filename).name, member.file_size
            self._stream = self._zip.open(member)
        else:
            self._stream = path.open("rb")
        self._separator = "\t" if name.lower().endswith(".tsv") else ","

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        if self._zip is not None:
            self._zip.close()

    def pieces(self) -> Iterator[Piece]:
        """The data rows after the Format Version row, piece by piece.

        Raises:
            FileRejected: No BOM, no header, wrong or missing Format Version, damaged zip, or a row that is too long.
        """
        header: list[str] | None = None
        has_version = False
        count = 0
        for text in self._texts():
            body = text
            if header is None:
                header, body = self._header(text)
                self.header = header
            frame = self._frame(body, header).filter(pl.any_horizontal(pl.all() != ""))
            if not has_version and len(frame):
                frame = _after_format_version(frame)
                has_version = True
            for part in frame.iter_slices(_PIECE_ROWS):  # short rows: many fit into a piece's bytes
                yield Piece(part.with_row_index("row", offset=count), self._read_bytes)
                count += len(part)
        if not has_version:
            raise _not_supported(3219, "The file has no Format Version row.")

    def _texts(self) -> Iterator[bytes]:
        """Pieces that end at a line end outside of quotes; the first one without its BOM."""
        rest = b""
        first = True
        while block := self._read():
            buffer = rest + block
            if first:
                if self._bom_required and not buffer.startswith(_BOM):
                    raise _not_supported(3223, "The file does not start with a UTF-8 byte order mark.")
                buffer = buffer.removeprefix(_BOM)
                first = False
            end = _row_end(buffer)
            if end == 0 and len(buffer) > _PIECE_BYTES + _MAX_ROW_BYTES:
                raise _not_supported(3223, f"A row is longer than {_MAX_ROW_BYTES} bytes.")
            rest = buffer[end:]
            if end:
                yield buffer[:end]
        if rest:
            yield rest

    def _read(self) -> bytes:
        try:
            block = self._stream.read(_PIECE_BYTES)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise _not_supported(3223, "The zip file is damaged.") from error
        self._read_bytes += len(block)
        if self._read_bytes > self._max_bytes:
            raise _not_supported(3223, f"The unzipped file is larger than {self._max_bytes} bytes.")
        return block

    def _header(self, text: bytes) -> tuple[list[str], bytes]:
        line, _, body = text.partition(b"\n")
        decoded = line.decode("utf-8", errors="replace").rstrip("\r")
        header = [name.strip() for name in next(csv.reader([decoded], delimiter=self._separator), [])]
        if "Type" not in header:
            raise _not_supported(3223, "The first row has no column Type.")
        return header, body

    def _frame(self, text: bytes, header: list[str]) -> pl.DataFrame:
        wanted = {name: header.index(name) for name in INPUT_COLUMNS if name in header}
        names = [f"column_{number}" for number in range(1, len(header) + 1)]  # polars' own names
        try:
            frame = self._parse(text, names, [names[index] for index in wanted.values()])
        except pl.exceptions.PolarsError:  # stray quotes
            frame = self._parse_leniently(text, names)
        return frame.select(
            pl.col(names[wanted[name]]).fill_null("").alias(name)
            if name in wanted
            else pl.lit("").alias(name)
            for name in INPUT_COLUMNS
        )

    def _parse(self, text: bytes, names: list[str], wanted: list[str]) -> pl.DataFrame:
        if not text.strip():
            return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
        return pl.read_csv(
            text,
            has_header=False,
            schema=dict.fromkeys(names, pl.String),
            separator=self._separator,
            truncate_ragged_lines=True,
            missing_columns="insert",
            extra_columns="ignore",
            empty_string_is_null=False,
            encoding="utf8-lossy",
        ).select(wanted)

    def _parse_leniently(self, text: bytes, names: list[str]) -> pl.DataFrame:
        lines = io.StringIO(text.decode("utf-8", errors="replace"), newline="")
        width = len(names)
        rows = [(row + [""] * width)[:width] for row in csv.reader(lines, delimiter=self._separator)]
        return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def _row_end(buffer: bytes) -> int:
    """Index after the last line end outside of quotes; 0 if there is none."""
    end = buffer.rfind(b"\n") + 1
    quotes = buffer.count(b'"', 0, end)
    while quotes % 2 and end:
        earlier = buffer.rfind(b"\n", 0, end - 1) + 1
        quotes -= buffer.count(b'"', earlier, end)
        end = earlier
    return end


def _after_format_version(frame: pl.DataFrame) -> pl.DataFrame:
    kind, version = frame["Type"][0], frame["Name"][0].strip()
    if kind.strip() != "Format Version" or not version:
        raise _not_supported(3219, "The row after the header must be the Format Version.")
    if version != _FORMAT_VERSION:
        raise _not_supported(3217, f"Only Format Version {_FORMAT_VERSION} is supported.")
    return frame[1:]


def _not_supported(number: int, details: str) -> FileRejected:
    return FileRejected(UploadState.FORMAT_NOT_SUPPORTED, number, details)
