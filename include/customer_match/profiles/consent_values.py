"""The values that a consent column holds, for the message when nobody has consented.

They are collected only until the first row has consented, so a run that finds members does not pay for them.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, NonNegativeInt

from customer_match.redaction import may_be_address
from customer_match.wording import counted

if TYPE_CHECKING:
    from customer_match.conditions.value_filter import ValueFilter

__all__ = ["ConsentColumn", "ConsentValues", "in_sql"]

_MOST: Final = 12
"""A column with more different values states something else, which may be personal: none of them is shown."""
_LONGEST: Final = 24
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}.*|\d{1,2}[./]\d{1,2}[./]\d{2,4}.*")
_DIGEST: Final = re.compile(r"[0-9A-Fa-f-]{16,}")
_CONSENTING: Final = frozenset(
    {
        *("1", "t", "true", "y", "yes", "ja", "oui", "si", "sí"),
        *("accepted", "agreed", "allowed", "consented", "explicit", "granted", "subscribed"),
        *("opt-in", "opted-in", "opted_in", "optin"),
    }
)


class ConsentColumn(BaseModel):
    """What a consent column holds, where no row has consented.

    Attributes:
        name: The column, as the table spells it.
        values: Its values and their rows, the most frequent first; empty if there are too many, or only dates.
        without_value: Rows without a value.
        dates: Whether all values look like dates.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    values: dict[str, NonNegativeInt]
    without_value: NonNegativeInt
    dates: bool = False

    def __str__(self) -> str:
        """Describe the column, and what to write in the export file instead."""
        return f"The column {self.name!r} holds {self._held()}. {self._remedy()}"

    def _held(self) -> str:
        if self.dates:
            return "dates, and none of the values of `consent.allow`"
        if not (self.values or self.without_value):
            return f"more than {_MOST} different values, and none of `consent.allow`"
        held = [f"{value!r} ({counted(rows, 'row')})" for value, rows in self.values.items()]
        held += [f"no value ({counted(self.without_value, 'row')})"] if self.without_value else []
        return f"{', '.join(held)}, and none of the values of `consent.allow`"

    def _remedy(self) -> str:
        if self.dates:
            return f"If a date means consent, replace `consent` by `where: {in_sql(self.name)} IS NOT NULL`"
        meant = next((value for value in self.values if value.casefold() in _CONSENTING), None)
        if meant is None:
            return "Write the values that mean consent in `consent.allow`, or name another `consent.column`"
        return f"If {meant!r} means consent, write `allow: ['{meant}']`"


class ConsentValues:
    """Collects the values of a consent column."""

    def __init__(self) -> None:
        self._name = ""
        self._seen: Counter[str | None] = Counter()
        self._found = False

    def add(self, consent: ValueFilter, batch: pa.RecordBatch, kept: int) -> None:
        """Count the values of a batch, of whose rows `kept` have consented."""
        self._found |= kept > 0
        if self._found:
            self._seen.clear()
        elif len(self._seen) <= _MOST + 1:
            self._name = consent.column
            counts = batch.column(consent.column).cast(pa.string()).value_counts()
            self._seen.update({one["values"].as_py(): one["counts"].as_py() for one in counts[: _MOST + 2]})

    def column(self) -> ConsentColumn | None:
        """What the column holds; None if some row has consented, or there was none."""
        if not self._seen:
            return None
        values = {value: rows for value, rows in self._seen.most_common() if value and value.strip()}
        dates = bool(values) and all(_DATE.fullmatch(value.strip()) for value in values)
        shown = {} if dates or len(values) > _MOST else _shown(values)
        return ConsentColumn(
            name=self._name,
            values=shown,
            without_value=0 if len(values) > _MOST else self._seen.total() - sum(values.values()),
            dates=dates,
        )


def in_sql(column: str) -> str:
    """Write the name of a column as a condition needs it."""
    quoted = column.replace('"', '""')
    return column if re.fullmatch(r"[A-Za-z_]\w*", column) else f'"{quoted}"'


def _shown(values: dict[str, int]) -> dict[str, int]:
    """The values for messages: short, and nothing that may be an address or a digest."""
    shown = Counter[str]()
    for value, rows in values.items():
        text = value.strip()
        is_plain = len(text) <= _LONGEST and text.isprintable() and not may_be_address(text)
        shown[text if is_plain and not _DIGEST.fullmatch(text) else "…"] += rows
    return dict(shown)
