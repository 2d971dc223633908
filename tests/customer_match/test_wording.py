"""Parts of sentences that many messages have."""

from __future__ import annotations

import pytest

from customer_match.wording import did_you_mean


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [("Golld", " Did you mean 'Gold'?"), ("GOLD", " Did you mean 'Gold'?"), ("Copper", "")],
)
def test_the_most_similar_name(wanted: str, asked: str) -> None:
    assert did_you_mean(wanted, ["Silver", "Gold"]) == asked
