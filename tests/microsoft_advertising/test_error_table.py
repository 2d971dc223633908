"""The table of errors."""

from __future__ import annotations

import pytest

from include.microsoft_advertising.error_table import ERRORS, Reaction, lookup


def test_each_code_stands_once() -> None:
    from include.microsoft_advertising import error_table

    assert len(ERRORS) == len(error_table._TABLE)


@pytest.mark.parametrize("entry", ERRORS.values(), ids=lambda entry: str(entry.code))
def test_entries_are_whole(entry: object) -> None:
    from include.microsoft_advertising.error_table import ErrorEntry

    assert isinstance(entry, ErrorEntry)
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
    ],
)
def test_what_codes_call_for(code: int, reaction: Reaction) -> None:
    assert lookup(code).reaction is reaction


def test_documented_waits() -> None:
    assert (lookup(117).wait, lookup(4204).wait) == (60, 900)


def test_an_unknown_code_stops_under_its_own_name() -> None:
    entry = lookup(99999, "SomethingNew")
    assert (entry.name, entry.reaction) == ("SomethingNew", Reaction.STOP)
    assert entry.advice


def test_reused_numbers_need_the_right_name() -> None:
    assert lookup(207, "ConcurrentRequestOverLimit").reaction is Reaction.WAIT
    assert lookup(207, "OfCustomerManagement").reaction is Reaction.STOP
    assert lookup(117, "NamedOtherwise").reaction is Reaction.WAIT
