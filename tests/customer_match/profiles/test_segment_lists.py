"""Which segments a row lists: the fast way agrees with a JSON parser."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_match.profiles.segment_lists import SegmentLists, names_in

NAMES = st.sampled_from(
    [
        "Gold",
        "Gold2",
        "gold",
        "Männer",
        "two\nlines",
        'say "x"',
        "a\\b",
        ",",
        " , ",
        "A,B",
        "Segments",
        "",
        "[",
        "{",
    ]
)
TEXTS = st.one_of(
    st.none(),
    st.sampled_from(
        ["", " ", "{", "[", '{"Segments": ["Gold"', '{"Segments": "Gold"}', "[7]", "Gold", "{}", "null"]
    ),
    st.builds(lambda names: json.dumps({"Segments": names}), st.lists(NAMES, max_size=4)),
    st.builds(lambda names: json.dumps({"Segments": names}, ensure_ascii=False), st.lists(NAMES, max_size=4)),
    st.builds(
        lambda names: json.dumps({"Segments": names}, separators=(",", ":")), st.lists(NAMES, max_size=4)
    ),
    st.builds(json.dumps, st.lists(NAMES, max_size=4)),
    st.builds(lambda names: json.dumps(json.dumps({"Segments": names})), st.lists(NAMES, max_size=4)),
    st.builds(lambda names: f'{{"Segments":["{names}"]}}', st.sampled_from(["a\nb", "Gold\t"])),
    st.builds(lambda names: json.dumps({"Other": 1, "segments": names}), st.lists(NAMES, max_size=4)),
)


@pytest.mark.slow
@settings(max_examples=100)
@given(st.lists(TEXTS, max_size=12))
def test_the_fast_way_agrees_with_the_parser(texts: list[str | None]) -> None:
    lists = SegmentLists.of(pa.array(texts, pa.string()))
    parsed = [names_in(text or "") for text in texts]
    names = {name for found in parsed if found for name in found}
    assert (lists.rows, lists.unreadable) == (len(texts), sum(found is None for found in parsed))
    assert lists.names() == names
    for name in {*names, "Gold", ",", " , ", "Segments"}:
        assert lists.listing(name).tolist() == [name in (found or ()) for found in parsed]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('{"Segments":["HighValueSegment","Male_under_40"]}', ("HighValueSegment", "Male_under_40")),
        (' {"Segments": []} ', ()),
        ('{"segments": ["A"]}', ("A",)),
        ('["A", "B"]', ("A", "B")),
        ("HighValue", ("HighValue",)),
        ("", ()),
        ('{"Segments":["A"', None),
        ('{"Segments":"A"}', None),
        ('{"Others":["A"]}', None),
        ("{}", None),
        ('{"Segments":null}', ()),
        ("null", ()),
        ('"A"', ("A",)),
        ('"{\\"Segments\\":[\\"A\\",\\"B\\"]}"', ("A", "B")),
        ('"\\"A\\""', None),
        ('"A', None),
        ('\ufeff{"Segments":["A"]}', ("A",)),
        ('{"Segments":["A\nB"]}', ("A\nB",)),
        ('{"Segments":["A\\nB"]}', ("A\nB",)),
        ("{'Segments':['A']}", None),
        ('{"Segments":{"A":1}}', None),
        ("[1]", None),
        ("[" * 100_000, None),
    ],
)
def test_lists_are_read_or_refused_as_written_here_by_hand(text: str, names: tuple[str, ...] | None) -> None:
    assert names_in(text) == names


def test_a_list_column() -> None:
    lists = SegmentLists.of(pa.array([["A", "B"], [], None, ["B", None]], pa.list_(pa.string())))
    assert lists.listing("B").tolist() == [True, False, False, True]
    assert (lists.names(), lists.unreadable) == ({"A", "B"}, 0)
