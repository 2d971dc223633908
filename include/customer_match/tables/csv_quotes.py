"""Quotation marks of CSV: one in a wrong place would lose the rows up to the next one in a single value."""

from __future__ import annotations

import io
import re
from typing import BinaryIO, Final

__all__ = ["QUOTING", "MisplacedQuoteError", "QuoteCheck"]

QUOTING: Final = (
    "Let the table be written with values quoted as in RFC 4180 (a quotation mark inside a value is doubled), or say "
    "under `csv` of the source in the export file how it is written: `escape` if a sign stands before such marks, "
    "`quote: none` if they are plain text."
)
"""What to do about marks in wrong places."""

_LINE_ENDS: Final = b"\r\n"


class MisplacedQuoteError(Exception):
    """A quotation mark is neither at an edge of a value nor doubled.

    Attributes:
        offset: In the text, in bytes.
    """

    def __init__(self, offset: int) -> None:
        super().__init__(f"misplaced quotation mark at byte {offset}")
        self.offset = offset


class QuoteCheck(io.RawIOBase):
    """Passes a file through and looks at its quotation marks.

    As RFC 4180 has it, a mark that opens follows a delimiter or a line break, one that closes stands before one
    of them, and all others are doubled. Readers take anything else each in their own way.

    Args:
        file: UTF-8 without a byte order mark, at its beginning.
        delimiter: Between values.
        quote: The quotation mark.
        escape: Makes the next character a part of the value.
    """

    def __init__(
        self, file: BinaryIO | io.RawIOBase, delimiter: str, quote: str, escape: str | None = None
    ) -> None:
        super().__init__()
        self._file = file
        self._quote = quote.encode()
        self._edges = _LINE_ENDS + delimiter.encode() + self._quote
        self._escape = escape.encode() if escape else b""
        self._escaped = re.compile(re.escape(self._escape) + b".", re.DOTALL) if escape else None
        self._escapes_next = False
        self._before = b""  # the last byte of what was read; empty at the beginning
        self._offset = 0
        self.is_open = False

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
        closed_at_the_end = self._before == self._quote and not self.is_open
        if closed_at_the_end and content[0] not in self._edges:
            raise MisplacedQuoteError(self._offset - 1)
        if self._quote in content:
            self._check_marks(content)
        self._before = content[-1:]

    def _check_marks(self, content: bytes) -> None:
        import numpy as np  # noqa: PLC0415 (files without quotation marks do without)

        is_edge = np.zeros(256, bool)
        is_edge[list(self._edges)] = True
        data = np.frombuffer(content, np.uint8)
        marks = np.flatnonzero(data == self._quote[0])
        opens = np.arange(len(marks)) % 2 == (1 if self.is_open else 0)
        # What stands before a mark that opens, and after one that closes; at the ends what is known, or not yet.
        beside = np.where(opens, marks - 1, marks + 1)
        inner = (beside >= 0) & (beside < len(data))
        right = np.ones(len(marks), bool)
        right[inner] = is_edge[data[beside[inner]]]
        if opens[0] and marks[0] == 0:
            right[0] = not self._before or self._before in self._edges
        if not right.all():
            raise MisplacedQuoteError(self._offset + int(marks[int(np.argmin(right))]))
        self.is_open ^= len(marks) % 2 == 1
