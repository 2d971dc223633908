"""Location of addresses: in several columns, in lists, several in one text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa

from customer_match_sample_lake.csv_text import Csv
from customer_match_sample_lake.emails import emails
from customer_match_sample_lake.expected import Policy, Take, Tally
from customer_match_sample_lake.lake import COLUMNS, Lake, Row, customers
from customer_match_sample_lake.people import SCHEMA
from customer_match_sample_lake.shape import Sample, State, shape

_WITH_SECOND: Final = SCHEMA.append(pa.field("SecondEmail", pa.string()))


@shape("emails-columns", "two e-mail columns, of which the first usable address is used")
def first_usable(lake: Lake) -> Sample:
    """Write a second column with as many unusable values as the first."""
    tally = Tally(["Email", "SecondEmail"])
    lake.parquet("HighValue/part-0.parquet", tally.of(_with_second(lake)), _WITH_SECOND)
    export = {"segments": lake.segments("HighValue"), "email": ["Email", "SecondEmail"]}
    return Sample(export, [State({"HighValue": tally.expected()})])


@shape("emails-all", "two e-mail columns, all of whose addresses are used, each normalised by both policies")
def all_of_them(lake: Lake) -> Sample:
    """Write customers of whom most become several members."""
    columns = ["Email", "SecondEmail"]
    tally = Tally(columns, policy=Policy.BOTH, take=Take.ALL)
    lake.parquet("HighValue/part-0.parquet", tally.of(_with_second(lake)), _WITH_SECOND)
    export = {
        "segments": lake.segments("HighValue"),
        "email": {"columns": columns, "take": "all"},
        "normalisation": "both",
    }
    return Sample(export, [State({"HighValue": tally.expected()})])


@shape("emails-list", "a column with a list of addresses for each customer")
def in_lists(lake: Lake) -> Sample:
    """Write lists; some customers have an empty list, or none."""
    tally = Tally(["Emails"], take=Take.ALL)

    def rows() -> Iterator[list[Row]]:
        for batch in _with_second(lake):
            yield [
                {"CustomerId": row["CustomerId"], "Emails": _address_list(n, row)}
                for n, row in enumerate(batch)
            ]

    schema = pa.schema([("CustomerId", pa.string()), ("Emails", pa.list_(pa.string()))])
    lake.parquet("HighValue/part-0.parquet", tally.of(rows()), schema)
    export = {"segments": lake.segments("HighValue"), "email": {"columns": "Emails", "take": "all"}}
    return Sample(export, [State({"HighValue": tally.expected()})])


@shape("emails-separated", "a text with several addresses, separated by semicolons")
def separated(lake: Lake) -> Sample:
    """Write a CSV file, whose own delimiter is a comma."""
    tally = Tally(["Email"], take=Take.ALL, separator=";")

    def rows() -> Iterator[list[Row]]:
        for batch in _with_second(lake):
            yield [row | {"Email": f"{row['Email'] or ''}; {row['SecondEmail'] or ''}"} for row in batch]

    lake.csv("HighValue.csv", tally.of(rows()), Csv(header=True), COLUMNS)
    export = {
        "segments": lake.segments("HighValue"),
        "email": {"columns": "Email", "separator": ";", "take": "all"},
    }
    return Sample(export, [State({"HighValue": tally.expected()})])


def _with_second(lake: Lake) -> Iterator[list[Row]]:
    """Yield customers, with addresses of other customers as second ones."""
    people = lake.people()
    first = 0
    for rows in customers(people):
        numbers = people.numbers[first : first + len(rows)] + len(people)
        first += len(rows)
        second: list[Any] = emails(numbers, people.seed).to_pylist()
        yield [row | {"SecondEmail": email} for row, email in zip(rows, second, strict=True)]


def _address_list(number: int, row: Row) -> list[str | None] | None:
    """Return the list for a row: of ten rows, one has no list, one an empty one, one a single address."""
    everything = [row["Email"], row["SecondEmail"]]
    odd: dict[int, list[str | None] | None] = {0: None, 1: [], 2: everything[:1]}
    return odd.get(number % 10, everything)
