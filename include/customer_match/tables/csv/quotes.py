"""Quotation marks of CSV, and the rows between them.

A mark in a wrong place would lose the rows up to the next one in a single value.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, BinaryIO, Final

if TYPE_CHECKING:
    import numpy as np

__all__ = ["QUOTING", "MisplacedQuoteError", "QuoteCheck"]

QUOTING: Final = (
    "Have the table written with values quoted as in RFC 4180 (a quotation mark inside a value is doubled), or say "
    "under `csv` of the source in the export file how it is written: `escape` if a sign stands before such marks, "
    "`quote: none` if they are plain text."
)
"""What to do about marks in wrong places."""

_LINE_ENDS: Final = b"\r\n"
_TAIL_BYTES: Final = 4096


class MisplacedQuoteError(Exception):
    """A quotation mark is neither at an edge of a value nor doubled.

    Attributes:
        offset: In the text, in bytes.
    """

    def __init__(self, offset: int) -> None:
        super().__init__(f"misplaced quotation mark at byte {offset}")
        self.offset = offset


class QuoteCheck(io.RawIOBase):
    """Passes a file through, looks at its quotation marks, and tells where rows end.

    As RFC 4180 has it, a mark that opens follows a delimiter or a line break, one that closes stands before one
    of them, and all others are doubled. Readers take anything else each in their own way.

    Args:
        file: UTF-8 without a byte order mark, at its beginning.
        delimiter: Between values.
        quote: The quotation mark; None: there is none.
        escape: Makes the next character a part of the value.

    Attributes:
        is_open: Whether what was read ends inside of quotation marks.
        row_end: Where the last row ends in what was read last, its line end included; 0: none does.
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
        """Up to so many bytes; none at the end.

        Raises:
            MisplacedQuoteError: A mark is where none may be.
        """
        content = self._file.read(-1 if size is None else size) or b""
        if content:
            self._check(self._without_escaped(content))
            self._offset += len(content)
        return content

    def readable(self) -> bool:
        """It is."""
        return True

    def _without_escaped(self, content: bytes) -> bytes:
        """The same length, with a letter for all that is escaped."""
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
        import numpy as np  # noqa: PLC0415 (files without quotation marks do without)

        is_edge = np.zeros(256, bool)
        is_edge[list(self._edges)] = True
        data = np.frombuffer(content, np.uint8)
        marks = np.flatnonzero(data == self._quote[0])
        opening, closing = (marks[1::2], marks[::2]) if self.is_open else (marks[::2], marks[1::2])
        if len(opening) and opening[0] == 0:
            if self._before and self._before not in self._edges:
                raise MisplacedQuoteError(self._offset)
            opening = opening[1:]
        if len(closing) and closing[-1] == len(data) - 1:  # what follows is not known yet
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
    """Behind the last line end that no two marks enclose; mostly it is near the end, so that is looked at first."""
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
