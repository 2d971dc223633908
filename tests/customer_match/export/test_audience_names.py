"""Names of tables as people see them."""

from __future__ import annotations

import pytest

from customer_match.export.matching import shown_names


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
