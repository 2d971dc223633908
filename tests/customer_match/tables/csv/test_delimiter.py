from __future__ import annotations

import pytest

from customer_match.tables.csv.delimiter import DELIMITERS, Rows, likely_delimiter


def delimiter_of(*lines: str, columns: int | None = None) -> str:
    def split(delimiter: str) -> Rows:
        return [line.split(delimiter) for line in lines]

    return likely_delimiter(split, columns)


@pytest.mark.parametrize("delimiter", DELIMITERS)
def test_the_delimiter_gives_all_rows_the_same_width(delimiter: str) -> None:
    assert delimiter_of(f"Id{delimiter}Email", f"1{delimiter}x") == delimiter


def test_equal_widths_count_more_than_a_wide_first_row() -> None:
    assert delimiter_of("a;b;c,Email", "1,x") == ","


def test_among_equal_widths_the_widest_first_row_counts() -> None:
    assert delimiter_of("a,b|c|d", "1,2|3|4") == "|"


def test_a_known_number_of_columns_decides() -> None:
    assert delimiter_of("a,b|c|d", "1,2|3|4", columns=2) == ","


def test_where_no_delimiter_is_likely_the_first_one_counts() -> None:
    assert delimiter_of("Email", "x") == ","
    assert delimiter_of() == ","
