"""Tokens of generations: which of them a ledger expects."""

from __future__ import annotations

import pytest

from customer_match.ledger.generation import Generation, new_token, reason_to_distrust, workspace_of

HERE, THERE = "0a0b0c0d", "1a1b1c1d"
OLD, NEW, FOREIGN = f"{HERE}-000000000001", f"{HERE}-000000000002", f"{THERE}-000000000003"
SEEN, UNSEEN = Generation(token=NEW), Generation(token=NEW, before=(OLD, None))


def test_tokens_name_the_workspace_and_differ() -> None:
    assert new_token(HERE) != new_token(HERE)
    assert workspace_of(new_token(HERE)) == HERE


@pytest.mark.parametrize(
    ("known", "shown", "words"),
    [
        (None, None, None),
        (SEEN, NEW, None),
        (UNSEEN, NEW, None),
        (UNSEEN, OLD, None),
        (UNSEEN, None, None),
        (SEEN, OLD, "older than the audience"),
        (None, OLD, "older than the audience"),
        (UNSEEN, f"{HERE}-00000000000f", "older than the audience"),
        (SEEN, None, "changed by hand"),
        (SEEN, FOREIGN, rf"Another workspace \(id {THERE}\)"),
        (None, FOREIGN, rf"since this one \(id {HERE}\) did"),
    ],
)
def test_what_is_expected(known: Generation | None, shown: str | None, words: str | None) -> None:
    reason = reason_to_distrust(known, shown, workspace=HERE)
    if words is None:
        assert reason is None
    else:
        assert reason
        with pytest.raises(ValueError, match=words):
            raise ValueError(reason)


def test_what_was_before_is_expected_until_the_new_one_was_seen() -> None:
    first = Generation.claimed(OLD, shown=None, after=None)
    assert first.before == (None,)
    assert first.observed(None) == first
    second = Generation.claimed(NEW, shown=None, after=first)
    assert second.before == (None, OLD), "a late write may still come"
    assert second.observed(NEW) == Generation(token=NEW)
    assert Generation.claimed(FOREIGN, shown=NEW, after=Generation(token=NEW)).before == (NEW,)


def test_it_is_said_what_is_not_covered() -> None:
    assert SEEN.uncovered is None
    assert "does not show" in str(UNSEEN.uncovered)
    assert "refused the audience's new description: no" in str(UNSEEN.refused("no").uncovered)
    assert UNSEEN.refused("no").observed(NEW) == SEEN
