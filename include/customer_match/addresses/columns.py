"""Many values at once: trimmed, told plain from odd, and hashed, by polars.

A value is *plain* if a regular expression proves it to be a well-formed address (ASCII, at most 64 bytes) or a
digest; what is not is left to the reference.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import polars_hash as plh
import pyarrow as pa

from customer_match.addresses.definition import Policy, invisible_characters
from customer_match.addresses.empty_digests import digests_of_nobody
from customer_match.members.digests import Digests, empty, from_hex

__all__ = [
    "IS_ADDRESS",
    "IS_HASH",
    "IS_NOTHING",
    "aliases_of",
    "hashed",
    "split",
    "unhexed",
    "with_address",
    "written_aliases_of",
]

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

_ADDRESS = pl.col("address")
IS_ADDRESS = (
    (_ADDRESS.str.len_bytes() <= _PLAIN_BYTES)
    & _ADDRESS.str.contains(_PLAIN_ADDRESS)
    & ~_ADDRESS.str.contains("xn--", literal=True)  # Punycode, which must be decoded
)
"""Whether the column `address` is plainly one."""
_IS_NOBODY = _ADDRESS.is_in([digest.hex() for digest in sorted(digests_of_nobody())])
IS_HASH = _ADDRESS.str.contains(_PLAIN_HASH) & ~_IS_NOBODY
"""Whether the column `address` is plainly a digest in hex digits."""
IS_NOTHING = (_ADDRESS == "") | _IS_NOBODY
"""Whether nothing stands in the column `address`, or the digest of nothing."""
_LOCAL_PART = _ADDRESS.str.extract(r"^([^+@]+)", 1).str.replace_all(".", "", literal=True)
_ENHANCED = _LOCAL_PART + _ADDRESS.str.extract(r"(@.*)$", 1)  # of a plain address


def split(frame: pl.DataFrame, condition: pl.Expr) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows where a condition holds, and all others."""
    marked = frame.with_columns(holds=condition.fill_null(value=False))
    return marked.filter("holds").drop("holds"), marked.filter(~pl.col("holds")).drop("holds")


def with_address(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """The frame, in another order, with a column `address`: trimmed, lower-case; null where that is not ASCII."""
    value = pl.col(column)
    # The set of all invisible characters is long, so only the few values that may need it meet it.
    special = ~_is_ascii(value).fill_null(value=True)
    trimmed = [
        frame.filter(~special).with_columns(address=value.str.strip_chars(_INVISIBLE_ASCII)),
        frame.filter(special).with_columns(address=value.str.strip_chars(invisible_characters())),
    ]
    return pl.concat(trimmed).with_columns(
        address=pl.when(_is_ascii(_ADDRESS)).then(_ADDRESS.str.to_lowercase())
    )


def _is_ascii(text: pl.Expr) -> pl.Expr:
    return text.str.len_bytes() == text.str.len_chars()


def hashed(addresses: pl.Series, policy: Policy) -> list[Digests]:
    """Digests of plain addresses; under `both` a second array where `enhanced` makes another one."""
    frame = addresses.to_frame("address")
    match policy:
        case Policy.BASIC:
            chosen = [frame]
        case Policy.ENHANCED:
            chosen = [frame.select(address=_ENHANCED)]
        case Policy.BOTH:
            chosen = [frame, _where_enhanced_differs(addresses).select(address="enhanced")]
    return [_sha256(f, "address") for f in chosen]


def aliases_of(addresses: pl.Series, policy: Policy) -> tuple[Digests, Digests]:
    """The digests of plain addresses that another policy makes, and of each the member that it is an alias of."""
    frame = _where_enhanced_differs(addresses)
    basic, enhanced = _sha256(frame, "address"), _sha256(frame, "enhanced")
    match policy:
        case Policy.BASIC:
            return enhanced, basic
        case Policy.ENHANCED:
            return basic, enhanced
        case Policy.BOTH:
            return np.concatenate([enhanced, basic]), np.concatenate([basic, enhanced])


def written_aliases_of(addresses: pl.DataFrame, policy: Policy) -> tuple[Digests, Digests]:
    """The digests of plain addresses as they stand in the table, upper case and all, and of each its member.

    Args:
        addresses: Columns `address`, plain ones, and `written`: the values that they were made of.
        policy: How the members are made.
    """
    typed = pl.col("written")
    frame = (
        addresses.with_columns(typed.str.strip_chars(_INVISIBLE_ASCII))
        .filter(typed != _ADDRESS)
        .with_columns(typed.str.strip_chars(invisible_characters()))
        .filter(typed != _ADDRESS)
    )
    as_written = _sha256(frame, "written")
    basic, enhanced = _sha256(frame, "address"), _sha256(frame.select(address=_ENHANCED), "address")
    match policy:
        case Policy.BASIC:
            return as_written, basic
        case Policy.ENHANCED:
            return as_written, enhanced
        case Policy.BOTH:
            return np.concatenate([as_written, as_written]), np.concatenate([basic, enhanced])


def _where_enhanced_differs(addresses: pl.Series) -> pl.DataFrame:
    """Columns `address` and `enhanced`."""
    return (
        addresses.to_frame("address").with_columns(enhanced=_ENHANCED).filter(pl.col("enhanced") != _ADDRESS)
    )


def _sha256(frame: pl.DataFrame, column: str) -> Digests:
    return unhexed(frame.select(plh.col(column).chash.sha2_256()).to_series())


def unhexed(digits: pl.Series) -> Digests:
    """Digests of text values of 64 hex digits each."""
    if digits.is_empty():
        return empty()
    array = digits.rechunk().to_arrow().cast(pa.large_string())
    text = np.frombuffer(array.buffers()[2], dtype=np.uint8)
    start = 2 * 32 * array.offset
    return from_hex(text[start : start + 64 * len(array)].reshape(-1, 64))
