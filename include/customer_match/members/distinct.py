"""Exact de-duplication and sorting of members in constant memory, before they are written to a file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from customer_match.members.digests import DIGEST_BYTES, Digests, sorted_distinct
from customer_match.members.releasing import Releasing

__all__ = ["DistinctMembers", "Spilling"]

_BUCKETS = 64  # by the first six bits, so that buckets in order give members in order
_IN_MEMORY = 524_288  # digests (16 MiB) held in memory before they are spilled


class Spilling(Releasing):
    """Collects rows of bytes in any order, in constant memory.

    Beyond half a million digests, rows are spilled by their first bits to an unnamed temporary file. Other processes
    cannot open it, and the operating system frees it however the process ends. Memory then holds one bucket, 1/64 of
    all rows.

    Args:
        digests: Number of digests in a row.
    """

    def __init__(self, digests: int) -> None:
        self._width = digests * DIGEST_BYTES
        self._bound = _IN_MEMORY // digests
        self._waiting: list[Digests] = []
        self._waiting_count = 0
        self._file: BinaryIO | None = None
        self._ends: list[
            npt.NDArray[np.intp]
        ] = []  # for each spill, where its buckets end, in rows of the file
        self.added = 0

    def release(self) -> None:
        """Close the temporary file, which frees its space."""
        if self._file:
            self._file.close()

    def add(self, rows: Digests) -> None:
        """Add rows in any order; duplicates are allowed."""
        self._waiting.append(rows)
        self._waiting_count += len(rows)
        self.added += len(rows)
        if self._waiting_count > self._bound:
            self._spill()

    def buckets(self) -> Iterator[Digests]:
        """All rows in 64 arrays by their first six bits; can be called repeatedly.

        Rows of an array keep the order in which they were added: if that was sorted, so are all arrays together.
        """
        if self._file is None:
            rows, ends = _by_bucket(self._join_waiting())
            yield from np.split(rows, ends[:-1])
            return
        self._spill()
        for bucket in range(_BUCKETS):
            yield self._bucket(self._file, bucket)

    def _join_waiting(self) -> Digests:
        """The rows in memory as one array; they stay in memory."""
        joined = np.concatenate([np.empty((0, self._width), np.uint8), *self._waiting])
        self._waiting = [joined]
        return joined

    def _spill(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="customer-match-", buffering=0)  # noqa: SIM115 (closed on exit)
        rows, ends = _by_bucket(self._join_waiting())
        self._waiting, self._waiting_count = [], 0
        rows.tofile(self._file)
        before = self._ends[-1][-1] if self._ends else 0
        self._ends.append(before + ends)

    def _bucket(self, file: BinaryIO, bucket: int) -> Digests:
        parts = [np.empty((0, self._width), np.uint8)]
        last = 0
        for ends in self._ends:
            start, last = (ends[bucket - 1] if bucket else last), ends[-1]
            file.seek(int(start) * self._width)
            part = np.fromfile(file, np.uint8, int(ends[bucket] - start) * self._width)
            parts.append(part.reshape(-1, self._width))
        return np.concatenate(parts)


class DistinctMembers(Spilling):
    """Collects digests in any order and returns them sorted and distinct, in constant memory."""

    def __init__(self) -> None:
        super().__init__(digests=1)

    def sorted(self) -> Iterator[Digests]:
        """All members in order, each once; can be called repeatedly."""
        if self._file is None:
            self._waiting = [sorted_distinct(self._join_waiting())]
            yield self._waiting[0]
            return
        for bucket in self.buckets():
            yield sorted_distinct(bucket)


def _by_bucket(rows: Digests) -> tuple[Digests, npt.NDArray[np.intp]]:
    """The rows in order of their buckets, and where each bucket ends."""
    buckets = rows[:, 0] // (256 // _BUCKETS)
    order = np.argsort(buckets, kind="stable")  # a radix sort
    return rows.take(order, axis=0), np.cumsum(np.bincount(buckets, minlength=_BUCKETS))
