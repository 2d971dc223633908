"""Fictitious customers, for segment tables that look like real ones.

A profile is a pure function of its number and the seed: the same number is the same customer in every segment, on every
machine, in every run. So churn, overlapping segments and expected results are reproducible without stored state.

Columns follow the unified `Customer` table of Customer Insights: `CustomerId` of 32 lower-case hex digits,
`<source>_<table>_<key>` for the source's key and a semicolon-separated `_Alternate` for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from customer_match_sample_lake.draws import SEED, Numbers, draw
from customer_match_sample_lake.emails import emails
from customer_match_sample_lake.names import names

__all__ = ["BATCH_ROWS", "SCHEMA", "Profiles", "people"]

BATCH_ROWS = 65_536

SCHEMA = pa.schema(
    [
        ("CustomerId", pa.string()),
        ("FirstName", pa.string()),
        ("LastName", pa.string()),
        ("Email", pa.string()),
        ("Country", pa.string()),
        ("Birthday", pa.date32()),
        ("LifetimeValue", pa.float64()),
        ("LastPurchase", pa.timestamp("us", tz="UTC")),
        ("CRM_Contacts_ContactId", pa.string()),
        ("CRM_Contacts_ContactId_Alternate", pa.string()),
    ]
)


@dataclass(frozen=True, eq=False)
class Profiles:
    """The profiles of a segment.

    Attributes:
        numbers: Shape (n,): the profiles' numbers, without duplicates, in the table's order.
        next_number: The first number that no profile of the segment has had yet.
        seed: Selects the sample data.
    """

    numbers: Numbers
    next_number: int
    seed: int = SEED

    @classmethod
    def first(cls, count: int, *, start: int = 0, seed: int = SEED) -> Profiles:
        """Return the profiles `start` to `start + count - 1`."""
        return cls(np.arange(start, start + count, dtype=np.uint64), start + count, seed)

    def __len__(self) -> int:
        """Return the number of profiles."""
        return len(self.numbers)

    def churn(self, share: float) -> Profiles:
        """Replace a share of the profiles: half of the share leaves, and as many new profiles join.

        Deterministic: the same profiles always change in the same way. New profiles take the positions of those that
        left.

        Raises:
            ValueError: The share is not between 0 and 1.
        """
        if not 0 <= share <= 1:
            raise ValueError(f"churn share {share} is not between 0 and 1: give 0.01 for one per cent")
        changes = round(len(self) * share / 2)
        lots = draw(self.numbers, f"leaves before {self.next_number}", self.seed)
        leavers = np.sort(np.argsort(lots, kind="stable")[:changes])
        numbers = self.numbers.copy()
        numbers[leavers] = np.arange(self.next_number, self.next_number + changes, dtype=np.uint64)
        return Profiles(numbers, self.next_number + changes, self.seed)

    def batches(self, rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """Yield the profiles as rows of `SCHEMA`, at most `rows` in one batch."""
        for start in range(0, len(self), rows):
            yield people(self.numbers[start : start + rows], self.seed)


def people(numbers: Numbers, seed: int = SEED) -> pa.RecordBatch:
    """Return one row of `SCHEMA` for each number."""
    person = names(numbers, seed)
    contact, contacts = _contacts(numbers, seed)
    columns = {
        "CustomerId": _customer_ids(numbers, seed),
        "FirstName": person.given,
        "LastName": person.family,
        "Email": emails(numbers, seed),
        "Country": person.country,
        "Birthday": _birthdays(numbers, seed),
        "LifetimeValue": pa.array((draw(numbers, "value", seed) % 500_000) / 100),
        "LastPurchase": _purchases(numbers, seed),
        "CRM_Contacts_ContactId": contact,
        "CRM_Contacts_ContactId_Alternate": contacts,
    }
    return pa.RecordBatch.from_pydict(columns, schema=SCHEMA)


def _customer_ids(numbers: Numbers, seed: int) -> pa.StringArray:
    words = np.stack([draw(numbers, "id, first half", seed), draw(numbers, "id, second half", seed)], axis=1)
    digits = words.astype(">u8").tobytes().hex().encode()
    offsets = np.arange(len(numbers) + 1, dtype=np.int32) * np.int32(32)
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(offsets), pa.py_buffer(digits))


def _birthdays(numbers: Numbers, seed: int) -> pa.Date32Array:
    days_since_1970 = (draw(numbers, "birthday", seed) % 25_000).astype("int32") - 11_000  # 1939 to 2008
    return pa.array(days_since_1970).cast(pa.date32())


def _purchases(numbers: Numbers, seed: int) -> pa.TimestampArray:
    seconds = np.int64(1_704_067_200) + (draw(numbers, "purchase", seed) % 86_400_000).astype("int64")
    return pa.array(seconds * 1_000_000).cast(SCHEMA.field("LastPurchase").type)  # 2024 to September 2026


def _contacts(numbers: Numbers, seed: int) -> tuple[pa.StringArray, pa.StringArray]:
    """Return the source's keys: the main one, and all of them; every tenth profile was merged from two."""
    winner = pc.binary_join_element_wise("C", pa.array(numbers).cast(pa.string()), "-")
    other = pc.binary_join_element_wise("L", pa.array(numbers).cast(pa.string()), "-")
    merged = pa.array(draw(numbers, "merged", seed) % 10 == 0)
    return winner, pc.if_else(merged, pc.binary_join_element_wise(winner, other, ";"), winner)
