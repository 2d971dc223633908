"""Which tables become which segments of a run, and which table names are valid names of audiences."""

from __future__ import annotations

import pytest

from customer_match.export.matching import segments_of, shown_names, unmatched
from customer_match.export.segments import Segment
from tests.customer_match.export.samples import export


def tables(segments: list[Segment]) -> list[str]:
    return [segment.table for segment in segments]


def test_all_takes_every_table_by_name() -> None:
    everything = export(segments="all")
    assert everything.has_patterns
    assert segments_of(everything, ["b", "C", "a", "b"]) == [
        Segment(table="C", audience="C"),
        Segment(table="a", audience="a"),
        Segment(table="b", audience="b"),
    ]


def test_the_order_is_the_files_and_a_table_is_taken_once() -> None:
    some = export(segments=["Z", "G*", "*old", "A"])
    assert tables(segments_of(some, ["A", "Gold", "Green", "Cold", "Other"])) == [
        "Z",
        "Gold",
        "Green",
        "Cold",
        "A",
    ]


def test_a_named_table_keeps_its_audience_beside_a_pattern() -> None:
    some = export(segments=["*", {"table": "News", "audience": "Readers", "path": "n/2026"}])
    assert segments_of(some, ["News", "A"]) == [
        Segment(table="A", audience="A"),
        Segment(table="News", audience="Readers", path="n/2026"),
    ]


def test_named_tables_need_no_listing() -> None:
    some = export(segments=["A", "B"])
    assert not some.has_patterns
    assert tables(segments_of(some)) == ["A", "B"]


def test_patterns_are_case_sensitive() -> None:
    assert tables(segments_of(export(segments="g?ld[12]"), ["gold1", "Gold1", "gold3"])) == ["gold1"]


def test_names_and_patterns_that_match_no_table_are_reported() -> None:
    some = export(segments=["A", "Missing", {"table": "Elsewhere", "path": "x"}, "G*", "H*"])
    assert unmatched(some, ["A", "Gold"]) == ["Missing", "H*"]


@pytest.mark.parametrize(
    "wanted",
    ["Never", "/Never/", "Never/2026", {"path": "Never.csv"}, {"table": "Never", "source": "lake"}],
)
def test_no_pattern_takes_a_suppression_list(wanted: object) -> None:
    some = export(segments="all", suppress=[wanted])
    assert tables(segments_of(some, ["A", "Never"])) == ["A"]


def test_a_table_of_a_lists_name_elsewhere_is_a_segment() -> None:
    some = export(segments="all", suppress={"table": "Never", "source": "other"})
    assert tables(segments_of(some, ["A", "Never"])) == ["A", "Never"]


@pytest.mark.parametrize("wanted", ["Customer", "Customer/2026", {"path": "Customer.csv"}])
def test_no_pattern_takes_the_profiles(wanted: object) -> None:
    some = export(segments="all", profiles=wanted, suppress="Never")
    assert tables(segments_of(some, ["A", "Customer", "Never"])) == ["A"]


def test_names_that_one_table_lists_are_no_tables() -> None:
    some = export(segments="all", profiles="Customer", membership="M", suppress="Never")
    assert tables(segments_of(some, ["A", "Customer", "Never"])) == ["A", "Customer", "Never"]


@pytest.mark.bad_input
def test_only_tables_that_would_share_an_audience_fail() -> None:
    found = {one.table: one.fault for one in segments_of(export(segments="all"), ["gold", "GOLD", "Silver"])}
    assert found["Silver"] is None
    for name in ("gold", "GOLD"):
        fault = str(found[name])
        assert fault.startswith("The tables 'GOLD' and 'gold' would share one audience")
        assert "its own `audience`" in fault


@pytest.mark.bad_input
def test_named_tables_take_precedence_over_patterns() -> None:
    some = export(segments=["Gold", {"table": "S", "audience": "VIPs"}, "*"])
    found = {one.table: one.fault for one in segments_of(some, ["Gold", "gold", "S", "vips", "Other"])}
    assert {name for name, fault in found.items() if fault} == {"gold", "vips"}


@pytest.mark.bad_input
def test_only_a_table_with_too_long_a_name_fails() -> None:
    good, long = segments_of(export(segments="all"), ["x" * 128, "y" * 129])
    assert (good.table, good.fault) == ("x" * 128, None)
    assert "is longer than the 128 characters that Microsoft Advertising allows (129). List the table" in str(
        long.fault
    )
    assert long.table == "y" * 129


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("name", "shown"),
    [("a\x00b", "a\\x00b"), ("a\x1b[2Jb", "a\\x1b[2Jb"), ("a\nb", "a\\nb"), ("a\u2028b", "a\\u2028b")],
)
def test_only_a_table_with_a_control_character_fails(name: str, shown: str) -> None:
    bad, good = segments_of(export(segments="all"), [name, "b"])
    assert (good.table, good.fault) == ("b", None)
    assert (bad.table, bad.audience) == (shown, shown)
    assert f"The table {shown!r} cannot" in str(bad.fault)
    assert "control character" in str(bad.fault)


@pytest.mark.bad_input
def test_a_table_name_with_an_address_cannot_name_an_audience() -> None:
    some = export(segments="*")
    names = ["p=anna%40example.com", "p=o'brien@example.com", "p=plain"]
    found = {one.table: one.fault for one in segments_of(some, names)}
    assert list(found) == ["[address]", "[address] #2", "p=plain"]
    assert found["p=plain"] is None
    assert "example" not in str(found)
    assert "contains an e-mail address" in str(found["[address]"])


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["Gold", "Silver"], ["Gold", "Silver"]),
        (["a@example.org", "b@example.org", "c@example.org"], ["[address]", "[address] #2", "[address] #3"]),
        (["Gold #2", "Gold"], ["Gold #2", "Gold"]),
        (["x #2", "x", "x"], ["x #2", "x", "x #3"]),
        (["[address] #2", "a@example.org", "b@example.org"], ["[address] #2", "[address]", "[address] #3"]),
    ],
)
def test_no_two_names_are_shown_alike(names: list[str], shown: list[str]) -> None:
    assert shown_names(names) == shown
    assert len(set(shown)) == len(names)
