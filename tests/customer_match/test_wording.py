"""Parts of sentences that many messages have."""

from __future__ import annotations

import pytest

from customer_match.wording import counted, did_you_mean, listed


@pytest.mark.parametrize(("number", "words"), [(0, "0 calls"), (1, "1 call"), (2_000, "2,000 calls")])
def test_a_number_with_its_noun(number: int, words: str) -> None:
    assert counted(number, "call") == words


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [("Golld", " Did you mean 'Gold'?"), ("GOLD", " Did you mean 'Gold'?"), ("Copper", "")],
)
def test_the_most_similar_name(wanted: str, asked: str) -> None:
    assert did_you_mean(wanted, ["Silver", "Gold"]) == asked


def test_not_too_many_names() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed(list("abcd"), most=2) == "a, b and 2 more"
