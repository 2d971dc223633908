"""Sets of members on disk: files of sorted, distinct 32-byte SHA-256 digests.

A set is never changed in place. A change writes a new file, makes it durable and returns its name; the transaction
that records the change then refers to it. So a crash leaves the old set or the new one, never a mixture.
"""

from __future__ import annotations

import bisect
import os
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from microsoft_advertising_simulator.model import Action

__all__ = ["DIGEST_BYTES", "Digests", "MemberFiles", "make_durable", "sort_distinct", "sync_folder"]

DIGEST_BYTES: Final = 32
_BLOCK_ROWS: Final = 500_000

Digests: TypeAlias = NDArray[np.uint8]
"""Shape (n, 32), C-contiguous: one row per digest."""


def _order(digests: Digests) -> NDArray[np.intp]:
    """Permutation that sorts rows lexicographically by bytes."""
    words = np.ascontiguousarray(digests).view(">u8")
    order = np.argsort(words[:, 0].astype(np.uint64), kind="stable")
    first = words[order, 0]
    ties = np.flatnonzero(first[1:] == first[:-1])
    if np.array_equal(digests[order[ties]], digests[order[ties + 1]]):
        return order
    # Different digests with the same first 8 bytes: very unlikely in real data, but they must sort correctly.
    return np.lexsort((words[:, 3], words[:, 2], words[:, 1], words[:, 0]))


def _equals_next(rows: Digests) -> NDArray[np.bool_]:
    """Shape (n - 1,): whether a row of a sorted array equals the one after it."""
    words = rows.view(np.uint64)
    equal: NDArray[np.bool_] = words[1:, 0] == words[:-1, 0]
    candidates = np.flatnonzero(equal)
    equal[candidates] = (words[candidates] == words[candidates + 1]).all(axis=1)
    return equal


def sort_distinct(digests: Digests) -> Digests:
    """The sorted, distinct rows."""
    if len(digests) == 0:
        return digests
    rows = digests[_order(digests)]
    keep = np.ones(len(rows), dtype=np.bool_)
    keep[1:] = ~_equals_next(rows)
    return rows[keep]


def _without(kept: Digests, taken: Digests) -> Digests:
    """Rows of `kept` that are not in `taken`; both sorted and distinct."""
    if len(taken) == 0 or len(kept) == 0:
        return kept
    both = np.concatenate([kept, taken])
    order = _order(both)
    stays = order < len(kept)
    stays[:-1] &= ~_equals_next(both[order])  # the order is stable: a kept row comes before its equal
    result: Digests = both[order[stays]]
    return result


def _common(kept: Digests, wanted: Digests) -> Digests:
    """Rows of `kept` that are also in `wanted`; both sorted and distinct."""
    return _without(kept, _without(kept, wanted))


def _split(old: Digests, change: Digests) -> Iterator[tuple[Digests, Digests]]:
    """Split two sorted arrays at the same keys into blocks, so that each pair can be combined separately."""
    taken = 0
    for start in range(0, len(old), _BLOCK_ROWS):
        block = np.array(old[start : start + _BLOCK_ROWS])
        last = block[-1].tobytes()
        is_final = start + _BLOCK_ROWS >= len(old)
        end = (
            len(change)
            if is_final
            else bisect.bisect_right(range(len(change)), last, lo=taken, key=lambda i: change[i].tobytes())
        )
        yield block, change[taken:end]
        taken = end
    if len(old) == 0:
        yield old, change


class MemberFiles:
    """The folder of member files.

    Args:
        folder: Created if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def change(self, name: str | None, action: Action, digests: Digests) -> tuple[str, int]:
        """Write the result of a change to a set.

        Args:
            name: File of the current set; None = empty.
            action: Add, Remove or Replace.
            digests: Sorted, distinct.

        Returns:
            Name of the new file, which is durable, and its number of members.
        """
        old = self._open(name)
        if action is Action.ADD and len(old) == 0:
            return self._write([digests])  # sorted already
        match action:
            case Action.REPLACE:
                return self._write([digests])
            case Action.ADD:
                return self._write(sort_distinct(np.concatenate(pair)) for pair in _split(old, digests))
            case Action.REMOVE:
                return self._write(_without(*pair) for pair in _split(old, digests))

    def store(self, digests: Digests) -> str:
        """Write sorted, distinct digests to a new file; returns its name."""
        return self._write([digests])[0]

    def intersect(self, name: str | None, others: Iterable[str]) -> tuple[str, int]:
        """Write the members of a set that are in at least one of the other files.

        Returns:
            Name of the new file, which is durable, and its number of members.
        """
        wanted = [np.array(self._open(other)) for other in others]
        stay = sort_distinct(np.concatenate([np.empty((0, DIGEST_BYTES), dtype=np.uint8), *wanted]))
        return self._write(_common(*pair) for pair in _split(self._open(name), stay))

    def hex_lines(self, name: str | None) -> Iterator[bytes]:
        """The members as lower-case hex, one per line, in blocks of bounded size.

        The file is opened immediately, so a later change does not affect the reader.
        """
        return _hex_lines(self._open(name))

    def remove_except(self, names: Iterable[str]) -> None:
        """Remove files without a reference (left by a crash, or superseded)."""
        wanted = set(names)
        for path in self._folder.iterdir():
            if path.name not in wanted:
                path.unlink(missing_ok=True)

    def remove(self, name: str | None) -> None:
        """Remove a superseded file; readers that have it open are not affected."""
        if name is not None:
            (self._folder / name).unlink(missing_ok=True)

    def _open(self, name: str | None) -> Digests:
        if name is None or (self._folder / name).stat().st_size == 0:
            return np.empty((0, DIGEST_BYTES), dtype=np.uint8)
        mapped: Digests = np.memmap(self._folder / name, dtype=np.uint8, mode="r").reshape(-1, DIGEST_BYTES)
        return mapped

    def _write(self, blocks: Iterable[Digests]) -> tuple[str, int]:
        name = f"{uuid.uuid4().hex}.digests"
        count = 0
        with (self._folder / name).open("wb") as stream:
            for block in blocks:
                stream.write(np.ascontiguousarray(block).data)
                count += len(block)
            stream.flush()
            os.fsync(stream.fileno())
        sync_folder(self._folder)
        return name, count


def _hex_lines(digests: Digests) -> Iterator[bytes]:
    for start in range(0, len(digests), 50_000):
        block = digests[start : start + 50_000].tobytes().hex()
        yield "".join(block[i : i + 64] + "\n" for i in range(0, len(block), 64)).encode()


def sync_folder(folder: Path) -> None:
    """Make the folder's entries durable, so that a new file survives a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_durable(partial: Path, final: Path) -> None:
    """Move a finished file to its final name, so that after a crash it exists completely or not at all."""
    with partial.open("rb") as stream:
        os.fsync(stream.fileno())
    partial.replace(final)
    sync_folder(final.parent)
