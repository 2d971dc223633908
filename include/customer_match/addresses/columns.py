"""Trim, classify and hash whole columns of values with polars.

A value is *regular* if a regular expression proves that it is a well-formed address (ASCII, at most 64 bytes) or a
digest. All other values go to `definition.py`, one by one.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import polars_hash as plh
import pyarrow as pa

from customer_match.addresses.definition import Policy, invisible_characters
from customer_match.addresses.empty_digests import placeholder_digests
from customer_match.members.digests import Digests, empty, from_hex

__all__ = [
    "IS_ADDRESS",
    "IS_EMPTY",
    "IS_HASH",
    "add_address_column",
    "digests_from_hex",
    "hash_addresses",
    "policy_aliases",
    "raw_aliases",
    "split",
]

_INVISIBLE_ASCII = "".join(map(chr, (*range(0x21), 0x7F)))
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
# The limit of 64 bytes in all keeps every label and local part short enough. A local part that does not begin with
# a plus or a dot cannot become empty; a domain whose last label begins with a letter does not end in a number.
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
"""Whether the column `address` is a regular address."""
_IS_NOBODY = _ADDRESS.is_in([digest.hex() for digest in sorted(placeholder_digests())])
IS_HASH = _ADDRESS.str.contains(_PLAIN_HASH) & ~_IS_NOBODY
"""Whether the column `address` is a regular digest in hex digits."""
IS_EMPTY = (_ADDRESS == "") | _IS_NOBODY
"""Whether the column `address` is empty, or the digest of a placeholder."""
_LOCAL_PART = _ADDRESS.str.extract(r"^([^+@]+)", 1).str.replace_all(".", "", literal=True)
_ENHANCED = _LOCAL_PART + _ADDRESS.str.extract(r"(@.*)$", 1)  # for regular addresses only


def split(frame: pl.DataFrame, condition: pl.Expr) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split a frame into the rows where a condition holds and all others."""
    marked = frame.with_columns(holds=condition.fill_null(value=False))
    return marked.filter("holds").drop("holds"), marked.filter(~pl.col("holds")).drop("holds")


def add_address_column(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """Add a column `address`: trimmed and lower-cased, null if not ASCII. Changes the order of rows."""
    value = pl.col(column)
    # The set of all invisible characters is long: use it only for the few values that may need it.
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


def hash_addresses(addresses: pl.Series, policy: Policy) -> list[Digests]:
    """Hash regular addresses; under `both`, a second array has the digests where `enhanced` gives another address."""
    frame = addresses.to_frame("address")
    match policy:
        case Policy.BASIC:
            chosen = [frame]
        case Policy.ENHANCED:
            chosen = [frame.select(address=_ENHANCED)]
        case Policy.BOTH:
            chosen = [frame, _select_enhanced(addresses).select(address="enhanced")]
    return [_sha256(f, "address") for f in chosen]


def policy_aliases(addresses: pl.Series, policy: Policy) -> tuple[Digests, Digests]:
    """Return the digests of regular addresses under the other policy, and for each the member it is an alias of."""
    frame = _select_enhanced(addresses)
    basic, enhanced = _sha256(frame, "address"), _sha256(frame, "enhanced")
    match policy:
        case Policy.BASIC:
            return enhanced, basic
        case Policy.ENHANCED:
            return basic, enhanced
        case Policy.BOTH:
            return np.concatenate([enhanced, basic]), np.concatenate([basic, enhanced])


def raw_aliases(addresses: pl.DataFrame, policy: Policy) -> tuple[Digests, Digests]:
    """Return the digests of regular addresses exactly as the table has them (with upper case), and the member of each.

    Args:
        addresses: Columns `address` (regular addresses) and `written` (the values that they were made from).
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


def _select_enhanced(addresses: pl.Series) -> pl.DataFrame:
    """Return the columns `address` and `enhanced`."""
    return (
        addresses.to_frame("address").with_columns(enhanced=_ENHANCED).filter(pl.col("enhanced") != _ADDRESS)
    )


def _sha256(frame: pl.DataFrame, column: str) -> Digests:
    return digests_from_hex(frame.select(plh.col(column).chash.sha2_256()).to_series())


def digests_from_hex(digits: pl.Series) -> Digests:
    """Convert texts of 64 hex digits to digests."""
    if digits.is_empty():
        return empty()
    array = digits.rechunk().to_arrow().cast(pa.large_string())
    text = np.frombuffer(array.buffers()[2], dtype=np.uint8)
    start = 2 * 32 * array.offset
    return from_hex(text[start : start + 64 * len(array)].reshape(-1, 64))
