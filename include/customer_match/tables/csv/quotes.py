"""Checks the quotation marks of CSV files, and finds the ends of rows.

With a misplaced quotation mark, the rows up to the next one would be lost in a single value.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, BinaryIO, Final

if TYPE_CHECKING:
    import numpy as np

__all__ = ["QUOTING", "MisplacedQuoteError", "QuoteCheck"]

QUOTING: Final = (
    "Have the table written with values quoted as in RFC 4180 (a quotation mark inside a value is doubled), or set "
    "under `csv` of the source in the export file how it is written: `escape` if a character precedes such marks, "
    "`quote: none` if they are plain text."
)
"""What to do about misplaced quotation marks."""

_LINE_ENDS: Final = b"\r\n"
_TAIL_BYTES: Final = 4096


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
        self._edges = _LINE_ENDS + delimiter.encode() + self._quote
        self._escape = escape.encode() if escape else b""
        self._escaped = re.compile(re.escape(self._escape) + b".", re.DOTALL) if escape else None
        self._escapes_next = False
        self._before = b""  # the last byte of what was read; empty at the beginning
        self._offset = 0
        self.is_open = False
        self.row_end = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to `size` bytes; empty at the end.

        Raises:
            MisplacedQuoteError: A quotation mark is misplaced.
        """
        content = self._file.read(-1 if size is None else size) or b""
        if content:
            self._check(self._without_escaped(content))
            self._offset += len(content)
        return content

    def readable(self) -> bool:
        """Whether the stream is readable: always."""
        return True

    def _without_escaped(self, content: bytes) -> bytes:
        """The content with escaped characters replaced by letters, of the same length."""
        if self._escaped is None:
            return content
        if self._escapes_next:
            content = b"x" + content[1:]
        content = self._escaped.sub(b"xx", content)
        self._escapes_next = content.endswith(self._escape)
        return content

    def _check(self, content: bytes) -> None:
        closed_at_the_end = self._quote and self._before == self._quote and not self.is_open
        if closed_at_the_end and content[0] not in self._edges:
            raise MisplacedQuoteError(self._offset - 1)
        if self._quote and self._quote in content:
            self._check_marks(content)
        else:
            self.row_end = 0 if self.is_open else max(content.rfind(b"\n"), content.rfind(b"\r")) + 1
        self._before = content[-1:]

    def _check_marks(self, content: bytes) -> None:
        import numpy as np  # noqa: PLC0415 (not needed without quotation marks)

        is_edge = np.zeros(256, bool)
        is_edge[list(self._edges)] = True
        data = np.frombuffer(content, np.uint8)
        marks = np.flatnonzero(data == self._quote[0])
        opening, closing = (marks[1::2], marks[::2]) if self.is_open else (marks[::2], marks[1::2])
        if len(opening) and opening[0] == 0:
            if self._before and self._before not in self._edges:
                raise MisplacedQuoteError(self._offset)
            opening = opening[1:]
        if len(closing) and closing[-1] == len(data) - 1:  # the next byte is not known yet
            closing = closing[:-1]
        wrong = [
            places[~is_edge.take(data.take(places + beside))]
            for places, beside in ((opening, -1), (closing, 1))
        ]
        if any(map(len, wrong)):
            raise MisplacedQuoteError(self._offset + min(int(places[0]) for places in wrong if len(places)))
        self.row_end = _row_end(data, marks, self.is_open)
        self.is_open ^= len(marks) % 2 == 1


def _row_end(data: np.ndarray[Any, Any], marks: np.ndarray[Any, Any], is_open: bool) -> int:  # noqa: FBT001
    """The position after the last line end outside of quotation marks; searched from the end, where it usually is."""
    import numpy as np  # noqa: PLC0415

    length = _TAIL_BYTES
    while True:
        first = max(len(data) - length, 0)
        tail = data[first:]
        ends = first + np.flatnonzero((tail == _LINE_ENDS[0]) | (tail == _LINE_ENDS[1]))
        outside = ends[(np.searchsorted(marks, ends) + is_open) % 2 == 0]
        if len(outside):
            return int(outside[-1]) + 1
        if not first:
            return 0
        length *= 16
