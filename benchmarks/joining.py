"""Tables of a join: profiles with addresses, and a segment that only lists four tenths of their customers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

__all__ = ["MEMBERSHIPS", "MISSING_EVERY", "PROFILES", "write_join"]

MEMBERSHIPS, PROFILES = "Gold", "Customer"
MISSING_EVERY = 50  # of so many memberships one is of a customer without a profile
_BLOCK = 250_000
_ID = "CustomerId"


def write_join(folder: Path, profiles: int) -> Path:
    """Write both tables below a folder; ids have 32 hex digits and come in no order."""
    for name in (MEMBERSHIPS, PROFILES):
        (folder / name).mkdir(parents=True)
    schema = pa.schema([(_ID, pa.string())])
    with (
        pq.ParquetWriter(folder / MEMBERSHIPS / "part-0.parquet", schema) as memberships,
        pq.ParquetWriter(
            folder / PROFILES / "part-0.parquet", schema.append(pa.field("Email", pa.string()))
        ) as customers,
    ):
        for ids in _ids(profiles):
            emails = pc.binary_join_element_wise(ids, "example.com", "@")
            customers.write_table(pa.table([ids, emails], [_ID, "Email"]))
            memberships.write_table(pa.table([_listed(ids)], [_ID]))
    return folder


def _ids(count: int) -> Iterator[pa.Array]:
    chance = np.random.default_rng(5)
    for first in range(0, count, _BLOCK):
        digits = chance.bytes(16 * min(_BLOCK, count - first)).hex()
        yield pa.array(digits[at : at + 32] for at in range(0, len(digits), 32))


def _listed(ids: pa.Array) -> pa.Array:
    """Four tenths of them, in another order; some of these, turned around, are nobody's."""
    chosen = np.random.default_rng(6).permutation(len(ids))[: len(ids) * 2 // 5]
    taken = ids.take(pa.array(chosen))
    gone = pa.array(np.arange(len(taken)) % MISSING_EVERY == 0)
    return pc.if_else(gone, pc.utf8_reverse(taken), taken)
