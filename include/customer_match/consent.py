"""`consent`: which values of a column mean that a profile has consented; everything else means that it has not.

Text is compared without regard to case and outer spaces, numbers by value, true and false with each other. Null
is never consent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from include.customer_match.export import Consent
from include.customer_match.tables.columns import find_column, is_text
from include.errors import ConfigurationError

__all__ = ["ConsentFilter", "consent_filter"]

Scalar = str | bool | int | float


@dataclass(frozen=True)
class ConsentFilter:
    """The values that mean consent, in the column's own kind.

    Attributes:
        column: As the table spells it.
        allowed: Text (lower-case), numbers, or true and false.
    """

    column: str
    allowed: pa.Array

    def keep(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Which rows of a batch have consented."""
        values = batch.column(self.column)
        if is_text(values.type):
            values = _compared(values.cast(pa.string()))
        elif not pa.types.is_boolean(values.type):
            values = values.cast(self.allowed.type)
        return pc.is_in(values, value_set=self.allowed)


def consent_filter(consent: Consent, columns: Mapping[str, pa.DataType]) -> ConsentFilter:
    """Make a filter for a table with these columns.

    Raises:
        ConfigurationError: The column is not there, or can never hold one of the allowed values.
    """
    name = find_column(columns, consent.column, "consent.column")
    kind = columns[name]
    if is_text(kind):
        return ConsentFilter(
            name, _compared(pa.array([_text(value) for value in consent.allow], pa.string()))
        )
    if pa.types.is_boolean(kind):
        return ConsentFilter(name, pa.array([_boolean(value, name) for value in consent.allow], pa.bool_()))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return ConsentFilter(name, _numbers([_number(value, name) for value in consent.allow], kind, name))
    raise ConfigurationError(
        f"The column {name!r} holds {kind}, which cannot tell consent. Name a column of text, numbers or true/false "
        "as `consent.column` in the export file."
    )


def _text(value: Scalar) -> str:
    """As a CSV file would write it, but for the case."""
    return str(value).strip()


def _compared(texts: pa.StringArray) -> pa.StringArray:
    """One way for both sides: Python has another lower case for some letters (İ)."""
    return pc.utf8_lower(pc.utf8_trim_whitespace(texts))


def _boolean(value: Scalar, name: str) -> bool:
    text = _text(value).lower()
    if text not in ("true", "false"):
        raise _never(name, "true and false", "true")
    return text == "true"


def _number(value: Scalar, name: str) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    for convert in (int, float) if isinstance(value, str) else ():
        try:
            return convert(value)
        except ValueError:
            continue
    raise _never(name, "numbers", "1")


def _numbers(values: list[int | float], kind: pa.DataType, name: str) -> pa.Array:
    """Whole numbers are compared as such where they can be: a float has no room for all of them."""
    if not pa.types.is_integer(kind):
        return pa.array([float(value) for value in values], pa.float64())
    whole = [int(value) for value in values if float(value).is_integer()]
    if len(whole) < len(values) or not all(_fits(value, kind) for value in whole):
        raise _never(name, str(kind), "1")
    return pa.array(whole, kind)


def _fits(value: int, kind: pa.DataType) -> bool:
    try:
        pa.scalar(value, kind)
    except (OverflowError, pa.ArrowInvalid):
        return False
    return True


def _never(name: str, kind: str, example: str) -> ConfigurationError:
    return ConfigurationError(
        f"The column {name!r} holds {kind}, so that not every value of `consent.allow` in the export file can stand "
        f"in it. Write them as the column has them, such as `allow: [{example}]`."
    )
