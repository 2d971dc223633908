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
from include.customer_match.reference import Policy, Rejection, invisible_characters, judge_row

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
    # A plain first column decides its row alone; other rows need a look at all of their columns.
    frame = pl.DataFrame({str(i): pl.from_arrow(batch.column(name)) for i, name in enumerate(columns)})
    frame = _with_address(frame.cast(pl.String)).with_columns(kind=_kind(pl.col("address")))
    plain_digests = [
        *_hash(frame.filter(pl.col("kind") == "address").get_column("address"), policy),
        _unhex(frame.filter(pl.col("kind") == "hash").get_column("address")),
    ]
    plainly_rejected, odd = _remaining(frame, len(columns))
    digests, rejected = _judge(odd, policy)
    return Outcome(np.concatenate([*plain_digests, digests]), batch.num_rows, rejected + plainly_rejected)


def _with_address(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame, in another order, with a column `address`: trimmed, lower-case; null where that is not ASCII."""
    value = pl.col("0")
    # The set of all invisible characters is long, so only the few values that may need it meet it.
    special = ~_is_ascii(value).fill_null(value=True)
    trimmed = [
        frame.filter(~special).with_columns(address=value.str.strip_chars(_INVISIBLE_ASCII)),
        frame.filter(special).with_columns(address=value.str.strip_chars(invisible_characters())),
    ]
    address = pl.col("address")
    return pl.concat(trimmed).with_columns(
        address=pl.when(_is_ascii(address)).then(address.str.to_lowercase())
    )


def _is_ascii(text: pl.Expr) -> pl.Expr:
    return text.str.len_bytes() == text.str.len_chars()


def _kind(address: pl.Expr) -> pl.Expr:
    """`address`, `hash`, or the reason of a rejection, where that is plain to see; else null."""
    short = address.str.len_bytes() <= _PLAIN_BYTES
    well_formed = address.str.contains(_PLAIN_ADDRESS) & ~address.str.contains(_NUMERIC_ENDING)
    # `+tag@` leaves nothing of a local part, and so do dots alone, under the policy `enhanced`.
    something_left = address.str.contains(r"^\.*[^+.@]")
    return (
        pl.when(short & well_formed & something_left)
        .then(pl.lit("address"))
        .when(short & address.str.contains(_PLAIN_HASH))
        .then(pl.lit("hash"))
        .when(address == "")
        .then(pl.lit(Rejection.MISSING.value))
        .when(~address.str.contains("@", literal=True))
        .then(pl.lit(Rejection.NOT_AN_ADDRESS.value))
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


def _remaining(frame: pl.DataFrame, columns: int) -> tuple[Counter[Rejection], pl.DataFrame]:
    """Rows whose rejection is plain, counted by reason, and the rows that need a judge."""
    rejected: Counter[Rejection] = Counter()
    rest = frame.filter(~pl.col("kind").is_in(["address", "hash"]) | pl.col("kind").is_null())
    if columns == 1:
        reasons = rest.get_column("kind").drop_nulls().value_counts()
        rejected.update({Rejection(reason): count for reason, count in reasons.iter_rows()})
        rest = rest.filter(pl.col("kind").is_null())
    rest = rest.select(str(i) for i in range(columns))
    odd = rest.filter(pl.any_horizontal(pl.all().is_not_null()))
    rejected[Rejection.MISSING] += rest.height - odd.height
    return +rejected, odd


def _judge(rows: pl.DataFrame, policy: Policy) -> tuple[Digests, Counter[Rejection]]:
    digests: list[bytes] = []
    rejected: Counter[Rejection] = Counter()
    for row in rows.iter_rows():
        verdict = judge_row(row, policy)
        digests.extend(verdict.digests)
        if verdict.rejection:
            rejected[verdict.rejection] += 1
    return np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, 32), rejected
