"""Deflates a stream in two threads with isal, which is 15 times faster than zipfile's zlib, with smaller output.

Pieces of the stream are compressed independently of each other and end with a full flush, so that together they are one
stream. isal releases Python's lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from isal import isal_zlib

__all__ = ["ThreadedDeflate"]

_THREADS: Final = 2
_PIECE_BYTES: Final = 2**20
_END: Final = b"\x03\0"  # an empty last block

Piece = bytes | memoryview


class ThreadedDeflate:
    """A compressor with the interface of zlib's. Given data must not be changed afterwards."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, "deflate")
        self._waiting: list[Piece] = []
        self._waiting_bytes = 0
        self._running: deque[Future[bytes]] = deque()

    def compress(self, data: Piece) -> bytes:
        """Add data; return what has been compressed in the meantime."""
        self._waiting.append(data)
        self._waiting_bytes += memoryview(data).nbytes
        if self._waiting_bytes < _PIECE_BYTES:
            return b""
        self._start()
        return self._running.popleft().result() if len(self._running) > _THREADS else b""

    def flush(self) -> bytes:
        """End the stream; return the rest of it."""
        self._start()
        rest = b"".join(running.result() for running in self._running)
        self.close()
        return rest + _END

    def close(self) -> None:
        """Stop the threads."""
        self._pool.shutdown(cancel_futures=True)

    def _start(self) -> None:
        self._running.append(self._pool.submit(_deflate, self._waiting))
        self._waiting, self._waiting_bytes = [], 0


def _deflate(pieces: Sequence[Any]) -> bytes:
    compressor = isal_zlib.compressobj(1, isal_zlib.DEFLATED, -isal_zlib.MAX_WBITS)
    parts = [compressor.compress(piece) for piece in pieces]
    return b"".join((*parts, compressor.flush(isal_zlib.Z_FULL_FLUSH)))
