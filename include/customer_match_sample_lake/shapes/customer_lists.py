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

_SEGMENTS: Final = {"Gold": 2, "Silver": 5}  # one of so many customers is in the segment
_UNKNOWN: Final = 9  # customers who are listed but have no profile
_MEMBERSHIPS: Final = "msdynci_segmentmembership"
_PROFILES: Final = "msdynci_customerprofile"

Listed = list[tuple[Row, set[str]]]
"""Customers, and the segments of each."""


class _Lists:
    """Assigns customers to segments: yields each customer once, and counts them."""

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
        """Count rows of a segment's list that `where` leaves out."""
        self._tallies[name].filtered(rows)

    def expected(self) -> Mapping[str, Expected]:
        """Return the expected results of the segments; each also lists some customers without a profile."""
        return {
            name: tally.expected(customers=self._customers[name] + _UNKNOWN, without_profile=_UNKNOWN)
            for name, tally in self._tallies.items()
        }


def _members(people: Profiles, first: int, count: int) -> dict[str, list[bool]]:
    numbers = people.numbers[first : first + count]
    return {
        name: (draw(numbers, f"in {name}", people.seed) % every == 0).tolist()
        for name, every in _SEGMENTS.items()
    }


def _unknown_customer(number: int) -> str:
    """Return the id of a customer without a profile."""
    return uuid.uuid5(uuid.NAMESPACE_OID, f"nobody {number}").hex


def _in_other_notation(customer: str) -> str:
    """Return the same GUID with braces, dashes and capitals, as other programs write it."""
    return f"{{{uuid.UUID(customer)}}}".upper()


@shape("customer-lists", "segments that are tables of customer ids, beside the table of all profiles")
def customer_lists(lake: Lake) -> Sample:
    """Write lists in which some ids occur twice, some are GUIDs in other notations, and some rows have none."""
    lists = _Lists(lake)
    rows: dict[str, list[Row]] = {
        name: [{"CustomerId": _unknown_customer(n)} for n in range(_UNKNOWN)] for name in _SEGMENTS
    }

    def profiles() -> Iterator[list[Row]]:
        for batch in lists:
            for row, names in batch:
                for name in names:
                    rows[name].append({"CustomerId": row["CustomerId"]})
            yield [row for row, _ in batch]

    lake.parquet("Customer/part-0.parquet", profiles(), SCHEMA)
    for name, listed in rows.items():
        twice = [{"CustomerId": _in_other_notation(row["CustomerId"])} for row in listed[::10]]
        lake.csv(f"{name}.csv", [listed, twice, [{"CustomerId": ""}]], Csv(header=True), ["CustomerId"])
    export = {"segments": lake.segments(*_SEGMENTS), "profiles": "Customer", "email": "Email"}
    return Sample(export, [State(lists.expected())])


@shape("membership-rows", "one table with a row for each customer and segment, beside the profiles")
def membership_rows(lake: Lake) -> Sample:
    """Write a table whose columns have other names."""
    lists = _Lists(lake)

    def rows(name: str, customer: str) -> Row:
        return {"ContactId": customer, "List": name}

    def table(batch: Listed) -> list[Row]:
        return [rows(name, row["CustomerId"]) for row, names in batch for name in sorted(names)]

    unknown = [rows(name, _unknown_customer(n)) for name in _SEGMENTS for n in range(_UNKNOWN)]
    schema = pa.schema([("ContactId", pa.string()), ("List", pa.string())])
    _two_tables(lake, lists, schema, table, unknown)
    export = {
        "segments": lake.segments(*_SEGMENTS),
        "membership": {"table": "Lists", "key": "ContactId", "segments": "List"},
        "profiles": "Customer",
        "email": "Email",
    }
    return Sample(export, [State(lists.expected())])


@shape("membership-lists", "one table with a list column: the segments of each customer, beside the profiles")
def membership_lists(lake: Lake) -> Sample:
    """Write customers; one who is in no segment has an empty list, or none."""
    lists = _Lists(lake)
    schema = pa.schema([("ContactId", pa.string()), ("Lists", pa.list_(pa.string()))])

    def table(batch: Listed) -> list[Row]:
        return [{"ContactId": row["CustomerId"], "Lists": sorted(names) or None} for row, names in batch]

    unknown = [{"ContactId": _unknown_customer(n), "Lists": [*_SEGMENTS, "Bronze"]} for n in range(_UNKNOWN)]
    unknown.append({"ContactId": _unknown_customer(_UNKNOWN), "Lists": []})
    _two_tables(lake, lists, schema, table, unknown)
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
        for row, names in batch[::20]:  # also as a contact: the condition leaves these rows out
            rows.append(_membership(row["CustomerId"], names, "Contact", new_id()))
            for name in names:
                contacts[name] += 1
        memberships.append(rows)
        profiles.forget()
        memberships.forget()
    memberships.append(
        [_membership(_unknown_customer(n), set(_SEGMENTS), "Customer", new_id()) for n in range(_UNKNOWN)]
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
    lake: Lake, lists: _Lists, schema: pa.Schema, table: Callable[[Listed], list[Row]], unknown: list[Row]
) -> None:
    """Write the profiles and, in the same pass, the table of memberships, `Lists`."""
    # Both files are written together, so that no table of a million rows is kept in memory.
    with lake.writing("Lists/part-0.parquet", schema) as write:
        write(unknown)

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
