"""Fetch ranges of a file before they are read, several at a time.

In a lake every request has latency; one after the other, the waits for many small ranges add up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

__all__ = ["Range", "ReadAhead"]

Range = tuple[int, int]
"""First byte, and the one after the last byte."""

_PIECE_BYTES: Final = 8 * 2**20  # of one request; with half of it, large CSV files take a third longer
_HOLE_BYTES: Final = 2**20  # fetched needlessly, to save another request
_REQUESTS_AT_ONCE: Final = 8
_BYTES_AHEAD: Final = 16 * 2**20  # fetched and not yet read, for a file and those after it together


@dataclass(frozen=True)
class _Piece:
    start: int
    end: int
    wanted: int  # without its holes


@dataclass
class _Fetched:
    piece: _Piece
    content: Future[bytes]
    left: int  # wanted bytes that were not yet read


class ReadAhead:
    """Serves reads from ranges fetched ahead, and all other reads by separate requests.

    Files are read, opened and closed in one thread; only requests run in other threads.

    Args:
        fetch: Reads a range of the file; called from several threads.
        ranges: What will be read, in about this order.
        before: Of a file that is read before this one. Its ranges are requested first, and both files share one
            memory limit.
    """

    def __init__(
        self, fetch: Callable[[int, int], bytes], ranges: Iterable[Range], before: ReadAhead | None = None
    ) -> None:
        self._fetch = fetch
        self._waiting = deque(pieces(ranges))
        self._fetched: list[_Fetched] = []
        self._pool = ThreadPoolExecutor(_REQUESTS_AT_ONCE, "read-ahead")
        self.before = before
        self.after: ReadAhead | None = None
        if before:
            before.after = self
        self.request_more()

    @property
    def is_waiting(self) -> bool:
        """Whether some ranges were not yet requested."""
        return bool(self._waiting)

    @property
    def bytes_ahead(self) -> int:
        """Bytes requested and not yet read, of this file and the one before it."""
        own = sum(one.piece.end - one.piece.start for one in self._fetched)
        return own + (self.before.bytes_ahead if self.before else 0)

    def request_more(self) -> None:
        """Request as many ranges as the limits allow."""
        while self._is_next() and len(self._fetched) < _REQUESTS_AT_ONCE:
            piece = self._waiting[0]
            ahead = self.bytes_ahead
            if ahead and ahead + piece.end - piece.start > _BYTES_AHEAD:
                return
            self._start(self._waiting.popleft())
        if self.after and not self._waiting:
            self.after.request_more()

    def read(self, start: int, end: int) -> bytes:
        """Return a range of the file; shorter only at the end of the file."""
        parts: list[bytes] = []
        while start < end:
            fetched = self._at(start)
            if fetched is None:
                parts.append(self._fetch(start, end))
                break
            offset = start - fetched.piece.start
            part = fetched.content.result()[offset : end - fetched.piece.start]
            if not part:  # the file has become shorter
                break
            parts.append(part)
            start += len(part)
            self._consume(fetched, len(part))
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """Wait for running requests, and drop all ranges."""
        self._waiting.clear()
        self._pool.shutdown(cancel_futures=True)
        self._fetched.clear()
        if self.before:
            self.before.after = None
        if self.after:
            self.after.before = None
        self.before = self.after = None

    def _at(self, position: int) -> _Fetched | None:
        """Return the piece that holds a position; request it now if it was still waiting."""
        for fetched in self._fetched:
            if fetched.piece.start <= position < fetched.piece.end:
                return fetched
        for piece in self._waiting:
            if piece.start <= position < piece.end:
                self._waiting.remove(piece)
                return self._start(piece)
        return None

    def _consume(self, fetched: _Fetched, size: int) -> None:
        fetched.left -= size
        if fetched.left <= 0:
            self._fetched.remove(fetched)
            self.request_more()

    def _is_next(self) -> bool:
        return bool(self._waiting) and not (self.before and self.before.is_waiting)

    def _start(self, piece: _Piece) -> _Fetched:
        fetched = _Fetched(piece, self._pool.submit(self._fetch, piece.start, piece.end), piece.wanted)
        self._fetched.append(fetched)
        return fetched


def pieces(ranges: Iterable[Range]) -> Iterator[_Piece]:
    """Plan requests for ranges: split long ranges, join short ones that are near each other (forwards)."""
    current: _Piece | None = None
    for start, end in _parts(ranges):
        if current and _fits(current, start, end):
            current = _Piece(current.start, end, current.wanted + end - start)
            continue
        if current:
            yield current
        current = _Piece(start, end, end - start)
    if current:
        yield current


def _fits(piece: _Piece, start: int, end: int) -> bool:
    return 0 <= start - piece.end <= _HOLE_BYTES and end - piece.start <= _PIECE_BYTES


def _parts(ranges: Iterable[Range]) -> Iterator[Range]:
    for start, end in ranges:
        for first in range(start, end, _PIECE_BYTES):
            yield first, min(first + _PIECE_BYTES, end)
