"""Makes and deflates the pieces of a stream in two threads, with isal.

Pieces are compressed independently of each other and end with a full flush, so that together they are one stream. isal
releases Python's lock. It is 15 times faster than zlib, with smaller output (measured). It looks back 512 bytes, which
is a few rows of a Bulk file: farther back, hex digits are equal only by chance, and such matches cost more than they
save (measured: a window of 32 KiB takes a fifth more time, for 8 % more bytes).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, NamedTuple

from isal import isal_zlib

__all__ = ["END", "Deflated", "MakePiece", "deflate"]

_THREADS: Final = 2
_WINDOW_BITS: Final = 9

END: Final = b"\x03\0"
"""An empty last block, which ends the stream."""

MakePiece = Callable[[], bytes | memoryview]
"""Makes the content of a piece; called in a thread."""


class Deflated(NamedTuple):
    """A piece of a stream.

    Attributes:
        content: The deflated content.
        crc: CRC-32 of the content as it was.
        size: Size of the content as it was, in bytes.
    """

    content: bytes
    crc: int
    size: int


def deflate(pieces: Iterable[MakePiece]) -> Generator[Deflated, None, None]:
    """Make and deflate pieces; yields them in order, in constant memory."""
    running: deque[Future[Deflated]] = deque()
    pool = ThreadPoolExecutor(_THREADS, "deflate")
    try:
        for piece in pieces:
            running.append(pool.submit(_deflate, piece))
            if len(running) > _THREADS:
                yield running.popleft().result()
        for future in running:
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _deflate(make: MakePiece) -> Deflated:
    content = make()
    compressor = isal_zlib.compressobj(1, isal_zlib.DEFLATED, -_WINDOW_BITS)
    deflated = compressor.compress(content) + compressor.flush(isal_zlib.Z_FULL_FLUSH)
    return Deflated(deflated, isal_zlib.crc32(content), memoryview(content).nbytes)
