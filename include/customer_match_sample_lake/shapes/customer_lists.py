"""Segments that only list customers, and the profiles that hold their addresses."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import pyarrow as pa

from customer_match_sample_lake.csv_text import Csv
from customer_match_sample_lake.delta import DeltaSample
from customer_match_sample_lake.draws import draw
from customer_match_sample_lake.expected import Expected, Tally
from customer_match_sample_lake.lake import DAYS, Lake, Row, customers
from customer_match_sample_lake.people import SCHEMA, Profiles
from customer_match_sample_lake.shape import Sample, State, shape

_SEGMENTS: Final = {"Gold": 2, "Silver": 5}  # of so many customers one is in the segment
_NOBODY: Final = 9  # customers who are listed and have no profile
_MEMBERSHIPS: Final = "msdynci_segmentmembership"
_PROFILES: Final = "msdynci_customerprofile"

Listed = list[tuple[Row, set[str]]]
"""Customers, and the segments that each of them is in."""


class _Lists:
    """Who is in which segment: all customers pass once, and are counted."""

    def __init__(self, lake: Lake) -> None:
        self._people = lake.people()
        self._tallies = {name: Tally() for name in _SEGMENTS}
        self._customers = dict.fromkeys(_SEGMENTS, 0)

    def __iter__(self) -> Iterator[Listed]:
        first = 0
        for rows in customers(self._people):
            members = _members(self._people, first, len(rows))
            first += len(rows)
            batch = [(row, {name for name in _SEGMENTS if members[name][n]}) for n, row in enumerate(rows)]
            for row, names in batch:
                for name in names:
                    self._customers[name] += 1
                    self._tallies[name].add(row)
            yield batch

    def filtered(self, name: str, rows: int) -> None:
        """Rows of a segment's list that `where` leaves out."""
        self._tallies[name].filtered(rows)

    def expected(self) -> Mapping[str, Expected]:
        """What the segments must become: to each, some were listed whom no profile knows."""
        return {
            name: tally.expected(customers=self._customers[name] + _NOBODY, without_profile=_NOBODY)
            for name, tally in self._tallies.items()
        }


def _members(people: Profiles, first: int, count: int) -> dict[str, list[bool]]:
    numbers = people.numbers[first : first + count]
    return {
        name: (draw(numbers, f"in {name}", people.seed) % every == 0).tolist()
        for name, every in _SEGMENTS.items()
    }


def _nobody(number: int) -> str:
    """The id of a customer whom no profile knows."""
    return uuid.uuid5(uuid.NAMESPACE_OID, f"nobody {number}").hex


def _as_others_write(customer: str) -> str:
    """The same GUID with braces, dashes and capitals."""
    return f"{{{uuid.UUID(customer)}}}".upper()


@shape("customer-lists", "segments that are tables of customer ids, beside the table of all profiles")
def customer_lists(lake: Lake) -> Sample:
    """Some ids stand twice, some are written like GUIDs of other programs, some rows have none."""
    lists = _Lists(lake)
    rows: dict[str, list[Row]] = {
        name: [{"CustomerId": _nobody(n)} for n in range(_NOBODY)] for name in _SEGMENTS
    }

    def profiles() -> Iterator[list[Row]]:
        for batch in lists:
            for row, names in batch:
                for name in names:
                    rows[name].append({"CustomerId": row["CustomerId"]})
            yield [row for row, _ in batch]

    lake.parquet("Customer/part-0.parquet", profiles(), SCHEMA)
    for name, listed in rows.items():
        twice = [{"CustomerId": _as_others_write(row["CustomerId"])} for row in listed[::10]]
        lake.csv(f"{name}.csv", [listed, twice, [{"CustomerId": ""}]], Csv(header=True), ["CustomerId"])
    export = {"segments": lake.segments(*_SEGMENTS), "profiles": "Customer", "email": "Email"}
    return Sample(export, [State(lists.expected())])


@shape("membership-rows", "one table with a row for each customer and segment, beside the profiles")
def membership_rows(lake: Lake) -> Sample:
    """The columns have names of their own."""
    lists = _Lists(lake)

    def rows(name: str, customer: str) -> Row:
        return {"ContactId": customer, "List": name}

    def table(batch: Listed) -> list[Row]:
        return [rows(name, row["CustomerId"]) for row, names in batch for name in sorted(names)]

    nobody = [rows(name, _nobody(n)) for name in _SEGMENTS for n in range(_NOBODY)]
    schema = pa.schema([("ContactId", pa.string()), ("List", pa.string())])
    _two_tables(lake, lists, schema, table, nobody)
    export = {
        "segments": lake.segments(*_SEGMENTS),
        "membership": {"table": "Lists", "key": "ContactId", "segments": "List"},
        "profiles": "Customer",
        "email": "Email",
    }
    return Sample(export, [State(lists.expected())])


