"""The pieces are one stream that any program inflates."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microsoft_advertising.bulk.deflating import END, MakePiece, deflate


@settings(max_examples=60)
@given(st.lists(st.binary(max_size=60) | st.sampled_from([b"abc" * 500, b"\0" * 2000]), max_size=20))
def test_pieces_come_back_in_order(contents: list[bytes]) -> None:
    pieces = list(deflate(_making(contents)))
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    assert inflate.decompress(b"".join(piece.content for piece in pieces) + END) == b"".join(contents)
    assert inflate.eof
    assert inflate.unused_data == b""
    assert [(piece.crc, piece.size) for piece in pieces] == [(zlib.crc32(one), len(one)) for one in contents]


def test_few_pieces_wait() -> None:
    made = 0

    def making() -> Iterator[MakePiece]:
        nonlocal made
        for _ in range(50):
            made += 1
            yield lambda: b"x" * 1_000

    pieces = deflate(making())
    next(pieces)
    assert made <= 4
    pieces.close()


def test_no_thread_is_left() -> None:
    before = threading.active_count()
    assert len(list(deflate(_making([b"x" * 3_000_000] * 4)))) == 4
    assert threading.active_count() == before
    unfinished = deflate(_making([b"x" * 3_000_000] * 9))
    next(unfinished)
    unfinished.close()
    assert threading.active_count() == before


def test_an_error_of_a_piece_ends_the_stream() -> None:
    def fails() -> bytes:
        raise MemoryError("no memory")

    before = threading.active_count()
    with pytest.raises(MemoryError, match="no memory"):
        list(deflate([lambda: b"x", fails, lambda: b"x"]))
    assert threading.active_count() == before


def _making(contents: list[bytes]) -> Iterator[MakePiece]:
    return (lambda content=content: content for content in contents)  # type: ignore[misc]
