"""Customer ids: when two ids are equal, and which profiles belong to a set of ids.

Two ids are equal if their texts are equal, without outer spaces and with numbers written as text. Ids of 32 hex digits
are GUIDs, which tables write in several ways: case, dashes and braces do not count there. Otherwise case counts, and
`007` is not `7`. A whole number with `.0` equals that number, because many writers store ids as floats when some are
missing. Text that is not valid UTF-8 is not an id.

Ids are compared by their SHA-256 digests. Only digests are written to disk, because some tables use e-mail addresses as
ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from customer_match.addresses.hashing import hash_texts
from customer_match.errors import ConfigurationError
from customer_match.members.digests import Digests
from customer_match.members.distinct import DistinctMembers
from customer_match.members.releasing import Releasing

__all__ = ["CustomerIds", "IdGroup", "id_digests"]

_IDS_AT_ONCE: Final = 16 * 2**20  # held in memory at a time: 17 bytes each
_PLAIN_GUID: Final = r"^[0-9a-f]{32}$"
_HEX_GUID: Final = r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_GUID: Final = rf"^(?:{_HEX_GUID}|\{{(?:{_HEX_GUID})\}}|\((?:{_HEX_GUID})\))$"
_WHOLE_AS_FLOAT: Final = r"^(-?[0-9]+)\.0$"  # as pandas and Spark write whole numbers in columns of floats
_FLOATS_ARE_WHOLE_TO: Final = 2**53
_ID = pl.col("id")

Mask = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]


def id_digests(ids: pa.Array, name: str = "", key: str = "profiles.key") -> tuple[Digests, Mask]:
    """Return the digests of a column of ids (text or whole numbers), in order, and which rows have an id.

    Args:
        ids: The column.
        name: Its name, for messages.
        key: The key of the export file that names it, for messages.

    Raises:
        ConfigurationError: Numbers are not whole, or too large to be distinguished.
    """
    series: pl.Series = pl.from_arrow(ids)  # type: ignore[assignment]  # of an array
    frame = pl.DataFrame({"id": _to_text(series, name, key)}).select(_ID.str.strip_chars())
    # Text that was not valid UTF-8 may have been any of several ids.
    filled = frame.select(
        ((_ID != "") & ~_ID.str.contains("\ufffd", literal=True)).fill_null(value=False)
    ).to_series()
    frame = frame.filter(filled)
    if not frame.select(_ID.str.contains(_PLAIN_GUID).all()).item():
        bare = _ID.str.to_lowercase().str.replace_all(r"[^0-9a-f]", "")
        frame = frame.select(id=pl.when(_ID.str.contains(_GUID)).then(bare).otherwise(_ID))
        if frame.select(_ID.str.ends_with(".0").any()).item():
            frame = frame.select(_ID.str.replace(_WHOLE_AS_FLOAT, "$1"))
    return hash_texts(frame.to_series()), filled.to_numpy()


def _to_text(ids: pl.Series, name: str, key: str) -> pl.Series:
    """Convert ids to text; whole floats to their digits, as pandas stores ids as floats where some are missing."""
    if ids.dtype.is_float():
        known = ids.fill_nan(None).drop_nulls().cast(pl.Float64)
        if not ((known == known.floor()) & (known.abs() < _FLOATS_ARE_WHOLE_TO)).all():
            what = "numbers that are not whole, or so large that different ids become the same number"
            raise _not_ids_error(name, key, what)
        return ids.fill_nan(None).cast(pl.Int64).cast(pl.String)
    if ids.dtype.is_decimal() and ids.dtype.scale:  # type: ignore[attr-defined]  # decimals have one
        text = ids.cast(pl.String).str.replace(r"\.0+$", "")
        if text.str.contains(".", literal=True).any():
            raise _not_ids_error(name, key, "numbers that are not whole")
        return text
    return ids.cast(pl.String)


def _not_ids_error(name: str, key: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"The column {name!r} must hold ids, but it holds {what}. Write the ids to the table as text, or "
        f"name another column as `{key}` in the export file."
    )


class CustomerIds(Releasing):
    """The ids of a segment's customers. Memory is bounded: most ids are kept on disk."""

    def __init__(self) -> None:
        self._ids = DistinctMembers()

    def release(self) -> None:
        """Delete the ids on disk."""
        self._ids.release()

    def add(self, digests: Digests) -> None:
        """Add ids, in any order; duplicates are allowed."""
        self._ids.add(digests)

    def groups(self) -> Iterator[IdGroup]:
        """Yield all ids without duplicates, in as few groups as memory allows; at least one. Call it only once."""
        waiting: list[Digests] = []
        given = False
        for window in self._ids.sorted():
            waiting.append(window[:, :16].copy())
            if sum(map(len, waiting)) >= _IDS_AT_ONCE:
                given = True
                yield IdGroup(np.concatenate(waiting))
                waiting = []
        if not given or any(map(len, waiting)):
            yield IdGroup(np.concatenate(waiting))


class IdGroup:
    """Ids in memory, in which others are looked up.

    128 bits of each digest are compared: among 10^9 ids, the chance of any accidental match is below 10^-20.

    Args:
        digests: Sorted, without duplicates; only the first 16 bytes of each are used.
    """

    def __init__(self, digests: Digests) -> None:
        self._high, self._low = _words(digests)
        self._seen = np.zeros(len(digests), dtype=np.bool_)

    def __len__(self) -> int:
        return len(self._seen)

    @property
    def unseen(self) -> int:
        """Number of ids that were never looked up."""
        return len(self) - int(self._seen.sum())

    def holds(self, digests: Digests) -> Mask:
        """Return which of the given ids are in the group."""
        high, low = _words(digests)
        order = np.argsort(high)  # lookups in sorted order hit the CPU cache
        places = np.empty(len(high), dtype=np.intp)
        places[order] = np.searchsorted(self._high, high[order])
        held = np.zeros(len(high), dtype=np.bool_)
        rest = np.arange(len(high))
        while len(rest):  # one pass, except for ids that share their first 64 bits
            rest = rest[places[rest] < len(self)]
            at = places[rest]
            alike = self._high[at] == high[rest]
            same = alike & (self._low[at] == low[rest])
            held[rest[same]] = True
            self._seen[at[same]] = True
            rest = rest[alike & ~same]
            places[rest] += 1
        return held


def _words(digests: Digests) -> tuple[Words, Words]:
    """Return the first 16 bytes of each digest as two integers."""
    words = np.ascontiguousarray(digests[:, :16]).view(">u8")
    return words[:, 0].astype(np.uint64), words[:, 1].astype(np.uint64)
