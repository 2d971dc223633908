"""The key of a segment."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_match.export.segments import segment_key

EXPORTS = st.from_regex(r"[A-Za-z0-9_.-]{1,250}", fullmatch=True)


@given(export=EXPORTS, table=st.text(min_size=1))
def test_it_is_safe_whatever_the_table_is_called(export: str, table: str) -> None:
    key = segment_key(export, table)
    assert re.fullmatch(re.escape(export) + "/[a-z0-9-]{1,53}", key)
    assert key == segment_key(export, table)


@pytest.mark.slow
@given(one=st.tuples(EXPORTS, st.text(min_size=1)), two=st.tuples(EXPORTS, st.text(min_size=1)))
def test_different_segments_have_different_keys(one: tuple[str, str], two: tuple[str, str]) -> None:
    assert (segment_key(*one) == segment_key(*two)) == (one == two)
