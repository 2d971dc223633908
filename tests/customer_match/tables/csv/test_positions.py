"""Sets of positions, compared with sets of numbers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from customer_match.tables.csv import positions
from customer_match.tables.csv.positions import Positions

TEXTS = st.lists(st.booleans(), min_size=1, max_size=200)


def made(text: list[bool]) -> Positions:
    return positions.positions_where(np.array(text))


def places(found: Positions, text: list[bool]) -> set[int]:
    return {place for place in range(len(text)) if int(found[place // 64]) >> place % 64 & 1}


@given(TEXTS)
def test_positions(text: list[bool]) -> None:
    assert places(made(text), text) == {place for place, is_set in enumerate(text) if is_set}
    assert sum(int(word).bit_count() for word in made(text)) == sum(text)  # none after the end


@given(TEXTS, st.booleans())
def test_odd_numbers_of_marks(text: list[bool], is_odd: bool) -> None:
    found = positions.odd_so_far(made(text), is_odd)
    assert places(found, text) == {n for n in range(len(text)) if (sum(text[: n + 1]) + is_odd) % 2}
    assert positions.is_last(found) == bool((sum(text) + is_odd) % 2)


@given(TEXTS, st.booleans())
def test_neighbours(text: list[bool], is_first: bool) -> None:
    after = {place + 1 for place, is_set in enumerate(text[:-1]) if is_set} | ({0} if is_first else set())
    assert places(positions.followers(made(text), is_first), text) == after
    before = {place - 1 for place, is_set in enumerate(text) if is_set and place} | {len(text) - 1}
    assert places(positions.predecessors(made(text), len(text)), text) == before


@given(TEXTS)
def test_first_and_last(text: list[bool]) -> None:
    known = [place for place, is_set in enumerate(text) if is_set]
    assert positions.first_of(made(text)) == (known[0] if known else None)
    assert positions.last_of(made(text)) == (known[-1] if known else None)
