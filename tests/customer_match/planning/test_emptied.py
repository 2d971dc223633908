"""What a size tells of an audience: rarely that somebody has emptied it, and never because of what we did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from customer_match.ledger.actions import Action
from customer_match.ledger.parts import Part
from customer_match.ledger.state import KnownSize, Renewal, Settled, State
from customer_match.members.files import MembersFile
from customer_match.planning.emptied import reason_emptied, size_to_note

THEN = datetime(2026, 5, 1, tzinfo=UTC)
NOW = THEN + timedelta(days=10)
SIZE = KnownSize(at=THEN, matched=4_000, members=10_000)


def state(members: int = 10_000, *, size: KnownSize | None = SIZE, **values: Any) -> State:
    certain = MembersFile(path="c", count=members)
    settled = Settled(certain=certain, possible=certain, known=True)
    return State(audience="a", audience_id="1", settled=settled, size=size).model_copy(update=values)


@pytest.mark.parametrize("matched", [0, 399])
def test_a_size_that_has_collapsed(matched: int) -> None:
    reason = str(reason_emptied(state(), matched, NOW))
    assert reason == (
        f"The audience seems to have been emptied by hand: {matched:,} users are matched now, 4,000 were "
        "matched on 2026-05-01, and no run has removed that many members."
    )
    assert size_to_note(state(), matched, NOW) is None, "later ones would be compared with it"


def test_sizes_that_say_nothing() -> None:
    for plausible in (400, 3_000, 9_000, None):
        assert reason_emptied(state(), plausible, NOW) is None
    assert reason_emptied(state(size=None), 0, NOW) is None, "nobody may ever have been matched"
    small = KnownSize(at=THEN, matched=999, members=10_000)
    assert reason_emptied(state(size=small), 0, NOW) is None


def test_members_that_we_took_out_are_no_surprise() -> None:
    assert reason_emptied(state(2_000), 80, NOW) is None
    assert reason_emptied(state(2_500), 99, NOW)
    assert reason_emptied(state(50_000), 390, NOW), "and those who came since explain nothing"


def test_nothing_is_said_while_the_service_matches_anew() -> None:
    sent = Renewal(at=NOW - timedelta(hours=71), days=-1)
    assert reason_emptied(state(renewed=sent), 0, NOW) is None
    assert reason_emptied(state(renewed=sent), 0, NOW + timedelta(hours=1))
    ahead = Renewal(at=NOW + timedelta(days=3650), days=-1)
    assert reason_emptied(state(renewed=ahead), 0, NOW), (
        "a clock that was ahead does not silence it for years"
    )


@pytest.mark.parametrize(
    "unsure",
    [
        state(parts=(Part(action=Action.ADD, members=MembersFile(path="p", count=1)),)),
        state().distrusted("damaged"),
        state(settled=Settled()),
        state(settled=Settled(known=True)),
        state(0),
    ],
)
def test_where_our_own_figures_are_not_sure(unsure: State) -> None:
    assert reason_emptied(unsure, 0, NOW) is None
    assert size_to_note(unsure, 5_000, NOW) is None


def test_it_strikes_once() -> None:
    distrusted = state().distrusted(str(reason_emptied(state(), 0, NOW)))
    certain = MembersFile(path="c", count=10_000)
    replaced = distrusted.at_rest(Settled(certain=certain, possible=certain, known=True))
    assert reason_emptied(replaced, 0, NOW + timedelta(days=30)) is None


def test_which_sizes_are_written_down() -> None:
    assert size_to_note(state(size=None), 999, NOW) is None
    assert size_to_note(state(size=None), 1_000, NOW) == KnownSize(at=NOW, matched=1_000, members=10_000)
    assert size_to_note(state(), None, NOW) is None
    assert size_to_note(state(), 4_800, NOW) is None
    assert size_to_note(state(), 4_801, NOW) == KnownSize(at=NOW, matched=4_801, members=10_000)
    assert size_to_note(state(), 3_199, NOW) == KnownSize(at=NOW, matched=3_199, members=10_000)
