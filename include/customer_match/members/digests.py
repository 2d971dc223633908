"""Sets of members as arrays of SHA-256 digests: sort, de-duplicate, merge; exact and vectorised.

*Digests* are arrays of shape (n, 32), dtype uint8, C-contiguous: one digest per row. A *sorted* array has its rows in
lexicographic order, each row once. Comparisons use the first eight bytes as one integer. If two of these are equal, all
32 bytes decide, because already hashed values come from outside and their prefixes may be equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product

import numpy as np
import numpy.typing as npt

__all__ = [
    "DIGEST_BYTES",
    "Digests",
    "Presence",
    "concatenate",
    "empty",
    "from_hex",
    "is_in_any",
    "merge",
    "sorted_distinct",
    "to_hex",
]

DIGEST_BYTES = 32

Digests = npt.NDArray[np.uint8]
"""Shape (n, 32)."""
Presence = npt.NDArray[np.bool_]
"""Shape (k, n): whether digest n is in set k."""
Order = npt.NDArray[np.intp]
"""Shape (n,): indices of rows, in the order in which they come."""


def empty() -> Digests:
    """No digests: shape (0, 32)."""
    return np.empty((0, DIGEST_BYTES), dtype=np.uint8)


def concatenate(parts: Sequence[Digests]) -> Digests:
    """Join arrays; if only one of them has rows, it is not copied."""
    filled = [part for part in parts if len(part)]
    return filled[0] if len(filled) == 1 else np.concatenate([empty(), *filled])


def sorted_distinct(digests: Digests) -> Digests:
    """Sort by bytes and keep each digest once."""
    order, first = _distinct(digests, _sort(digests))
    return digests.take(order[first], axis=0)


def is_in_any(digests: Digests, sets: Sequence[Digests]) -> npt.NDArray[np.bool_]:
    """Which of n digests are in any of the sets; the sets need not be sorted: shape (n,)."""
    everything = np.concatenate([digests, *sets])
    order, first = _distinct(everything, _sort(everything))
    group = np.empty(len(order), dtype=np.intp)
    group[order] = np.cumsum(first) - 1
    in_sets = np.zeros(len(order), dtype=np.bool_)
    in_sets[group[len(digests) :]] = True
    return in_sets[group[: len(digests)]]


def merge(sets: Sequence[Iterable[Digests]]) -> Iterator[tuple[Digests, Presence]]:
    """Merge several sorted sets in constant memory.

    Args:
        sets: k streams of digests, each sorted over all of its arrays, each digest once.

    Yields:
        n sorted digests of the union, and for each whether it is in each of the k sets. Windows follow one another in
        order; memory is bounded by the size of the arrays in the streams.
    """
    streams = [_Stream(iter(digests)) for digests in sets]
    while any([stream.fill() for stream in streams]):  # noqa: C419 (each of them must be filled)
        bound = min((s.last_prefix for s in streams if not s.exhausted), default=None)
        taken = [stream.take_below(bound) for stream in streams]
        if any(len(part) for part in taken):
            yield _union(taken)
        else:  # every window starts at the bound itself: read more
            for stream in streams:
                if not stream.exhausted and stream.last_prefix == bound:
                    stream.extend()


def to_hex(digests: Digests) -> npt.NDArray[np.uint8]:
    """Convert digests to lower-case hex digits as ASCII codes: shape (n, 64)."""
    return _HEX_PAIRS[digests].reshape(len(digests), 2 * DIGEST_BYTES)


def from_hex(digits: npt.NDArray[np.uint8]) -> Digests:
    """Convert ASCII hex digits (either case), shape (n, 64), to digests."""
    pairs: npt.NDArray[np.uint16] = np.ascontiguousarray(digits).view("<u2")
    return _BYTES[pairs]


class _Stream:
    """One sorted set, with the window of digests that were read and not yet taken."""

    def __init__(self, arrays: Iterator[Digests]) -> None:
        self._arrays = arrays
        self._window = empty()
        self._prefixes = _prefixes(self._window)
        self.exhausted = False

    def fill(self) -> bool:
        """Make sure that the window is not empty; False if the stream is exhausted."""
        while not len(self._window) and not self.exhausted:
            self.extend()
        return len(self._window) > 0

    def extend(self) -> None:
        """Add the next array to the window."""
        following = next(self._arrays, None)
        if following is None:
            self.exhausted = True
            return
        self._window = np.concatenate([self._window, following]) if len(self._window) else following
        self._prefixes = _prefixes(self._window)

    @property
    def last_prefix(self) -> int:
        """The highest prefix in the window, which must not be empty."""
        return int(self._prefixes[-1])

    def take_below(self, bound: int | None) -> Digests:
        """Take the digests whose prefix is below the bound (all, if None)."""
        count = len(self._window)
        if bound is not None:
            count = int(np.searchsorted(self._prefixes, np.uint64(bound), side="left"))
        taken, self._window = self._window[:count], self._window[count:]
        self._prefixes = self._prefixes[count:]
        return taken


def _union(parts: Sequence[Digests]) -> tuple[Digests, Presence]:
    filled = [number for number, part in enumerate(parts) if len(part)]
    if len(filled) == 1:  # nothing to merge
        [only] = filled
        presence = np.zeros((len(parts), len(parts[only])), dtype=np.bool_)
        presence[only] = True
        return parts[only], presence
    everything = np.concatenate(parts)
    # A merge sort, which is fast if its input consists of sorted runs.
    order, first = _distinct(everything, np.argsort(_prefixes(everything), kind="stable"))
    places = np.empty_like(order)
    places[order] = np.cumsum(first) - 1
    presence = np.zeros((len(parts), int(places.max()) + 1), dtype=np.bool_)
    for row, own in zip(presence, np.split(places, np.cumsum([len(part) for part in parts])), strict=False):
        row[own] = True
    return everything.take(order[first], axis=0), presence


def _sort(digests: Digests) -> Order:
    """The order of the rows by their prefixes.

    A radix sort by the first two bytes leaves little for the merge sort to do: four times as fast as that alone.
    """
    prefixes = _prefixes(digests)
    rough = np.argsort((prefixes >> 48).astype(np.uint16), kind="stable")
    return rough.take(np.argsort(prefixes.take(rough), kind="stable"))


def _distinct(digests: Digests, order: Order) -> tuple[Order, npt.NDArray[np.bool_]]:
    """Turn an order by prefixes into the order by all bytes, and tell which rows differ from the one before."""
    words = np.ascontiguousarray(digests).view(np.uint64)
    prefixes = words[:, 0].take(order)
    first = np.ones(len(order), dtype=np.bool_)
    tied = np.flatnonzero(prefixes[1:] == prefixes[:-1]) + 1
    first[tied] = _differ(words, order.take(tied), order.take(tied - 1))
    if first[tied].any():  # equal prefixes, different digests: rare; sort by all bytes
        swapped = words.view(">u8")
        order = np.lexsort([swapped[:, column] for column in reversed(range(words.shape[1]))])
        first[1:] = _differ(words, order[1:], order[:-1])
    return order, first


def _differ(words: npt.NDArray[np.uint64], some: Order, others: Order) -> npt.NDArray[np.bool_]:
    """Whether rows differ, pair by pair."""
    unequal = words.take(some, axis=0) != words.take(others, axis=0)
    return np.asarray(unequal[:, 0] | unequal[:, 1] | unequal[:, 2] | unequal[:, 3])


def _prefixes(digests: Digests) -> npt.NDArray[np.uint64]:
    return np.ascontiguousarray(digests[:, :8]).view(">u8").ravel().astype(np.uint64)


_HEX_PAIRS = np.array([list(f"{byte:02x}".encode()) for byte in range(256)], dtype=np.uint8)
_BYTES = np.zeros(65_536, dtype=np.uint8)  # the byte for two hex digits, indexed by their codes as one number
for _first, _second in product("0123456789abcdefABCDEF", repeat=2):
    _BYTES[ord(_first) | ord(_second) << 8] = int(_first + _second, 16)
