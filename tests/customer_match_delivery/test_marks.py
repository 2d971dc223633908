"""Marks in descriptions: how a mark gets there without harming people's words."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from customer_match.export.segments import segment_key
from customer_match_delivery.marks import (
    Mark,
    mark_in,
    with_mark,
)
from microsoft_advertising.limits import MAX_DESCRIPTION

MARKS = st.builds(
    lambda export, table: Mark(export, segment_key(export, table) if table else None),
    st.from_regex(r"[A-Za-z0-9_.-]{1,250}", fullmatch=True),
    st.none() | st.text(min_size=1, max_size=40),
)


@given(mark=MARKS, words=st.text(max_size=1500))
def test_a_description_bears_the_mark_within_the_limit_and_stays_as_it_is(mark: Mark, words: str) -> None:
    text = with_mark(words, mark)
    assert str(mark) in text
    assert len(text.encode("utf-16-le", "surrogatepass")) // 2 <= MAX_DESCRIPTION
    assert with_mark(text, mark) == text
    if mark_in(words) is None:
        assert mark_in(text) == mark


@given(mark=MARKS, other=MARKS)
def test_a_new_mark_takes_the_place_of_the_old(mark: Mark, other: Mark) -> None:
    text = with_mark(with_mark("Our best customers.", mark), other)
    assert text == with_mark("Our best customers.", other)
    assert text.startswith("Our best customers. Kept by")
    assert mark_in(text) == other
