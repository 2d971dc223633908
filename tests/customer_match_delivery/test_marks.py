"""Marks in descriptions: whose an audience is, and how a mark gets there without harming people's words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_match.export.segments import segment_key
from customer_match_delivery.marks import (
    AudienceSpec,
    Mark,
    Standing,
    described,
    mark_in,
    standing,
)
from microsoft_advertising.limits import MAX_DESCRIPTION
from microsoft_advertising.models import Audience

GOLD = segment_key("autumn", "Gold")
SILVER = segment_key("autumn", "Silver")
GONE = segment_key("autumn", "Gone")
SPEC = AudienceSpec("VIPs", "[customer-match:autumn]", segment="Gold", segments=("Gold", "Silver"))

MARKS = st.builds(
    lambda export, table: Mark(export, segment_key(export, table) if table else None),
    st.from_regex(r"[A-Za-z0-9_.-]{1,250}", fullmatch=True),
    st.none() | st.text(min_size=1, max_size=40),
)


def test_the_mark_of_a_segment() -> None:
    assert str(SPEC.own_mark) == f"[customer-match:{GOLD}]"
    assert SPEC.key == GOLD
    assert SPEC.siblings == {SILVER}
    old = AudienceSpec("VIPs", "[customer-match:autumn]")
    assert str(old.own_mark) == "[customer-match:autumn]"
    assert old.key == segment_key("autumn", "VIPs")


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "mark", ["", "m", "[customer-match:]", "[customer-match:a b]", "[customer-match:a]x"]
)
def test_no_mark(mark: str) -> None:
    with pytest.raises(ValueError, match="is no mark"):
        _ = AudienceSpec("VIPs", mark).own_mark


@pytest.mark.parametrize(
    ("description", "what"),
    [
        (f"[customer-match:{GOLD}]", Standing.OWN),
        (f"words [customer-match:{GOLD}] words", Standing.OWN),
        ("[customer-match:autumn]", Standing.OURS),
        (f"[customer-match:{GONE}]", Standing.OURS),
        (f"[customer-match:{SILVER}]", Standing.SIBLING),
        ("[customer-match:winter]", Standing.FOREIGN),
        (f"[customer-match:{segment_key('winter', 'Gold')}]", Standing.FOREIGN),
        ("[customer-match:autumn2]", Standing.FOREIGN),
        ("made by hand", Standing.FOREIGN),
        ("customer-match:autumn", Standing.FOREIGN),
        ("", Standing.FOREIGN),
    ],
)
def test_what_an_audience_is_to_a_segment(description: str, what: Standing) -> None:
    assert standing(Audience("1", "any name", description), SPEC) is what


@given(mark=MARKS, words=st.text(max_size=1500))
def test_a_description_bears_the_mark_within_the_limit_and_stays_as_it_is(mark: Mark, words: str) -> None:
    text = described(words, mark)
    assert str(mark) in text
    assert len(text.encode("utf-16-le", "surrogatepass")) // 2 <= MAX_DESCRIPTION
    assert described(text, mark) == text
    if mark_in(words) is None:
        assert mark_in(text) == mark


@given(mark=MARKS, other=MARKS)
def test_a_new_mark_takes_the_place_of_the_old(mark: Mark, other: Mark) -> None:
    text = described(described("Our best customers.", mark), other)
    assert text == described("Our best customers.", other)
    assert text.startswith("Our best customers. Kept by")
    assert mark_in(text) == other
