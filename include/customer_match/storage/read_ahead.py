"""Fetch ranges of files before they are read, several at a time.

In a lake every request has latency; one after the other, the waits for many small ranges add up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Final, ParamSpec, Self, TypeVar

__all__ = ["Range", "ReadAhead", "Requests"]

Range = tuple[int, int]
"""First byte, and the one after the last byte."""

P = ParamSpec("P")
T = TypeVar("T")

_PIECE_BYTES: Final = 8 * 2**20  # of one request; with half of it, large CSV files take a third longer
_HOLE_BYTES: Final = 2**20  # fetched needlessly, to save another request
_REQUESTS_AT_ONCE: Final = 8
_BYTES_AHEAD: Final = (
    24 * 2**20
)  # fetched and not yet read: one piece that is being read, and two on their way


@dataclass(frozen=True)
class _Piece:
    start: int
    end: int
    wanted: int  # without its holes


@dataclass(eq=False)
class _Request:
    fetch: Callable[[int, int], bytes]
    piece: _Piece
    left: int  # wanted bytes that were not yet read
    content: Future[bytes] | None = None  # None: not yet started

    @property
    def size(self) -> int:
        return self.piece.end - self.piece.start


class Requests:
    """Requests for ranges of files that are read one after the other: in this order, within one limit of memory.

    Used in one thread; only the requests run in others. Close it after the files.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_REQUESTS_AT_ONCE, "read-ahead")
        self._waiting: deque[_Request] = deque()
        self._started: set[_Request] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_waiting(self) -> bool:
        """Whether some ranges were not yet requested."""
        return bool(self._waiting)

    @property
    def bytes_ahead(self) -> int:
        """Bytes requested and not yet read."""
        return sum(request.size for request in self._started)

    def add(self, requests: Iterable[_Request]) -> None:
        """Start requests after all others, as soon as the limits allow."""
        self._waiting.extend(requests)
        self._start_more()

    def start_now(self, request: _Request) -> Future[bytes]:
        """Start a request, whatever the limits, if it was still waiting."""
        if request.content is None:
            self._waiting.remove(request)
            return self._start(request)
        return request.content

    def drop(self, requests: Iterable[_Request]) -> None:
        """Forget requests that were read, or are no longer wanted; waits for those that are running."""
        for request in requests:
            if request.content is None:
                self._waiting.remove(request)
            elif not request.content.cancel():
                wait([request.content])
            self._started.discard(request)
        self._start_more()

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run other work in the background, after the requests that were started."""
        return self._pool.submit(work, *args, **kwargs)

    def close(self) -> None:
        """Wait for running requests; start no others."""
        self._waiting.clear()
        self._pool.shutdown(cancel_futures=True)
        self._started.clear()

    def _start_more(self) -> None:
        while self._waiting and len(self._started) < _REQUESTS_AT_ONCE:
            ahead = self.bytes_ahead
            if ahead and ahead + self._waiting[0].size > _BYTES_AHEAD:
                return
            self._start(self._waiting.popleft())

    def _start(self, request: _Request) -> Future[bytes]:
        request.content = self._pool.submit(request.fetch, request.piece.start, request.piece.end)
        self._started.add(request)
        return request.content


class ReadAhead:
    """Serves reads of a file from ranges fetched ahead, and all other reads by separate requests.

    Args:
        fetch: Reads a range of the file, all of it; called from several threads.
        ranges: What will be read, in about this order.
        requests: Those of the files that are read one after the other; None: this file alone.
    """

    def __init__(
        self,
        fetch: Callable[[int, int], bytes],
        ranges: Iterable[Range],
        requests: Requests | None = None,
    ) -> None:
        self._fetch = fetch
        self._is_alone = requests is None
        self._requests = requests or Requests()
        self._expected = [_Request(fetch, piece, piece.wanted) for piece in pieces(ranges)]
        self._requests.add(self._expected)

    def read(self, start: int, end: int) -> bytes:
        """Return a range of the file."""
        parts: list[bytes] = []
        while start < end:
            request = self._at(start)
            if request is None:
                parts.append(self._fetch(start, end))
                break
            offset = start - request.piece.start
            part = self._requests.start_now(request).result()[offset : end - request.piece.start]
            parts.append(part)
            start += len(part)
            self._consume(request, len(part))
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """Wait for running requests, and drop all ranges."""
        dropped, self._expected = self._expected, []
        self._requests.drop(dropped)
        if self._is_alone:
            self._requests.close()

    def _at(self, position: int) -> _Request | None:
        """Return the request for a position."""
        return next((r for r in self._expected if r.piece.start <= position < r.piece.end), None)

    def _consume(self, request: _Request, size: int) -> None:
        request.left -= size
        if request.left <= 0:
            self._expected.remove(request)
            self._requests.drop([request])


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
