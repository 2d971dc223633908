"""Change logs through the steps of a run: in every role the newest rows count, and the report counts the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_microsoft_advertising.run.chunk import chunk_segment
from airflow_microsoft_advertising.run.normalise import normalise_segment
from airflow_microsoft_advertising.run.report import write_report
from airflow_microsoft_advertising.run.select import select_segments
from airflow_microsoft_advertising.run.validate import validate_segment
from customer_match.change_logs.table import LogCounts
from customer_match.export.segments import Segment
from customer_match.runs.report import SegmentReport
from customer_match.runs.report_page import html_of
from customer_match.runs.report_text import summary_of
from tests.airflow_microsoft_advertising.conftest import Connect
from tests.airflow_microsoft_advertising.run.small_lake import digest, hexes, prepare
from tests.airflow_microsoft_advertising.run.test_joined_tables import FORMATS, Rows, run_of

pytestmark = pytest.mark.slow

Write = Callable[[Path, str, Rows], None]
GOLD = Segment(table="Gold", audience="Gold")
VERSIONS = {"SinkModifiedOn": "11/1/2026 4:34:35 PM", "IsDelete": ""}


@pytest.fixture
def folder(tmp_path: Path, connect: Connect) -> Path:
    connect()
    return tmp_path


def log(*rows: tuple[str, dict[str, str]], **columns: str) -> Rows:
    """A log in the order in which it was written; a row of nothing is one of a deletion."""
    return [
        {"Id": one}
        | (columns | values if values else dict.fromkeys(columns, ""))
        | VERSIONS
        | {"versionnumber": str(95 + number), "IsDelete": "" if values else "True"}
        for number, (one, values) in enumerate(rows)
    ]


CONTACTS = log(
    ("a1", {"Email": "anna@example.com"}),
    ("a2", {"Email": "bob@example.com"}),
    ("a3", {"Email": "carl@example.com"}),
    ("a4", {"Email": "no address"}),
    ("a5", {"Email": "eve@example.com"}),
    ("a2", {"Email": "bob@example.com", "Consent": "false"}),
    ("a3", {}),
    ("a5", {}),
    ("a5", {"Email": "eve@example.net"}),
    ("a1", {"Email": "anna@example.com", "Country": "AT"}),
    Email="",
    Consent="true",
    Country="DE",
)


def reported(run: Any) -> SegmentReport:
    [segment] = write_report(run, [GOLD]).segments
    return segment  # type: ignore[no-any-return]  # one of them


@pytest.mark.parametrize("kind", FORMATS)
def test_of_a_segment_the_newest_rows_count(folder: Path, kind: str) -> None:
    FORMATS[kind](folder / "tables", "Gold", CONTACTS)
    run = run_of(folder, profiles=None, consent={"column": "Consent", "allow": [True]}, row_key="Id")
    prepare(run, GOLD)
    staged = normalise_segment(run, GOLD).staged
    assert hexes(run, staged.members) == {digest("anna@example.com"), digest("eve@example.net")}
    assert (staged.profiles, staged.without_consent, staged.valid, staged.rejected) == (
        4,
        1,
        2,
        {"not_an_address": 1},
    )
    assert staged.log == LogCounts(superseded=5, deleted=1)
    assert staged.rejects
    assert staged.rejects.rows == 1
    chunk_segment(run, GOLD)
    segment = reported(run)
    assert (segment.profiles, segment.superseded, segment.deleted) == (4, 5, 1)
    assert "5 older rows superseded, 1 deleted" in summary_of(write_report(run, [GOLD]))
    assert "superseded" in html_of(write_report(run, [GOLD]))


def test_conditions_judge_the_newest_row_alone(folder: Path) -> None:
    FORMATS["csv"](folder / "tables", "Gold", CONTACTS)
    run = run_of(folder, profiles=None, where="Country = 'DE'")
    prepare(run, GOLD)
    staged = normalise_segment(run, GOLD).staged
    assert hexes(run, staged.members) == {digest("bob@example.com"), digest("eve@example.net")}
    assert (staged.profiles, staged.filtered) == (4, 1)


@pytest.mark.parametrize("kind", FORMATS)
def test_of_profiles_and_memberships_the_newest_rows_count(folder: Path, kind: str) -> None:
    memberships = log(
        *((f"m{one}", {"CustomerId": f"a{one}"}) for one in (1, 2, 3, 5)), ("m1", {}), CustomerId=""
    )
    FORMATS[kind](folder / "tables", "Gold", memberships)
    FORMATS[kind](folder / "tables", "Customer", CONTACTS)
    run = run_of(folder, profiles={"table": "Customer", "key": "Id"}, membership={"key": "CustomerId"})
    prepare(run, GOLD)
    staged = normalise_segment(run, GOLD).staged
    assert hexes(run, staged.members) == {digest("bob@example.com"), digest("eve@example.net")}
    assert staged.joined
    assert (staged.joined.customers, staged.joined.without_profile) == (3, 1)
    assert staged.log == LogCounts(superseded=6, deleted=2)


@pytest.mark.parametrize("kind", FORMATS)
def test_one_table_of_all_memberships(folder: Path, kind: str) -> None:
    memberships = log(
        ("m1", {"msdynci_customerid": "a1", "msdynci_segments": '{"Segments": ["Gold", "Old"]}'}),
        ("m2", {"msdynci_customerid": "a2", "msdynci_segments": '{"Segments": ["Gold"]}'}),
        ("m5", {"msdynci_customerid": "a5", "msdynci_segments": '{"Segments": ["Old"]}'}),
        ("m1", {"msdynci_customerid": "a1", "msdynci_segments": '{"Segments": []}'}),
        ("m5", {}),
        msdynci_customerid="",
        msdynci_segments="",
    )
    FORMATS[kind](folder / "tables", "msdynci_segmentmembership", memberships)
    FORMATS[kind](folder / "tables", "Customer", CONTACTS)
    run = run_of(
        folder,
        segments="all",
        profiles={"table": "Customer", "key": "Id"},
        membership="msdynci_segmentmembership",
    )
    assert select_segments(run) == [GOLD]  # nobody is in Old any more
    prepare(run, GOLD)
    assert hexes(run, normalise_segment(run, GOLD).staged.members) == {digest("bob@example.com")}


@pytest.mark.parametrize("kind", FORMATS)
def test_of_a_suppression_list_the_newest_rows_count(folder: Path, kind: str) -> None:
    objections = log(
        ("s1", {"Email": "anna@example.com"}), ("s2", {"Email": "bob@example.com"}), ("s1", {}), Email=""
    )
    FORMATS[kind](folder / "tables", "Gold", [{"Email": "anna@example.com"}, {"Email": "bob@example.com"}])
    FORMATS[kind](folder / "tables", "Never", objections)
    run = run_of(folder, profiles=None, suppress="Never")
    prepare(run, GOLD)
    assert hexes(run, normalise_segment(run, GOLD).staged.members) == {digest("anna@example.com")}


CDC = [
    {"__$operation": "2", "__$start_lsn": "0x0000002700000001", "Key": "1", "Email": "anna@example.com"},
    {"__$operation": "2", "__$start_lsn": "0x0000002700000002", "Key": "2", "Email": "bob@example.com"},
    {"__$operation": "3", "__$start_lsn": "0x0000002700000003", "Key": "1", "Email": "anna@example.com"},
    {"__$operation": "4", "__$start_lsn": "0x0000002700000003", "Key": "1", "Email": "anne@example.com"},
    {"__$operation": "1", "__$start_lsn": "0x000000270000000A", "Key": "2", "Email": "bob@example.com"},
]
DECLARED = {
    "key": "Key",
    "order": ["__$start_lsn", "__$operation"],
    "deleted": {"column": "__$operation", "values": [1]},
    "ignored": {"column": "__$operation", "values": [3]},
}


@pytest.mark.parametrize("kind", FORMATS)
def test_another_log_is_read_as_declared_and_refused_before(folder: Path, kind: str) -> None:
    FORMATS[kind](folder / "tables", "Gold", CDC)
    run = run_of(folder, profiles=None)
    with pytest.raises(AirflowFailException, match=r"looks like a change log.*'__\$operation'.*`changes: "):
        validate_segment(run, GOLD)
    for keys in (
        {"source": {"root": str(folder / "tables"), "changes": DECLARED}},
        {"segments": [{"table": "Gold", "changes": DECLARED}]},
    ):
        run = run_of(folder, profiles=None, **keys)
        prepare(run, GOLD)
        assert hexes(run, normalise_segment(run, GOLD).staged.members) == {digest("anne@example.com")}
    run = run_of(folder, profiles=None, segments=[{"table": "Gold", "changes": "none"}])
    prepare(run, GOLD)
    assert normalise_segment(run, GOLD).staged.members.count == 3


def test_logs_in_other_roles_are_refused_too(folder: Path) -> None:
    FORMATS["csv"](folder / "tables", "Gold", [{"Email": "anna@example.com", "Key": "1"}])
    FORMATS["csv"](folder / "tables", "Log", CDC)
    for keys in (
        {"profiles": None, "suppress": "Log"},
        {"profiles": {"table": "Log", "key": "Key"}},
        {"profiles": {"table": "Gold", "key": "Key"}, "membership": {"table": "Log", "key": "Key"}},
    ):
        with pytest.raises(AirflowFailException, match=r"looks like a change log"):
            validate_segment(run_of(folder, **keys), GOLD)
    run = run_of(
        folder, profiles={"table": "Log", "key": "Key", "changes": DECLARED}, membership={"key": "Key"}
    )
    prepare(run, GOLD)
    assert hexes(run, normalise_segment(run, GOLD).staged.members) == {digest("anne@example.com")}
    run = run_of(folder, profiles=None, suppress={"table": "Log", "changes": DECLARED})
    prepare(run, GOLD)
    assert normalise_segment(run, GOLD).staged.suppressed == 0


def test_a_table_that_becomes_a_log_is_read_as_one_or_stops(folder: Path) -> None:
    plain = [{"Id": f"a{n}", "Email": f"p{n}@example.com"} for n in range(3)]
    FORMATS["csv"](folder / "tables", "Gold", plain)
    run = run_of(folder, profiles=None)
    prepare(run, GOLD)
    assert normalise_segment(run, GOLD).staged.members.count == 3
    left = log(*((row["Id"], {"Email": row["Email"]}) for row in plain), ("a1", {}), Email="")
    FORMATS["csv"](folder / "tables", "Gold", left)
    prepare(run, GOLD)
    assert hexes(run, normalise_segment(run, GOLD).staged.members) == {
        digest("p0@example.com"),
        digest("p2@example.com"),
    }
    FORMATS["csv"](folder / "tables", "Gold", [row | {"_change_type": "insert"} for row in plain])
    with pytest.raises(AirflowFailException, match=r"looks like a change log.*_change_type"):
        validate_segment(run, GOLD)
    with pytest.raises(AirflowFailException, match=r"looks like a change log.*_change_type"):
        normalise_segment(run, GOLD)


def test_a_segment_of_which_everybody_was_deleted_has_no_member(folder: Path) -> None:
    FORMATS["csv"](
        folder / "tables", "Gold", log(("a1", {"Email": "anna@example.com"}), ("a1", {}), Email="")
    )
    run = run_of(folder, profiles=None)
    validate_segment(run, GOLD)
    with pytest.raises(AirflowFailException, match=r"has no members: 0 profiles read, 0 rejected, 1 deleted"):
        normalise_segment(run, GOLD)
