"""Trim and classify whole columns of values, and hash plain addresses.

A value is a *plain* address if a regular expression proves that it is usable: ASCII, at most 64 bytes, no Punycode. It
is a plain digest if it has 64 hex digits and does not stand for a placeholder. `rules.py` judges all other values.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from customer_match.addresses.definition import Policy, invisible_characters
from customer_match.addresses.empty_digests import placeholder_digests
from customer_match.addresses.hashing import hash_texts
from customer_match.members.digests import Digests, empty, from_hex

__all__ = [
    "IS_ADDRESS",
    "IS_EMPTY",
    "IS_HASH",
    "digests_from_hex",
    "hash_addresses",
    "is_ascii",
    "join_address",
    "normalise_ascii",
    "partition",
    "policy_aliases",
    "raw_aliases",
    "shorten",
    "split",
]

_INVISIBLE_ASCII = "".join(map(chr, (*range(0x21), 0x7F)))
_LABEL = r"[a-z0-9]+(?:-[a-z0-9]+)*"  # not `xn--…`, which must be decoded
# The limit of 64 bytes in all keeps every label and local part short enough. A local part that does not begin with
# a plus or a dot cannot become empty; a domain whose last label begins with a letter does not end in a number.
_PLAIN_ADDRESS = (
    r"^[a-z0-9!#$%&'*/=?^_`{|}~-][a-z0-9.!#$%&'*+/=?^_`{|}~-]*"
    rf"@(?:{_LABEL}\.)+[a-z][a-z0-9]*(?:-[a-z0-9]+)*$"
)
_PLAIN_HASH = r"^[0-9a-f]{64}$"
_PLAIN_BYTES = 64

_ADDRESS = pl.col("address")
IS_ADDRESS = (_ADDRESS.str.len_bytes() <= _PLAIN_BYTES) & _ADDRESS.str.contains(_PLAIN_ADDRESS)
"""Whether the column `address` is a plain address."""
_IS_NOBODY = _ADDRESS.is_in([digest.hex() for digest in sorted(placeholder_digests())])
IS_HASH = _ADDRESS.str.contains(_PLAIN_HASH) & ~_IS_NOBODY
"""Whether the column `address` is a plain digest in hex digits."""
IS_EMPTY = (_ADDRESS == "") | _IS_NOBODY
"""Whether the column `address` is empty, or the digest of a placeholder."""
_AT = _ADDRESS.str.find("@", literal=True)
# Of plain addresses, whose domains have a dot.
_ENHANCED_DIFFERS = _ADDRESS.str.find("[.+]") < _AT


def split(frame: pl.DataFrame, condition: pl.Expr) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split a frame into the rows where a condition holds and all others."""
    holds = frame.select(condition.fill_null(value=False)).to_series()
    return frame.filter(holds), frame.filter(~holds)


def normalise_ascii(values: pa.Array) -> pl.Series:
    """Trim ASCII characters and lower-case ASCII letters: for values of ASCII only, the policy `basic`."""
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        values = values.cast(pa.large_string())
    address: pl.Series = pl.from_arrow(pc.ascii_lower(pc.ascii_trim(values, _INVISIBLE_ASCII)))  # type: ignore[assignment]  # of an array
    return address.alias("address")


def is_ascii(text: pl.Expr) -> pl.Expr:
    """Whether texts have ASCII characters only."""
    return text.str.len_bytes() == text.str.len_chars()


def join_address(local_part: pl.Expr, domain: pl.Expr) -> pl.Expr:
    """Join the two parts of addresses."""
    return pl.concat_str(local_part, pl.lit("@"), domain)


def partition(texts: pl.Expr, separator: str, before: str, after: str) -> pl.Expr:
    """Split texts at the first separator into two fields; the second is null if there is no separator."""
    return texts.str.splitn(separator, 2).struct.rename_fields([before, after])


def shorten(local_part: pl.Expr) -> pl.Expr:
    """Drop the tag and the dots of local parts."""
    name = partition(local_part, "+", "name", "tag").struct.field("name")
    return name.str.replace_all(".", "", literal=True)


def hash_addresses(addresses: pl.Series, policy: Policy) -> list[Digests]:
    """Hash plain addresses; under `both`, also as `enhanced` normalises them if that differs."""
    if policy is Policy.BASIC:
        return [hash_texts(addresses)]
    differs = addresses.to_frame("address").select(_ENHANCED_DIFFERS).to_series()
    kept = addresses if policy is Policy.BOTH else addresses.filter(~differs)
    return [hash_texts(kept), hash_texts(_enhance(addresses.filter(differs)))]


def policy_aliases(addresses: pl.Series, policy: Policy) -> tuple[Digests, Digests]:
    """Return the digests of plain addresses under the other policy, and for each the member it is an alias of."""
    differing = addresses.to_frame("address").filter(_ENHANCED_DIFFERS).to_series()
    basic, enhanced = hash_texts(differing), hash_texts(_enhance(differing))
    match policy:
        case Policy.BASIC:
            return enhanced, basic
        case Policy.ENHANCED:
            return basic, enhanced
        case Policy.BOTH:
            return np.concatenate([enhanced, basic]), np.concatenate([basic, enhanced])


def raw_aliases(addresses: pl.DataFrame, policy: Policy) -> tuple[Digests, Digests]:
    """Return the digests of plain addresses exactly as the table has them (with upper case), and the member of each.

    Args:
        addresses: Columns `address` (plain addresses) and `written` (the values that they were made from).
        policy: How the members are made.
    """
    typed = pl.col("written")
    frame = (
        addresses.with_columns(typed.str.strip_chars(_INVISIBLE_ASCII))
        .filter(typed != _ADDRESS)
        .with_columns(typed.str.strip_chars(invisible_characters()))
        .filter(typed != _ADDRESS)
    )
    as_written, plain = hash_texts(frame.get_column("written")), frame.get_column("address")
    basic, enhanced = hash_texts(plain), hash_texts(_enhance(plain))
    match policy:
        case Policy.BASIC:
            return as_written, basic
        case Policy.ENHANCED:
            return as_written, enhanced
        case Policy.BOTH:
            return np.concatenate([as_written, as_written]), np.concatenate([basic, enhanced])


def _enhance(addresses: pl.Series) -> pl.Series:
    """Normalise plain addresses by the policy `enhanced`."""
    name, domain = _ADDRESS.str.head(_ADDRESS.str.find("[+@]")), _ADDRESS.str.slice(_AT)
    without_dots = name.str.replace_all(".", "", literal=True)
    return addresses.to_frame("address").select(pl.concat_str(without_dots, domain)).to_series()


def digests_from_hex(digits: pl.Series) -> Digests:
    """Convert texts of 64 hex digits to digests."""
    if digits.is_empty():
        return empty()
    array = digits.rechunk().to_arrow().cast(pa.large_string())
    text = np.frombuffer(array.buffers()[2], dtype=np.uint8)
    start = 2 * 32 * array.offset
    return from_hex(text[start : start + 64 * len(array)].reshape(-1, 64))
