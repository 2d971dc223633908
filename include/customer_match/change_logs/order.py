"""Make the values of a log's order columns comparable, to decide which row is newer.

Numbers and times are compared by value, also where a file stores them as text: version 9 in a CSV file is older than
version 10. Whether a text column holds numbers or times is known only when all of it was read, and every value must
fit. Other text is compared character by character if all values have the same length, unless it looks like a time or
number whose text order differs from its value (`30/10/2026`). A wrong guess would bring back members who left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl
import pyarrow as pa

from customer_match.errors import ConfigurationError
from customer_match.tables.columns import is_bytes, is_decimal, is_text

__all__ = ["OrderValues", "may_order"]

_NUMBER: Final = r"^\d{1,38}(?:\.\d+)?$"
# Numbers in any notation, such as 1e5 and 9,50; their text order is right only if they match `_NUMBER`.
_ANY_NUMBER: Final = r"^\d+(?:[.,]\d*)?(?:[Ee][+-]?\d+)?$"
# Year-month-day, with or without time and zone: ISO 8601 and variants that databases write.
_ISO: Final = (
    r"^(?<y>\d{4})[-/.](?<mo>\d{2})[-/.](?<d>\d{2})(?:[Tt\s]+(?<h>\d{1,2}):(?<mi>\d{2})(?::(?<s>\d{2})(?:[.,](?<f>\d{1,9}))?)?"
    r"\s?(?:[Zz]|UTC|(?<z>[+-]\d{2}(?::?\d{2})?))?)?$"
)
# ISO 8601's basic format: 20261101T163435Z.
_BASIC: Final = (
    r"^(?<y>\d{4})(?<mo>\d{2})(?<d>\d{2})[Tt\s](?<h>\d{2})(?<mi>\d{2})(?:(?<s>\d{2})(?:[.,](?<f>\d{1,9}))?)?"
    r"\s?(?:[Zz]|UTC|(?<z>[+-]\d{2}(?::?\d{2})?))?$"
)
# As Synapse Link writes SinkModifiedOn (documented: M/d/yyyy H:mm:ss tt; its example shows a 12-hour clock).
_US: Final = (
    r"^(?<mo>\d{1,2})/(?<d>\d{1,2})/(?<y>\d{4})\s(?<h>\d{1,2}):(?<mi>\d{2}):(?<s>\d{2})\s?(?<p>[AaPp])[Mm]$"
)
# Text whose order differs from its value: times with the day or the month first or with AM/PM, signed numbers, and
# exponents that cannot be part of a hexadecimal number.
_MISLEADING: Final = (
    r"^\d{1,2}[/.\s-]+(?:\d{1,2}|\p{L}+)[/.,\s-]+\d{2}|(?i:\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\p{L}*\b)"
    r"|\d\s?[AaPp]\.?[Mm]\.?$|^[+-]\d|^\d+(?:\.\d+[Ee][+-]?|[Ee][+-])\d+$"
)
_TICKS: Final = 10_000_000  # per second; .NET's unit, the finest resolution seen in tables as text
_DIGITS: Final = 38
_KINDS: Final = (
    pa.types.is_integer,
    pa.types.is_floating,
    is_decimal,
    pa.types.is_date,
    pa.types.is_timestamp,
    pa.types.is_boolean,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_fixed_size_binary,
)


def may_order(kind: pa.DataType) -> bool:
    """Return whether values of a type can define which row is newer."""
    return is_text(kind) or any(fits(kind) for fits in _KINDS)


@dataclass
class _Text:
    """What a text column may hold, judging by all values seen so far."""

    numbers: bool = True
    times: bool = True
    any_numbers: bool = True
    misleading: bool = False
    lengths: set[int] = field(default_factory=set)

    def see(self, values: pl.Series) -> None:
        """Update from some values, none of which is null."""
        if not len(values):
            return
        self.numbers = self.numbers and bool(values.str.contains(_NUMBER).all())
        different = values.unique()
        self.times = self.times and _to_ticks(different).null_count() == 0
        self.any_numbers = self.any_numbers and bool(different.str.contains(_ANY_NUMBER).all())
        self.misleading = self.misleading or bool(different.str.contains(_MISLEADING).any())
        if len(self.lengths) < 2:  # noqa: PLR2004 (as it says: one length)
            self.lengths.update(values.str.len_bytes().unique().to_list()[:2])

    @property
    def is_comparable(self) -> bool:
        """Return whether the values can be compared."""
        has_one_length = len(self.lengths) < 2  # noqa: PLR2004 (as it says)
        return self.numbers or self.times or (has_one_length and not (self.misleading or self.any_numbers))

    def comparable(self, values: pl.Series) -> pl.Series:
        """Convert the values to a comparable form."""
        if self.numbers:
            return _pad(values)
        if not self.times:
            return values
        different = values.unique().drop_nulls()  # many rows share a second
        return values.replace_strict(different, _to_ticks(different), default=None, return_dtype=pl.Int64)


class OrderValues:
    """The order columns of one table, collected while it is streamed.

    Args:
        kinds: Their types by name, the most significant first.
        where: The table, for messages.
    """

    def __init__(self, kinds: Mapping[str, pa.DataType], where: str) -> None:
        self._where = where
        self._names = tuple(kinds)
        self._texts = {name: _Text() for name, kind in kinds.items() if is_text(kind) and not is_bytes(kind)}

    @property
    def names(self) -> Sequence[str]:
        """Names of the order columns."""
        return self._names

    def read(self, batch: pa.RecordBatch) -> list[pl.Series]:
        """Return the values of a batch; make them comparable with `comparable` once all batches were read."""
        return [self._read_column(name, batch.column(name)) for name in self._names]

    def _read_column(self, name: str, column: pa.Array) -> pl.Series:
        if pa.types.is_timestamp(column.type) and column.type.tz:  # Arrow supports zones that polars does not
            unit = column.type.unit
            column = column.cast(pa.timestamp(unit, "UTC")).cast(pa.timestamp(unit))
        values: pl.Series = pl.from_arrow(column)  # type: ignore[assignment]  # of an array
        if name not in self._texts:
            return values.fill_nan(None) if values.dtype.is_float() else values
        texts = values.cast(pl.String).str.strip_chars()
        texts = texts.set(texts == "", None)
        self._texts[name].see(texts.drop_nulls())
        return texts

    def check(self) -> None:
        """Check that all values of each column can be compared.

        Raises:
            ConfigurationError: The values of a column cannot be compared.
        """
        for name, text in self._texts.items():
            if not text.is_comparable:
                raise ConfigurationError(
                    f"The column {name!r} of {self._where} must show which row of an id is the newest, but its values "
                    "are neither all numbers without a sign, nor all times (2026-11-01T16:34:35Z, or 11/1/2026 4:34:35 "
                    "PM with the month first), nor other text of one length. Name another column in "
                    "`changes.order` of the export file, or write the column in one of these formats."
                )

    def comparable(self, name: str, values: pl.Series) -> pl.Series:
        """Convert values from `read` to a form that < and > compare correctly; null where a value is missing."""
        return self._texts[name].comparable(values) if name in self._texts else values


def _pad(numbers: pl.Series) -> pl.Series:
    """Pad whole digits with zeros to one length; drop trailing zeros of decimal places."""
    parts = numbers.str.splitn(".", 2).struct.unnest()
    whole, places = parts.to_series(0), parts.to_series(1).fill_null("")
    return whole.str.zfill(_DIGITS) + "." + places.str.strip_chars_end("0")


def _to_ticks(texts: pl.Series) -> pl.Series:
    """Convert times to integers; null for other text."""
    ticks = pl.repeat(None, len(texts), dtype=pl.Int64, eager=True)
    for pattern in (_ISO, _BASIC, _US):
        if ticks.null_count() > texts.null_count():
            ticks = ticks.fill_null(_ticks_from_parts(texts.str.extract_groups(pattern).struct.unnest()))
    return ticks


def _ticks_from_parts(parts: pl.DataFrame) -> pl.Series:
    """Compute ticks from year, month, day, hour, minute, second, and optional fraction, zone and AM/PM."""
    parts = parts.with_columns(
        pl.lit(None, pl.String).alias(name) for name in ("f", "z", "p") if name not in parts.columns
    )
    half = pl.col("p")
    date = pl.format("{}-{}-{}", "y", pl.col("mo").str.zfill(2), pl.col("d").str.zfill(2))
    days = date.str.to_date("%Y-%m-%d", strict=False).cast(pl.Int64)
    hour = pl.col("h").cast(pl.Int64).fill_null(0)
    afternoon = half.str.to_uppercase() == "P"
    hour = pl.when(half.is_null()).then(hour).otherwise(hour % 12 + pl.when(afternoon).then(12).otherwise(0))
    minute, second = (pl.col(name).cast(pl.Int64).fill_null(0) for name in ("mi", "s"))
    zone = pl.col("z").cast(pl.String).str.replace(":", "")
    minutes = zone.str.slice(3, 2).cast(pl.Int64, strict=False).fill_null(0)  # `+02`, as PostgreSQL writes it
    ahead = zone.str.slice(1, 2).cast(pl.Int64) * 60 + minutes
    ahead = pl.when(zone.str.starts_with("-")).then(-ahead).otherwise(ahead).fill_null(0)
    fraction = pl.col("f").cast(pl.String).str.pad_end(9, "0").str.slice(0, 7).cast(pl.Int64).fill_null(0)
    seconds = ((days * 24 + hour) * 60 + minute - ahead) * 60 + second
    valid = (hour < 24) & (minute < 60) & (second <= 60)  # noqa: PLR2004 (of clocks; with leap seconds)
    return parts.select(pl.when(valid).then(seconds * _TICKS + fraction)).to_series()
