"""Rows that strike the same program meet before it is killed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.rendezvous import Rendezvous


def test_it_is_struck_once_and_only_when_all_are_there() -> None:
    struck: list[int] = []
    meeting = Rendezvous(3, lambda: struck.append(1))
    with ThreadPoolExecutor(3) as pool:
        first = [pool.submit(meeting.arrive, 20) for _ in range(2)]
        assert not struck
        pool.submit(meeting.arrive, 20).result()
        for waiting in first:
            waiting.result()
    assert struck == [1]


def test_who_gives_up_is_not_waited_for() -> None:
    struck: list[int] = []
    meeting = Rendezvous(2, lambda: struck.append(1))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(meeting.arrive, 20)
        while not meeting._there:
            pass
        meeting.give_up()
        waiting.result()
    assert struck == [1]


def test_nobody_comes() -> None:
    struck: list[int] = []
    meeting = Rendezvous(2, lambda: struck.append(1))
    meeting.give_up()
    meeting.give_up()
    assert not struck
    with pytest.raises(TimeoutError, match="1 of 2"):
        Rendezvous(2, lambda: None).arrive(0.01)


def test_a_strike_that_fails_is_told_to_all() -> None:
    def strike() -> None:
        raise OSError("it did not start again")

    meeting = Rendezvous(2, strike)
    with ThreadPoolExecutor(2) as pool:
        for failed in [pool.submit(meeting.arrive, 20) for _ in range(2)]:
            with pytest.raises(RuntimeError, match="strike failed"):
                failed.result()