@shape("membership-lists", "one table with a list column: the segments of each customer, beside the profiles")
def membership_lists(lake: Lake) -> Sample:
    """Who is in no segment has an empty list, or none."""
    lists = _Lists(lake)
    schema = pa.schema([("ContactId", pa.string()), ("Lists", pa.list_(pa.string()))])

    def table(batch: Listed) -> list[Row]:
        return [{"ContactId": row["CustomerId"], "Lists": sorted(names) or None} for row, names in batch]

    nobody = [{"ContactId": _nobody(n), "Lists": [*_SEGMENTS, "Bronze"]} for n in range(_NOBODY)]
    nobody.append({"ContactId": _nobody(_NOBODY), "Lists": []})
    _two_tables(lake, lists, schema, table, nobody)
    export = {
        "segments": lake.segments(*_SEGMENTS),
        "membership": {"table": "Lists", "key": "ContactId", "segments": "Lists"},
        "profiles": "Customer",
        "email": "Email",
    }
    return Sample(export, [State(lists.expected())])


@shape(
    "dataverse", "Dataverse's copy: msdynci_segmentmembership with JSON lists, and msdynci_customerprofile"
)
def dataverse(lake: Lake) -> Sample:
    """Memberships as documented (Customer Insights: tables); assumed: Delta tables, and the profile's columns."""
    lists = _Lists(lake)
    memberships = _dataverse_table(
        lake,
        _MEMBERSHIPS,
        "customerid segmentprovider segmentmembershiptype segments identifier segmentmembershipid",
    )
    profiles = _dataverse_table(lake, _PROFILES, "customerid firstname lastname email")
    contacts = dict.fromkeys(_SEGMENTS, 0)
    new_id = lake.ids("memberships")
    for batch in lists:
        profiles.append([_profile(row) for row, _ in batch])
        rows = [_membership(row["CustomerId"], names, "Customer", new_id()) for row, names in batch]
        for row, names in batch[::20]:  # as a contact, too: the condition leaves these rows out
            rows.append(_membership(row["CustomerId"], names, "Contact", new_id()))
            for name in names:
                contacts[name] += 1
        memberships.append(rows)
        profiles.forget()
        memberships.forget()
    memberships.append(
        [_membership(_nobody(n), set(_SEGMENTS), "Customer", new_id()) for n in range(_NOBODY)]
    )
    for name, count in contacts.items():
        lists.filtered(name, count)
    export = {
        "segments": lake.segments(*_SEGMENTS),
        "membership": _MEMBERSHIPS,
        "profiles": {"table": _PROFILES, "key": "msdynci_customerid"},
        "email": "msdynci_email",
        "where": "msdynci_segmentmembershiptype = 'Customer'",
    }
    return Sample(export, [State(lists.expected())])


def _two_tables(
    lake: Lake, lists: _Lists, schema: pa.Schema, table: Callable[[Listed], list[Row]], nobody: list[Row]
) -> None:
    """Write the profiles and, in the same pass, the one table of memberships, `Lists`."""
    # Both files are written at once, so that no table of a million rows waits in memory.
    with lake.writing("Lists/part-0.parquet", schema) as write:
        write(nobody)

        def profiles() -> Iterator[list[Row]]:
            for batch in lists:
                write(table(batch))
                yield [row for row, _ in batch]

        lake.parquet("Customer/part-0.parquet", profiles(), SCHEMA)


def _dataverse_table(lake: Lake, name: str, columns: str) -> DeltaSample:
    return DeltaSample(
        lake.filesystem,
        lake.path(name),
        {f"msdynci_{column}": pa.string() for column in columns.split()},
        times=lambda _: DAYS[0],
        row_group=1_000,
        new_id=lake.ids(name),
    )


def _profile(row: Row) -> Row:
    values = {
        "customerid": row["CustomerId"],
        "firstname": row["FirstName"],
        "lastname": row["LastName"],
        "email": row["Email"],
    }
    return {f"msdynci_{name}": value for name, value in values.items()}


def _membership(customer: str, names: set[str], kind: str, id_: uuid.UUID) -> dict[str, Any]:
    provider, lists = "CustomerInsights", {"Segments": sorted(names)}
    values = {
        "customerid": customer,
        "segmentprovider": provider,
        "segmentmembershiptype": kind,
        "segments": json.dumps(lists, separators=(",", ":")),
        "identifier": f"{customer}|{provider}|{kind}|",
        "segmentmembershipid": str(id_),
    }
    return {f"msdynci_{name}": value for name, value in values.items()}
