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
# Bounded by 64 bytes in all, so that no label and no local part can be too long. Something is left of a local
# part that does not begin with a plus or a dot; a domain that ends in a letter-led label is no number.
_PLAIN_ADDRESS = (
    r"^[a-z0-9!#$%&'*/=?^_`{|}~-][a-z0-9.!#$%&'*+/=?^_`{|}~-]*"
    rf"@(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]*[a-z0-9])?$"
)
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
    address = pl.col("address")
    short = address.str.len_bytes() <= _PLAIN_BYTES
    addresses, frame = _split(
        _with_address(frame.cast(pl.String)), short & address.str.contains(_PLAIN_ADDRESS)
    )
    hashes, frame = _split(frame, address.str.contains(_PLAIN_HASH))
    rejected, odd = _plainly_rejected(frame, len(columns))
    judged, more_rejected = _judge(odd, policy)
    digests = [*_hash(addresses.get_column("address"), policy), _unhex(hashes.get_column("address")), judged]
    return Outcome(np.concatenate(digests), batch.num_rows, rejected + more_rejected)


def _split(frame: pl.DataFrame, condition: pl.Expr) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows where a condition holds, and all others."""
    marked = frame.with_columns(holds=condition.fill_null(value=False))
    return marked.filter("holds").drop("holds"), marked.filter(~pl.col("holds")).drop("holds")


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


def _plainly_rejected(frame: pl.DataFrame, columns: int) -> tuple[Counter[Rejection], pl.DataFrame]:
    """Rows whose rejection is plain, counted by reason, and the rows that need a judge."""
    values, address = [str(i) for i in range(columns)], pl.col("address")
    empty_rows, frame = _split(frame, pl.all_horizontal(pl.col(values).is_null()))
    rejected = Counter({Rejection.MISSING: empty_rows.height})
    if columns == 1:  # of several, another one may hold an address
        blank, frame = _split(frame, address == "")
        others, frame = _split(frame, ~address.str.contains("@", literal=True))
        rejected += Counter({Rejection.MISSING: blank.height, Rejection.NOT_AN_ADDRESS: others.height})
    return +rejected, frame.select(values)


def _judge(rows: pl.DataFrame, policy: Policy) -> tuple[Digests, Counter[Rejection]]:
    digests: list[bytes] = []
    rejected: Counter[Rejection] = Counter()
    for row in rows.iter_rows():
        verdict = judge_row(row, policy)
        digests.extend(verdict.digests)
        if verdict.rejection:
            rejected[verdict.rejection] += 1
    return np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, 32), rejected
