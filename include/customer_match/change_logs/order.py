"""Which row of a log is newer: the values of its order columns, brought into an order.

Numbers and times are compared as such, also where a file has them as text: a CSV file's version 9 is older than its
version 10. Which of the two a column of text holds is known only when all of it was read, and every value must fit.
Other text is compared letter by letter if all of it has one length, unless it looks like a time or a number whose
letters are in another order than its values (`30/10/2026`): a wrong guess would bring back who left.
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
# Numbers however they are written, such as 1e5 and 9,50: by their letters they are in order only if they are `_NUMBER`.
_ANY_NUMBER: Final = r"^\d+(?:[.,]\d*)?(?:[Ee][+-]?\d+)?$"
# Year-month-day, with or without a time, of a zone or none: ISO 8601 and what databases make of it.
_ISO: Final = (
    r"^(?<y>\d{4})[-/.](?<mo>\d{2})[-/.](?<d>\d{2})(?:[Tt\s]+(?<h>\d{1,2}):(?<mi>\d{2})(?::(?<s>\d{2})(?:[.,](?<f>\d{1,9}))?)?"
    r"\s?(?:[Zz]|UTC|(?<z>[+-]\d{2}(?::?\d{2})?))?)?$"
)
# ISO 8601's basic format: 20261101T163435Z.
_BASIC: Final = (
    r"^(?<y>\d{4})(?<mo>\d{2})(?<d>\d{2})[Tt\s](?<h>\d{2})(?<mi>\d{2})(?:(?<s>\d{2})(?:[.,](?<f>\d{1,9}))?)?"
    r"\s?(?:[Zz]|UTC|(?<z>[+-]\d{2}(?::?\d{2})?))?$"
)
# As Synapse Link writes SinkModifiedOn (documented: M/d/yyyy H:mm:ss tt; the hour is one of 12, by the example there).
_US: Final = (
    r"^(?<mo>\d{1,2})/(?<d>\d{1,2})/(?<y>\d{4})\s(?<h>\d{1,2}):(?<mi>\d{2}):(?<s>\d{2})\s?(?<p>[AaPp])[Mm]$"
)
# Text whose order is not that of its letters: times with the day or the month first or a half of the day, signed
# numbers, and exponents that can be no hexadecimal number.
_MISLEADING: Final = (
    r"^\d{1,2}[/.\s-]+(?:\d{1,2}|\p{L}+)[/.,\s-]+\d{2}|(?i:\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\p{L}*\b)"
    r"|\d\s?[AaPp]\.?[Mm]\.?$|^[+-]\d|^\d+(?:\.\d+[Ee][+-]?|[Ee][+-])\d+$"
)
_TICKS: Final = 10_000_000  # a second; .NET's unit, the finest that tables are seen to have as text
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
    """Whether values of a type can tell which row is newer."""
    return is_text(kind) or any(fits(kind) for fits in _KINDS)


@dataclass
class _Text:
    """What all values of a column of text may be, as far as they were seen."""

    numbers: bool = True
    times: bool = True
    any_numbers: bool = True
    misleading: bool = False
    lengths: set[int] = field(default_factory=set)

    def see(self, values: pl.Series) -> None:
        """Look at some values, none of which is null."""
        if not len(values):
            return
        self.numbers = self.numbers and bool(values.str.contains(_NUMBER).all())
        different = values.unique()
        self.times = self.times and _ticks(different).null_count() == 0
        self.any_numbers = self.any_numbers and bool(different.str.contains(_ANY_NUMBER).all())
        self.misleading = self.misleading or bool(different.str.contains(_MISLEADING).any())
        if len(self.lengths) < 2:  # noqa: PLR2004 (as it says: one length)
            self.lengths.update(values.str.len_bytes().unique().to_list()[:2])

    @property
    def has_an_order(self) -> bool:
        """Whether there is a way to compare them."""
        has_one_length = len(self.lengths) < 2  # noqa: PLR2004 (as it says)
        return self.numbers or self.times or (has_one_length and not (self.misleading or self.any_numbers))

    def in_order(self, values: pl.Series) -> pl.Series:
        """The same values as what can be compared."""
        if self.numbers:
            return _padded(values)
        if not self.times:
            return values
        different = values.unique().drop_nulls()  # many rows share a second
        return values.replace_strict(different, _ticks(different), default=None, return_dtype=pl.Int64)


class OrderValues:
    """The order columns of one table, while it streams by.

    Args:
        kinds: Their types, by name, the one that decides first.
        where: The table, for messages.
    """

    def __init__(self, kinds: Mapping[str, pa.DataType], where: str) -> None:
        self._where = where
        self._names = tuple(kinds)
        self._texts = {name: _Text() for name, kind in kinds.items() if is_text(kind) and not is_bytes(kind)}

    @property
    def names(self) -> Sequence[str]:
        """Their names."""
        return self._names

    def taken(self, batch: pa.RecordBatch) -> list[pl.Series]:
        """The values of a batch, by which rows are compared once all of them were taken (`in_order`)."""
        return [self._taken(name, batch.column(name)) for name in self._names]

    def _taken(self, name: str, column: pa.Array) -> pl.Series:
        if pa.types.is_timestamp(column.type) and column.type.tz:  # Arrow knows zones that polars does not
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
        """Make sure that all values of each column can be compared.

        Raises:
            ConfigurationError: Those of one cannot.
        """
        for name, text in self._texts.items():
            if not text.has_an_order:
                raise ConfigurationError(
                    f"The column {name!r} of {self._where} is to tell which row of an id is the newest, but its "
                    "values are neither all numbers without a sign, nor all times (2026-11-01T16:34:35Z, or 11/1/2026 "
                    "4:34:35 PM with the month first), nor other text of one length. Name another column in "
                    "`changes.order` of the export file, or let it be written in one of these ways."
                )

    def in_order(self, name: str, values: pl.Series) -> pl.Series:
        """Values that were taken, as what can be compared by < and >; null where there is none."""
        return self._texts[name].in_order(values) if name in self._texts else values


def _padded(numbers: pl.Series) -> pl.Series:
    """Digits, in front of which zeros make all of one length; of decimal places those that say something."""
    parts = numbers.str.splitn(".", 2).struct.unnest()
    whole, places = parts.to_series(0), parts.to_series(1).fill_null("")
    return whole.str.zfill(_DIGITS) + "." + places.str.strip_chars_end("0")


def _ticks(texts: pl.Series) -> pl.Series:
    """Times as whole numbers; null for what is none."""
    ticks = pl.repeat(None, len(texts), dtype=pl.Int64, eager=True)
    for pattern in (_ISO, _BASIC, _US):
        if ticks.null_count() > texts.null_count():
            ticks = ticks.fill_null(_of_parts(texts.str.extract_groups(pattern).struct.unnest()))
    return ticks


def _of_parts(parts: pl.DataFrame) -> pl.Series:
    """Ticks of year, month, day, hour, minute, second, and perhaps fraction, zone, and the half of the day."""
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
    minutes = zone.str.slice(3, 2).cast(pl.Int64, strict=False).fill_null(0)  # `+02`, as PostgreSQL has it
    ahead = zone.str.slice(1, 2).cast(pl.Int64) * 60 + minutes
    ahead = pl.when(zone.str.starts_with("-")).then(-ahead).otherwise(ahead).fill_null(0)
    fraction = pl.col("f").cast(pl.String).str.pad_end(9, "0").str.slice(0, 7).cast(pl.Int64).fill_null(0)
    seconds = ((days * 24 + hour) * 60 + minute - ahead) * 60 + second
    told = (hour < 24) & (minute < 60) & (second <= 60)  # noqa: PLR2004 (of clocks; with leap seconds)
    return parts.select(pl.when(told).then(seconds * _TICKS + fraction)).to_series()
