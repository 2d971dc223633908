"""Ranges of a file that will be needed, fetched before they are asked for and several at a time.

In a lake every request waits for an answer: one after the other, the waits of many small ranges add up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

__all__ = ["Range", "ReadAhead"]

Range = tuple[int, int]
"""First byte, and the one after the last."""

_PIECE_BYTES: Final = 8 * 2**20  # of one request; half of it takes a third longer for large CSV files
_HOLE_BYTES: Final = 2**20  # that are fetched for nothing rather than by another request
_REQUESTS_AT_ONCE: Final = 8
_BYTES_AHEAD: Final = (
    16 * 2**20
)  # fetched and not yet asked for, of a file and of those after it, whatever their size


@dataclass(frozen=True)
class _Piece:
    start: int
    end: int
    wanted: int  # without its holes


@dataclass
class _Fetched:
    piece: _Piece
    content: Future[bytes]
    left: int  # wanted bytes that were not yet asked for


class ReadAhead:
    """Serves reads from what was fetched ahead, and everything else by a request of its own.

    Files are read, opened and closed in one thread; only requests have threads of their own.

    Args:
        fetch: Gets a range of the file; called from several threads.
        ranges: What will be read, in about this order.
        before: Of another file, which is read before this one. All that it needs is asked for first, and both keep
            within one bound of memory.
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
        self.begin()

    @property
    def is_waiting(self) -> bool:
        """Whether there is something that was not yet asked for."""
        return bool(self._waiting)

    @property
    def bytes_ahead(self) -> int:
        """Asked for and not yet read, of this file and of the one before it."""
        own = sum(one.piece.end - one.piece.start for one in self._fetched)
        return own + (self.before.bytes_ahead if self.before else 0)

    def begin(self) -> None:
        """Ask for as much as the bounds allow."""
        while self._is_next() and len(self._fetched) < _REQUESTS_AT_ONCE:
            piece = self._waiting[0]
            ahead = self.bytes_ahead
            if ahead and ahead + piece.end - piece.start > _BYTES_AHEAD:
                return
            self._started(self._waiting.popleft())
        if self.after and not self._waiting:
            self.after.begin()

    def read(self, start: int, end: int) -> bytes:
        """A range of the file; shorter only at its end."""
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
            self._taken(fetched, len(part))
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """Wait for requests that are under way, and forget everything."""
        self._waiting.clear()
        self._pool.shutdown(cancel_futures=True)
        self._fetched.clear()
        if self.before:
            self.before.after = None
        if self.after:
            self.after.before = None
        self.before = self.after = None

    def _at(self, position: int) -> _Fetched | None:
        """The piece that holds a position; it is begun now if it was still waiting for its turn."""
        for fetched in self._fetched:
            if fetched.piece.start <= position < fetched.piece.end:
                return fetched
        for piece in self._waiting:
            if piece.start <= position < piece.end:
                self._waiting.remove(piece)
                return self._started(piece)
        return None

    def _taken(self, fetched: _Fetched, size: int) -> None:
        fetched.left -= size
        if fetched.left <= 0:
            self._fetched.remove(fetched)
            self.begin()

    def _is_next(self) -> bool:
        return bool(self._waiting) and not (self.before and self.before.is_waiting)

    def _started(self, piece: _Piece) -> _Fetched:
        fetched = _Fetched(piece, self._pool.submit(self._fetch, piece.start, piece.end), piece.wanted)
        self._fetched.append(fetched)
        return fetched


def pieces(ranges: Iterable[Range]) -> Iterator[_Piece]:
    """Requests for ranges: long ones in several, short ones near one another (forwards) in one."""
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
