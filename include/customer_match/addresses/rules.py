"""The rules of `definition.py` for whole columns, as polars expressions.

They hold for values of printable ASCII, no-break spaces, and some letters and accents that are valid in a local part.
Python and polars lower-case and compose these alike, whatever versions of Unicode they use (tests compare them). The
capital sigma is left out because its lower case depends on its neighbours. All other values must be judged one by one.
Domains are judged by the definition itself, each distinct one once.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import polars as pl
import pyarrow.compute as pc

from customer_match.addresses.columns import is_ascii, join_address, partition, shorten, split
from customer_match.addresses.definition import (
    MAX_ADDRESS_BYTES,
    MAX_LOCAL_BYTES,
    Policy,
    Rejection,
    invisible_characters,
    is_domain,
)

__all__ = ["Ruled", "judge_by_rules"]

_ACCENTS: Final = "\u0300-\u034e\u0350-\u036f"  # combining; the one left out is invisible
_LETTERS: Final = (
    "\u00a0-\u00ac\u00ae-\u0220\u0222-\u0233"  # Latin, and the no-break space, which is never valid
    "\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a4-\u03ce"  # Greek
    "\u0400-\u0481\u048c-\u04c4"  # Cyrillic
    "\u05d0-\u05ea\u0621-\u063a\u0640-\u064a"  # Hebrew, Arabic
    "\u1e00-\u1e9b\u1ea0-\u1ef9"  # Latin with accents, as in Vietnamese
    "\u3002\u3041-\u3094\u30a1-\u30fc\u4e00-\u9fa5\uac00-\ud7a3"  # Japanese, Chinese, Korean
    "\uff01-\uff1f\uff21-\uff5e\uff61"  # full-width ASCII, without the at sign
)
_KNOWN: Final = rf"^[ -~{_ACCENTS}{_LETTERS}]+$"
_HASHED: Final = r"^[0-9a-fA-F]{64}$"
_LOCAL_PART: Final = r"^[a-z0-9.!#$%&'*+/=?^_`{|}~\x{a1}-\x{10ffff}-]+$"
_FULL_STOPS: Final = "[\u3002\uff0e\uff61]"

_TRIMMED, _ADDRESS, _REASON = pl.col("trimmed"), pl.col("address"), pl.col("reason")
_LOCAL, _DOMAIN = pl.col("local_part"), pl.col("domain")
_OF_BASIC, _OF_ENHANCED = ("local_part", "domain"), ("enhanced_local_part", "enhanced_domain")
_PARTS: Final = {
    Policy.BASIC: (_OF_BASIC,),
    Policy.ENHANCED: (_OF_ENHANCED,),
    Policy.BOTH: (_OF_BASIC, _OF_ENHANCED),
}

_HAS_AT = _TRIMMED.str.contains("@", literal=True)
# No other character becomes an at sign: without one, it is no address, whatever its characters.
_IS_NO_ADDRESS = ~_HAS_AT & ~_TRIMMED.str.contains(_HASHED)
_CAN_BE_JUDGED = _HAS_AT & _TRIMMED.str.contains(_KNOWN)

# In the order in which the definition checks them; the domain comes last.
_REASON_BEFORE_DOMAIN = (
    pl.when((_LOCAL == "") | (_DOMAIN == "") | _DOMAIN.str.contains("@", literal=True))
    .then(pl.lit(str(Rejection.NOT_AN_ADDRESS)))
    .when((_ADDRESS.str.len_bytes() > MAX_ADDRESS_BYTES) | (_LOCAL.str.len_bytes() > MAX_LOCAL_BYTES))
    .then(pl.lit(str(Rejection.TOO_LONG)))
    .when(~_LOCAL.str.contains(_LOCAL_PART))
    .then(pl.lit(str(Rejection.LOCAL_PART_INVALID)))
)


class Ruled(NamedTuple):
    """Values by what the rules say about them; each frame also has the columns of the given one.

    Attributes:
        usable: With the normalised `address` and, under `both`, the `other` one of `enhanced`; one of them is null if
            it is not valid or equals the other.
        rejected: With the `reason`.
        unknown: Values that must be judged one by one.
    """

    usable: pl.DataFrame
    rejected: pl.DataFrame
    unknown: pl.DataFrame


def judge_by_rules(values: pl.DataFrame, policy: Policy) -> Ruled:
    """Judge the column `value`, which has no nulls."""
    texts = pc.utf8_trim(values.get_column("value").to_arrow(), invisible_characters())
    empty, rest = split(values.with_columns(trimmed=pl.Series(texts)), _TRIMMED == "")
    others, rest = split(rest, _IS_NO_ADDRESS)
    known, unknown = split(rest, _CAN_BE_JUDGED)
    parts = _add_basic(known)
    if policy is not Policy.BASIC:
        parts = _add_enhanced(parts)
    forms = [_judge(parts.select(local_part=local, domain=domain)) for local, domain in _PARTS[policy]]
    address, other = forms[0].get_column("address"), forms[-1].get_column("address")
    judged = parts.with_columns(
        forms[0].get_column("reason"),
        address=address,
        other=pl.when(other.ne_missing(address)).then(other),
    )
    usable, rejected = split(judged, pl.any_horizontal(pl.col("address", "other").is_not_null()))
    missing = empty.with_columns(reason=pl.lit(str(Rejection.MISSING)))
    no_addresses = others.with_columns(reason=pl.lit(str(Rejection.NOT_AN_ADDRESS)))
    rejects = pl.concat([missing, no_addresses, rejected.select(missing.columns)])
    return Ruled(usable, rejects, unknown)


def _add_basic(known: pl.DataFrame) -> pl.DataFrame:
    """Add `local_part` and `domain` by the policy `basic`; changes the order of rows."""
    accented, others = split(known, _TRIMMED.str.contains(f"[{_ACCENTS}]"))
    lowered = [
        others.with_columns(text=_TRIMMED.str.to_lowercase()),
        accented.with_columns(text=_compose(_compose(_TRIMMED).str.to_lowercase())),
    ]
    parts = partition(pl.col("text"), "@", "local_part", "domain")
    frame = pl.concat(lowered).with_columns(parts.alias("parts")).unnest("parts")
    return frame.with_columns(_DOMAIN.fill_null("").str.replace_all(_FULL_STOPS, "."))


def _add_enhanced(parts: pl.DataFrame) -> pl.DataFrame:
    """Add both parts by the policy `enhanced`."""
    short, domain = (part.str.replace_all("[ \u00a0]", "") for part in (shorten(_LOCAL), _DOMAIN))
    enhanced = parts.select(short.alias("enhanced_local_part"), domain.alias("enhanced_domain"))
    return parts.with_columns(_without_accents(column) for column in enhanced)


def _without_accents(texts: pl.Series) -> pl.Series:
    """Drop accents from a column; each distinct text is changed once."""
    is_plain = texts.to_frame("text").select(is_ascii(pl.col("text"))).to_series()
    accented = texts.filter(~is_plain).unique()
    plain = _compose(pl.col("text").str.normalize("NFD").str.replace_all(r"\p{Mn}", ""))
    return texts.replace(accented, accented.to_frame("text").select(plain).to_series())


def _compose(text: pl.Expr) -> pl.Expr:
    return text.str.normalize("NFC")


def _judge(parts: pl.DataFrame) -> pl.DataFrame:
    """Return the `address` of each `local_part` and `domain`, or the `reason` why it is rejected; the other is null."""
    judged = parts.with_columns(address=join_address(_LOCAL, _DOMAIN)).with_columns(
        reason=_REASON_BEFORE_DOMAIN
    )
    domains = judged.filter(_REASON.is_null()).get_column("domain").unique()
    invalid = pl.Series([domain for domain in domains if not is_domain(domain)], dtype=pl.String)
    by_domain = pl.when(_DOMAIN.is_in(invalid.implode())).then(pl.lit(str(Rejection.DOMAIN_INVALID)))
    return judged.select(address=_ADDRESS, reason=pl.coalesce(_REASON, by_domain)).with_columns(
        pl.when(_REASON.is_null()).then(_ADDRESS)
    )
