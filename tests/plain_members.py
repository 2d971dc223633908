"""Files of members without Parquet, for tests that write many thousands of tiny ones.

What is read and written is the same, and damage is noticed as by Parquet's checksums; what real files do is
tested where they are (`test_members.py`, `test_damage.py`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, BinaryIO, Self

import pyarrow as pa
import pytest

from customer_match.members import files as members
from customer_match.members.digests import DIGEST_BYTES

__all__ = ["plain_members"]

_TYPE = pa.binary(DIGEST_BYTES)
_CHECKSUM_BYTES = 4


class _Writer:
    """What `write_members` needs of `pyarrow.parquet.ParquetWriter`."""

    def __init__(self, file: BinaryIO, schema: pa.Schema, **_: Any) -> None:
        self._file = file
        self._schema = schema
        self._content = b""

    def write_batch(self, batch: pa.RecordBatch, **_: Any) -> None:
        assert batch.schema == self._schema
        self._content += batch.column(0).buffers()[1].to_pybytes()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.write(_checksum(self._content) + self._content)


class _File:
    """What `read_members` needs of `pyarrow.parquet.ParquetFile`."""

    def __init__(self, file: BinaryIO, **_: Any) -> None:
        checksum, self._content = file.read(_CHECKSUM_BYTES), file.read()
        if checksum != _checksum(self._content):
            raise pa.ArrowInvalid("the checksum does not fit")

    def iter_batches(self, _: int, **__: Any) -> Iterator[pa.RecordBatch]:
        count = len(self._content) // DIGEST_BYTES
        if count:
            array = pa.FixedSizeBinaryArray.from_buffers(_TYPE, count, [None, pa.py_buffer(self._content)])
            yield pa.record_batch([array], names=["member"])


def _checksum(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(_CHECKSUM_BYTES, "big")


@contextmanager
def plain_members() -> Iterator[None]:
    """Within this, files of members are a checksum and the digests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(members, "pq", SimpleNamespace(ParquetWriter=_Writer, ParquetFile=_File))
        yield
