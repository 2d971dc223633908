"""Excluded customers: by a condition, without consent, by suppression lists."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from customer_match_sample_lake.csv_text import Csv
from customer_match_sample_lake.expected import Tally, digests_of
from customer_match_sample_lake.lake import Lake, Row, customers
from customer_match_sample_lake.people import SCHEMA
from customer_match_sample_lake.shape import Sample, State, shape

_ANSWERS: Final = ("granted", " Granted", "Double opt-in", "double opt-in ", "denied", "withdrawn", "", None)
_WORTH: Final = 1000
_ALLOWED: Final = ("granted", "double opt-in")


@shape("where", "only the rows for which a condition in SQL is true")
def where(lake: Lake) -> Sample:
    """Write a condition on a text and a number; a row key lists the rejected ones of the other rows."""
    tally = Tally(where=lambda row: row["Country"] in ("DE", "FR", "US") and row["LifetimeValue"] >= _WORTH)
    lake.parquet("HighValue/part-0.parquet", tally.of(customers(lake.people())))
    export = {
        "segments": lake.segments("HighValue"),
        "email": "Email",
        "where": f"Country IN ('DE', 'FR', 'US') AND LifetimeValue >= {_WORTH}",
        "row_key": "CustomerId",
    }
    return Sample(export, [State({"HighValue": tally.expected()})])


@shape("consent", "a column of consent, with realistic spellings of its values")
def consent(lake: Lake) -> Sample:
    """Write consent values; case and outer spaces do not count, and an empty value is never consent."""
    tally = Tally(consent=lambda row: (row["MarketingStatus"] or "").strip().lower() in _ALLOWED)

    def rows() -> Iterator[list[Row]]:
        for batch in customers(lake.people()):
            yield [row | {"MarketingStatus": _ANSWERS[n % len(_ANSWERS)]} for n, row in enumerate(batch)]

    schema = SCHEMA.append(pa.field("MarketingStatus", pa.string()))
    lake.parquet("HighValue/part-0.parquet", tally.of(rows()), schema)
    export = {
        "segments": lake.segments("HighValue"),
        "email": "Email",
        "consent": {"column": "MarketingStatus", "allow": list(_ALLOWED)},
    }
    return Sample(export, [State({"HighValue": tally.expected()})])


@shape("suppression", "suppression lists: addresses in one, SHA-256 hashes in another")
def suppression(lake: Lake) -> Sample:
    """Write lists that each have a tenth of the segment and others; few of their rows are unusable."""
    addresses = [row for rows in customers(lake.people(0.1)) for row in rows if row["Email"]]
    hashed = [row for rows in customers(lake.people(0.1, start=0.95)) for row in rows if row["Email"]]
    hashes = [{"Hash": hashlib.sha256(row["Email"].strip().lower().encode()).hexdigest()} for row in hashed]
    lake.csv("DoNotContact.csv", [addresses], Csv(header=True, delimiter=";"), ["Email", "CustomerId"])
    lake.parquet("Objections.parquet", [hashes], pa.schema([("Hash", pa.string())]))

    tally = Tally(
        suppressed=digests_of([row["Email"] for row in addresses] + [row["Hash"] for row in hashes])
    )
    lake.parquet("HighValue/part-0.parquet", tally.of(customers(lake.people())))
    export = {
        "segments": lake.segments("HighValue"),
        "email": "Email",
        "suppress": ["DoNotContact", {"table": "Objections", "email": "Hash"}],
        "guards": {"max_suppress_unusable": 0.3},
    }
    return Sample(export, [State({"HighValue": tally.expected()})])
