"""The join of memberships and profiles is what plain Python makes of it; nothing personal touches the disk."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_match.addresses import customer_ids
from customer_match.conditions.row_filter import row_filter
from customer_match.export.people import Consent
from customer_match.members import distinct as members
from customer_match.profiles.consent import consent_filter
from customer_match.profiles.join import Join, Joined, MembershipReading

IDS = st.one_of(st.none(), st.sampled_from(["", " "]), st.integers(0, 12).map(str))


def batches(rows: list[dict[str, Any]], schema: pa.Schema, size: int) -> Iterator[pa.RecordBatch]:
    yield from pa.Table.from_pylist(rows, schema=schema).to_batches(max_chunksize=size)


MEMBERSHIPS = pa.schema([("id", pa.string()), ("segments", pa.string()), ("kind", pa.string())])
PROFILES = pa.schema([("CustomerId", pa.string()), ("Email", pa.string())])


def join(
    reading: MembershipReading, memberships: list[Any], profiles: list[Any], size: int = 8
) -> tuple[list[dict[str, Any]], Joined]:
    with Join(reading, "Gold") as joining:
        joining.read(batches(memberships, MEMBERSHIPS, size))
        found = joining.profiles(lambda: batches(profiles, PROFILES, size), "CustomerId")
        rows = [row for batch in found for row in batch.to_pylist()]
        return rows, joining.joined()


def by_email(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(row["Email"] for row in rows)


@settings(max_examples=25)
@given(
    st.lists(st.tuples(IDS, st.sampled_from(["Gold", "Silver"]), st.sampled_from("ab")), max_size=20),
    st.lists(IDS, max_size=20),
    st.sampled_from([1, 4, 1_000]),
    st.booleans(),
)
def test_the_join_is_that_of_plain_python(
    listed: list[tuple[str | None, str, str]], ids: list[str | None], at_once: int, names: bool
) -> None:
    memberships = [
        {"id": one, "segments": json.dumps({"Segments": [segment]}), "kind": kind}
        for one, segment, kind in listed
    ]
    profiles = [{"CustomerId": one, "Email": f"{number}@example.com"} for number, one in enumerate(ids)]
    reading = MembershipReading(
        "id",
        "segments" if names else None,
        where=row_filter("kind = 'a'", {"kind": pa.string()}),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(members, "_IN_MEMORY", 3)
        patch.setattr(customer_ids, "_IDS_AT_ONCE", at_once)
        rows, joined = join(reading, memberships, profiles)

    of_segment = [(one, kind) for one, segment, kind in listed if segment == "Gold" or not names]
    counted = [one for one, kind in of_segment if kind == "a"]
    customers = {one for one in counted if (one or "").strip()}
    wanted = [profile for profile in profiles if profile["CustomerId"] in customers]
    assert by_email(rows) == by_email(wanted)
    assert joined == Joined(
        rows=len(of_segment),
        filtered=len(of_segment) - len(counted),
        without_id=sum(not (one or "").strip() for one in counted),
        customers=len(customers),
        without_profile=len(customers - set(ids)),
    )


def test_twice_a_member_is_once_and_every_profile_of_an_id_counts() -> None:
    guid = "ce759201-f786-d590-bf21-34bff576c369"
    memberships = [{"id": f"{{{guid.upper()}}}"}, {"id": guid}, {"id": "gone"}]
    profiles = [
        {"CustomerId": None, "Email": "d@example.com"},
        {"CustomerId": guid.replace("-", ""), "Email": "a@example.com"},
        {"CustomerId": guid, "Email": "b@example.com"},
        {"CustomerId": "other", "Email": "c@example.com"},
    ]
    rows, joined = join(MembershipReading("id"), memberships, profiles)
    assert by_email(rows) == ["a@example.com", "b@example.com"]
    assert joined == Joined(rows=3, customers=2, without_profile=1)


def test_consent_of_memberships() -> None:
    consent = consent_filter(Consent(column="kind", allow="yes"), {"kind": pa.string()})
    memberships = [{"id": "1", "kind": "yes"}, {"id": "2", "kind": "no"}, {"id": "3"}]
    profiles = [{"CustomerId": str(n), "Email": f"{n}@example.com"} for n in range(4)]
    rows, joined = join(MembershipReading("id", consent=consent), memberships, profiles)
    assert by_email(rows) == ["1@example.com"]
    assert joined == Joined(rows=3, without_consent=2, customers=1)


def test_lists_that_cannot_be_read_are_counted() -> None:
    memberships = [{"id": "1", "segments": '["Gold"]'}, {"id": "2", "segments": '["Gold'}, {"id": "3"}]
    _, joined = join(MembershipReading("id", "segments"), memberships, [])
    assert joined == Joined(rows=1, customers=1, without_profile=1, unreadable=1)


def test_only_needed_columns_are_read() -> None:
    where = row_filter("kind = 'a' OR id = '7'", dict.fromkeys(("kind", "id"), pa.string()))
    assert MembershipReading("id", "segments", where).columns == ("id", "segments", "kind")
    assert MembershipReading("id").columns == ("id",)


def test_what_waits_on_disk_holds_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids that are addresses, which spill as digests; profiles never do; and no file has a name."""
    written: list[Any] = []
    make = tempfile.TemporaryFile

    def recorded(**keys: Any) -> Any:
        written.append(make(**keys))
        return written[-1]

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(tempfile, "TemporaryFile", recorded)
    monkeypatch.setattr(members, "_IN_MEMORY", 3)
    people = [f"person{number}@example.com" for number in range(40)]
    with Join(MembershipReading("id"), "Gold") as joining:
        joining.read(batches([{"id": one} for one in people], MEMBERSHIPS, 4))
        profiles = [{"CustomerId": one, "Email": one} for one in people]
        found = joining.profiles(lambda: batches(profiles, PROFILES, 4), "CustomerId")
        assert sum(batch.num_rows for batch in found) == 40
        [spill] = written
        spill.seek(0)
        content = spill.read()
        assert len(content) == 40 * 32
        assert b"person" not in content
        assert list(tmp_path.iterdir()) == []
    assert spill.closed
