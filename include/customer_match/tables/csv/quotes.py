"""Checks the quotation marks of CSV files, and finds the ends of rows.

With a misplaced quotation mark, the rows up to the next one would be lost in a single value.
"""

from __future__ import annotations

import io
import re
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from customer_match.tables.csv.positions import (
    Positions,
    first_of,
    followers,
    is_last,
    last_of,
    odd_so_far,
    positions_where,
    predecessors,
)

__all__ = ["QUOTING", "MisplacedQuoteError", "QuoteCheck"]

QUOTING: Final = (
    "Have the table written with values quoted as in RFC 4180 (a quotation mark inside a value is doubled), or set "
    "under `csv` of the source in the export file how it is written: `escape` if a character precedes such marks, "
    "`quote: none` if they are plain text."
)
"""What to do about misplaced quotation marks."""

_LINE_ENDS: Final = b"\r\n"


class MisplacedQuoteError(Exception):
    """A quotation mark is neither at an edge of a value nor doubled.

    Attributes:
        offset: Its position in the text, in bytes.
    """

    def __init__(self, offset: int) -> None:
        super().__init__(f"misplaced quotation mark at byte {offset}")
        self.offset = offset


class QuoteCheck(io.RawIOBase):
    """Passes a file through, checks its quotation marks, and finds where rows end.

    According to RFC 4180, an opening mark follows a delimiter or a line break, a closing mark precedes one, and all
    other marks are doubled. Readers interpret anything else differently.

    Args:
        file: The file at its start, UTF-8 without a byte order mark.
        delimiter: The delimiter between values.
        quote: The quotation mark; None if there is none.
        escape: The character that makes the next one part of the value.

    Attributes:
        is_open: Whether the content read so far ends inside quotation marks.
        row_end: The end of the last row in the content read last, including its line end; 0 if no row ends there.
    """

    def __init__(
        self, file: BinaryIO | io.RawIOBase, delimiter: str, quote: str | None, escape: str | None = None
    ) -> None:
        super().__init__()
        self._file = file
        self._quote = (quote or "").encode()
        self._delimiter = delimiter.encode()
        self._edges = _LINE_ENDS + self._delimiter + self._quote
        self._escape = escape.encode() if escape else b""
        self._escaped = re.compile(re.escape(self._escape) + b".", re.DOTALL) if escape else None
        self._escapes_next = False
        self._before = b""  # the last byte of what was read; empty at the beginning
        self._offset = 0
        self.is_open = False
        self.row_end = 0

    def readinto(self, buffer: Any, /) -> int:
        """Read into a buffer, which may be filled only in part; return the number of bytes, 0 at the end.

        Raises:
            MisplacedQuoteError: A quotation mark is misplaced.
        """
        view = memoryview(buffer).cast("B")
        size: int = self._file.readinto(view) or 0  # type: ignore[union-attr]  # binary files have it
        if size:
            self._check(np.frombuffer(self._without_escaped(view[:size]), np.uint8))
            self._offset += size
        return size

    def readable(self) -> bool:
        """Whether the stream is readable: always."""
        return True

    def _without_escaped(self, content: memoryview) -> memoryview | bytes:
        """The content with escaped characters replaced by letters, of the same length."""
        if self._escaped is None:
            return content
        text = bytes(content)
        if self._escapes_next:
            text = b"x" + text[1:]
        text = self._escaped.sub(b"xx", text)
        self._escapes_next = text.endswith(self._escape)
        return text

    def _check(self, data: npt.NDArray[np.uint8]) -> None:
        closed_at_the_end = self._quote and self._before == self._quote and not self.is_open
        if closed_at_the_end and data[0] not in self._edges:
            raise MisplacedQuoteError(self._offset - 1)
        line_ends = positions_where((data == _LINE_ENDS[0]) | (data == _LINE_ENDS[1]))
        marks = positions_where(data == self._quote[0]) if self._quote else np.zeros_like(line_ends)
        inside = odd_so_far(marks, self.is_open)  # from each opening mark to just before the closing one
        if marks.any():
            edges = marks | line_ends | positions_where(data == self._delimiter[0])
            self._check_marks(marks, inside, edges, len(data))
        last = last_of(line_ends & ~inside)
        self.row_end = 0 if last is None else last + 1
        self.is_open = is_last(inside)
        self._before = data[-1:].tobytes()

    def _check_marks(self, marks: Positions, inside: Positions, edges: Positions, length: int) -> None:
        opens_well = followers(edges, not self._before or self._before in self._edges)
        closes_well = predecessors(edges, length)
        misplaced = first_of(marks & ~(inside & opens_well | ~inside & closes_well))
        if misplaced is not None:
            raise MisplacedQuoteError(self._offset + misplaced)
