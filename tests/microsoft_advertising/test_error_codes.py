"""The error table."""

from __future__ import annotations

import pytest

from customer_match.project import PROJECT
from microsoft_advertising.error_codes import ERRORS, ErrorEntry, Reaction, lookup
from microsoft_advertising.error_page import page

# Every code that can concern this work, as `guides/operation-error-codes` and the pages of the operations list
# them, by their place there; 119 was only observed.
DOCUMENTED = {
    "signing in and calling": [
        0, 100, 105, 106, 108, 109, 116, 117, 119, 120, *range(122, 127), *range(201, 213), 303, 474, 833,
        1001, 1008, 1009, 1010, 1011, 1016, 1029, 1030, 1031, 1102, 1472, 1490, 2108, 2208, 3030, 3080,
    ],
    "sending files": [3205, *range(3217, 3228), 3500],
    "the bulk service": [4200, 4201, 4202, 4203, 4204],
    "audiences": [
        *range(4835, 4839), 4841, 4842, *range(4843, 4856), 4859, 4861, 4862, 4865, 4866, 4871, 6999,
    ],
    "customer lists": [*range(8000, 8007), *range(8109, 8113), 8119],
}  # fmt: skip
WAITS = {117: 60, 4204: 15 * 60, 1010: 5 * 60}
"""Seconds that the service asks for (documented: services-protocol, bulk-download-upload); of 1010, ours."""


def test_each_code_is_listed_once() -> None:
    from microsoft_advertising import error_codes

    assert len(ERRORS) == len(error_codes._TABLE)


@pytest.mark.parametrize("entry", ERRORS.values(), ids=lambda entry: str(entry.code))
def test_entries_are_complete(entry: ErrorEntry) -> None:
    assert entry.name.isidentifier()
    assert entry.meaning
    assert not entry.meaning.endswith(".")
    needs_a_human = entry.reaction in {Reaction.CONFIGURATION, Reaction.STOP, Reaction.REAUTHENTICATE}
    assert bool(entry.advice) == needs_a_human, "advice where, and only where, a human has to act"
    assert not entry.advice or entry.advice.endswith(".")
    assert (entry.wait is not None) == (entry.reaction is Reaction.WAIT)


@pytest.mark.parametrize(
    ("code", "reaction"),
    [
        (0, Reaction.RETRY),
        (105, Reaction.REAUTHENTICATE),
        (109, Reaction.REAUTHENTICATE),
        (117, Reaction.WAIT),
        (4204, Reaction.WAIT),
        (4853, Reaction.CONFIGURATION),
        (8003, Reaction.CONFIGURATION),
        (8004, Reaction.REJECT_ROW),
        (3219, Reaction.STOP),
        (833, Reaction.RETRY),
        (1011, Reaction.RETRY),
        (2208, Reaction.RETRY),
        (1010, Reaction.WAIT),
        (303, Reaction.CONFIGURATION),
        (1008, Reaction.CONFIGURATION),
        (1009, Reaction.CONFIGURATION),
        (1016, Reaction.CONFIGURATION),
        (1031, Reaction.CONFIGURATION),
    ],
)
def test_reactions_to_codes(code: int, reaction: Reaction) -> None:
    assert lookup(code).reaction is reaction


def test_waits_are_those_that_are_documented() -> None:
    assert (lookup(117).wait, lookup(4204).wait) == (60, 900)


@pytest.mark.parametrize("code", [99999, 0, -1, 207])
def test_an_unknown_code_is_tried_again_under_its_own_name(code: int) -> None:
    entry = lookup(code, "SomethingNew")
    assert (entry.code, entry.name, entry.reaction) == (code, "SomethingNew", Reaction.RETRY)
    assert "look it up" in entry.advice


def test_reused_numbers_need_the_right_name() -> None:
    assert lookup(207, "ConcurrentRequestOverLimit").reaction is Reaction.WAIT
    assert lookup(207, "OfCustomerManagement").name == "OfCustomerManagement"
    assert lookup(117, "NamedOtherwise").reaction is Reaction.WAIT


@pytest.mark.parametrize("place", DOCUMENTED)
def test_every_documented_code_is_in_the_table(place: str) -> None:
    assert set(DOCUMENTED[place]) <= set(ERRORS)


def test_codes_are_not_invented() -> None:
    assert set(ERRORS) == {code for codes in DOCUMENTED.values() for code in codes}


@pytest.mark.parametrize(("code", "wait"), WAITS.items())
def test_documented_waits_are_kept(code: int, wait: int) -> None:
    assert (ERRORS[code].reaction, ERRORS[code].wait) == (Reaction.WAIT, wait)


@pytest.mark.parametrize(
    "entry",
    [entry for entry in ERRORS.values() if entry.reaction is Reaction.CONFIGURATION],
    ids=lambda entry: str(entry.code),
)
def test_advice_is_a_whole_sentence(entry: ErrorEntry) -> None:
    sentences = [part for part in entry.advice.split(". ") if part]
    assert sentences
    for sentence in sentences:
        assert sentence[0].isupper(), sentence
        assert len(sentence.split()) >= 3, sentence
    assert entry.advice.endswith(".")


def test_the_terms_advice_says_where_to_accept() -> None:
    advice = ERRORS[8003].advice
    for words in ("ads.microsoft.com", "Tools", "Audiences", "I ACCEPT", "Terms accepted by", "connection"):
        assert words.lower() in advice.lower()


def test_the_page_is_up_to_date_and_has_every_code() -> None:
    written = (PROJECT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert written == page(), "run: python -m microsoft_advertising.error_page > docs/errors.md"
    rows = [line for line in written.splitlines() if line.startswith("| ") and line[2].isdigit()]
    assert [int(row.split(" | ")[0].removeprefix("| ")) for row in rows] == sorted(ERRORS)
    assert {row.count(" | ") for row in rows} == {4}, "no cell has the sign that ends it"
