"""Rows that kill the same program wait for each other before it is killed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.rendezvous import Rendezvous


def test_the_action_runs_once_when_all_rows_have_arrived() -> None:
    done: list[int] = []
    meeting = Rendezvous(3, lambda: done.append(1))
    with ThreadPoolExecutor(3) as pool:
        first = [pool.submit(meeting.arrive, 20) for _ in range(2)]
        assert not done
        pool.submit(meeting.arrive, 20).result()
        for waiting in first:
            waiting.result()
    assert done == [1]


def test_rows_that_give_up_are_not_waited_for() -> None:
    done: list[int] = []
    meeting = Rendezvous(2, lambda: done.append(1))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(meeting.arrive, 20)
        while not meeting._there:
            pass
        meeting.give_up()
        waiting.result()
    assert done == [1]


def test_nothing_is_done_if_all_rows_give_up() -> None:
    done: list[int] = []
    meeting = Rendezvous(2, lambda: done.append(1))
    meeting.give_up()
    meeting.give_up()
    assert not done
    with pytest.raises(TimeoutError, match="1 of 2"):
        Rendezvous(2, lambda: None).arrive(0.01)


def test_a_failed_action_is_reported_to_all_rows() -> None:
    def action() -> None:
        raise OSError("it did not start again")

    meeting = Rendezvous(2, action)
    with ThreadPoolExecutor(2) as pool:
        for failed in [pool.submit(meeting.arrive, 20) for _ in range(2)]:
            with pytest.raises(RuntimeError, match="action failed"):
                failed.result()
