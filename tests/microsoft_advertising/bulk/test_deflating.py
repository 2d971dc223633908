"""The pieces are one stream that any program inflates."""

from __future__ import annotations

import threading
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microsoft_advertising.bulk import deflating
from microsoft_advertising.bulk.deflating import ThreadedDeflate


def deflate(pieces: list[bytes]) -> bytes:
    stream = ThreadedDeflate()
    return b"".join([*(stream.compress(piece) for piece in pieces), stream.flush()])


@settings(max_examples=60)
@given(
    st.lists(st.binary(max_size=60) | st.sampled_from([b"abc" * 50, b"\0" * 200]), max_size=20),
    st.integers(1, 300),
)
def test_pieces_come_back_in_order(pieces: list[bytes], piece_bytes: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deflating, "_PIECE_BYTES", piece_bytes)
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        assert inflate.decompress(deflate(pieces)) == b"".join(pieces)
        assert inflate.eof
        assert inflate.unused_data == b""


def test_no_thread_is_left() -> None:
    before = threading.active_count()
    deflate([b"x" * 3_000_000] * 4)
    assert threading.active_count() == before
    stream = ThreadedDeflate()
    stream.compress(b"x" * 3_000_000)
    stream.close()
    assert threading.active_count() == before
