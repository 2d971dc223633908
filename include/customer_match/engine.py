"""The fast way from values to digests: vectorised where a value is plain, the reference where it is not.

polars normalises and hashes the values that a regular expression proves to be plain (ASCII, at most 64
bytes, well-formed), which is nearly all of a real table; everything else goes to `reference.judge_row`
row by row. The two agree by construction wherever the expression says no, and by a property test where it
says yes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import polars_hash as plh
import pyarrow as pa

from include.customer_match.digests import Digests, empty, from_hex
from include.customer_match.reference import Policy, Rejection, judge_row

__all__ = ["Outcome", "digest_batch"]

_INVISIBLE_ASCII = "".join(map(chr, (*range(0x21), 0x7F)))
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
# Bounded by 64 bytes in all, so that no label and no local part can be too long.
_PLAIN_ADDRESS = rf"^[a-z0-9.!#$%&'*+/=?^_`{{|}}~-]+@(?:{_LABEL}\.)+(?:{_LABEL})$"
_NUMERIC_ENDING = r"\.[0-9]+$"
_PLAIN_HASH = r"^[0-9a-f]{64}$"
_PLAIN_BYTES = 64


@dataclass(frozen=True)
class Outcome:
    """What became of one batch of profiles.

    Attributes:
        digests: Shape (n, 32), in no order, with duplicates; with policy `both` up to two a profile.
        profiles: Rows read.
        rejected: Rows without a usable address, by reason.
    """

    digests: Digests
    profiles: int
    rejected: Counter[Rejection] = field(default_factory=Counter)


def digest_batch(batch: pa.RecordBatch, columns: Sequence[str], policy: Policy) -> Outcome:
    """Normalise and hash the e-mail columns of a batch; the first usable address of a row counts.

    Args:
        batch: Rows with the columns, all of a text type.
        columns: E-mail columns in order of preference.
        policy: How to normalise.
    """
    # A plain first column decides its row alone; only the others need a look at the rest.
    frame = pl.DataFrame({str(i): pl.from_arrow(batch.column(name)) for i, name in enumerate(columns)})
    value = pl.col("0").cast(pl.String)
    trimmed = value.str.strip_chars(_INVISIBLE_ASCII).str.to_lowercase()
    frame = frame.with_columns(
        address=pl.when(value.str.len_bytes() == value.str.len_chars()).then(trimmed)
    ).with_columns(kind=_kind(pl.col("address")))
    plain_digests = [
        *_hash(frame.filter(pl.col("kind") == "address").get_column("address"), policy),
        _unhex(frame.filter(pl.col("kind") == "hash").get_column("address")),
    ]
    missing, odd = _remaining(frame, len(columns))
    digests, rejected = _judge(odd, policy)
    rejected[Rejection.MISSING] += missing
    return Outcome(np.concatenate([*plain_digests, digests]), batch.num_rows, +rejected)


def _kind(address: pl.Expr) -> pl.Expr:
    """`address` or `hash` where that is plain to see, else null."""
    short = address.str.len_bytes() <= _PLAIN_BYTES
    well_formed = address.str.contains(_PLAIN_ADDRESS) & ~address.str.contains(_NUMERIC_ENDING)
    # `+tag@` leaves nothing of a local part, and so do dots alone, under the policy `enhanced`.
    something_left = address.str.contains(r"^\.*[^+.@]")
    return (
        pl.when(short & well_formed & something_left)
        .then(pl.lit("address"))
        .when(short & address.str.contains(_PLAIN_HASH))
        .then(pl.lit("hash"))
    )


def _hash(addresses: pl.Series, policy: Policy) -> list[Digests]:
    """Digests of plain addresses; under `both` a second array where `enhanced` makes another one."""
    basic = pl.col("address")
    local_part = basic.str.extract(r"^([^+@]+)", 1).str.replace_all(".", "", literal=True)
    enhanced = local_part + basic.str.extract(r"(@.*)$", 1)
    frame = addresses.to_frame("address")
    match policy:
        case Policy.BASIC:
            chosen = [frame]
        case Policy.ENHANCED:
            chosen = [frame.select(address=enhanced)]
        case Policy.BOTH:
            chosen = [frame, frame.select(address=enhanced, basic=basic).filter(basic != pl.col("basic"))]
    return [_unhex(f.select(plh.col("address").chash.sha2_256()).to_series()) for f in chosen]


def _unhex(digits: pl.Series) -> Digests:
    """Digests of text values of 64 hex digits each."""
    if digits.is_empty():
        return empty()
    array = digits.rechunk().to_arrow().cast(pa.large_string())
    text = np.frombuffer(array.buffers()[2], dtype=np.uint8)
    start = 2 * 32 * array.offset
    return from_hex(text[start : start + 64 * len(array)].reshape(-1, 64))


def _remaining(frame: pl.DataFrame, columns: int) -> tuple[int, pl.DataFrame]:
    """How many of the rows that are not plain hold nothing at all, and the rows that need a judge."""
    names = [str(i) for i in range(columns)]
    rest = frame.filter(pl.col("kind").is_null()).select(names)
    odd = rest.filter(pl.any_horizontal(pl.all().is_not_null()))
    return rest.height - odd.height, odd


def _judge(rows: pl.DataFrame, policy: Policy) -> tuple[Digests, Counter[Rejection]]:
    digests: list[bytes] = []
    rejected: Counter[Rejection] = Counter()
    for row in rows.iter_rows():
        verdict = judge_row(row, policy)
        digests.extend(verdict.digests)
        if verdict.rejection:
            rejected[verdict.rejection] += 1
    return np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, 32), rejected
