"""Numbers as a line of text."""

from __future__ import annotations

import pytest

from customer_match.history.sparklines import sparkline


@pytest.mark.parametrize(
    ("values", "line"),
    [([], ""), ([5], "▄"), ([5, 5, 5], "▄▄▄"), ([0, 50, 100], "▁▅█"), ([100, 99, 0], "██▁"), ([-1, 1], "▁█")],
)
def test_sparklines(values: list[float], line: str) -> None:
    assert sparkline(values) == line
