"""Characters around pasted values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microsoft_advertising.pasted import one_word, trim

AROUND = [
    " ",
    "\t",
    "\n",
    "\r\n",
    "\u00a0",
    "\u200b",
    "\u200d",
    "\u2060",
    "\ufeff",
    "\u2003",
    "\u2028",
    "\x00",
]
SECRET = "0.AX8~q-w_e.R'x"


@pytest.mark.parametrize("around", AROUND)
def test_characters_around_a_secret_are_removed(around: str) -> None:
    assert one_word(f"{around}{SECRET}{around}{around}") == SECRET


@pytest.mark.parametrize("quotes", ['""', "''", "``", "“”", "‘’", "«»"])
def test_quotes_around_a_value_are_removed(quotes: str) -> None:
    assert one_word(f" {quotes[0]}\u200b{SECRET}\n{quotes[1]} ") == SECRET
    assert trim(f"{quotes[0]}{SECRET}") == f"{quotes[0]}{SECRET}"


@pytest.mark.bad_input
@pytest.mark.parametrize("inside", [*AROUND, "é", "…", "١"])
def test_invalid_characters_are_reported_and_not_shown(inside: str) -> None:
    with pytest.raises(ValueError, match="Paste it again") as caught:
        one_word(f"abc{inside}def")
    assert "abc" not in str(caught.value)


def test_nothing_stays_nothing() -> None:
    assert one_word("") == one_word(' "" ') == one_word("\u200b") == ""


@given(st.text())
def test_trimming_twice_is_trimming_once(text: str) -> None:
    assert trim(trim(text)) == trim(text)


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\"'`")))
def test_clean_values_do_not_change(text: str) -> None:
    assert one_word(text) == text
