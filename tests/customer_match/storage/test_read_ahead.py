import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_match.storage import read_ahead
from customer_match.storage.read_ahead import Range, ReadAhead, Requests

CONTENT = bytes(range(251)) * 20
SIZE = len(CONTENT)


class Storage:
    def __init__(self) -> None:
        self.asked: list[Range] = []

    def fetch(self, start: int, end: int) -> bytes:
        self.asked.append((start, end))
        return CONTENT[start:end]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_ahead, "_PIECE_BYTES", 400)
    monkeypatch.setattr(read_ahead, "_HOLE_BYTES", 50)
    monkeypatch.setattr(read_ahead, "_BYTES_AHEAD", 1_000)


def ranges() -> st.SearchStrategy[list[Range]]:
    place = st.integers(0, SIZE)
    return st.lists(st.tuples(place, place).map(lambda pair: (min(pair), max(pair))), max_size=20)


class AtOnce(ThreadPoolExecutor):
    """Runs tasks in the calling thread: thousands of threads would take minutes."""

    def submit(self, work: Any, *args: Any) -> Future[Any]:  # type: ignore[override]
        done: Future[Any] = Future()
        done.set_result(work(*args))
        return done


@given(expected=ranges(), read=ranges())
def test_every_read_is_correct_for_any_expected_ranges(expected: list[Range], read: list[Range]) -> None:
    with mock.patch.object(read_ahead, "ThreadPoolExecutor", AtOnce):
        ahead = ReadAhead(Storage().fetch, expected)
    for start, end in [*expected, *read]:
        assert ahead.read(start, end) == CONTENT[start:end]
    ahead.close()


@given(ranges())
def test_requests_cover_the_expected_ranges_and_are_not_too_long(expected: list[Range]) -> None:
    found = list(read_ahead.pieces(expected))
    wanted = {byte for start, end in expected for byte in range(start, end)}
    covered = {byte for piece in found for byte in range(piece.start, piece.end)}
    assert wanted <= covered
    assert all(0 < piece.end - piece.start <= 400 for piece in found)
    assert sum(piece.wanted for piece in found) == sum(end - start for start, end in expected)


@pytest.mark.parametrize(
    ("expected", "requests"),
    [
        ([(0, 100), (120, 200)], [(0, 200)]),
        ([(0, 100), (151, 200)], [(0, 100), (151, 200)]),
        ([(0, 1_000)], [(0, 400), (400, 800), (800, 1_000)]),
        ([(0, 300), (310, 500)], [(0, 300), (310, 500)]),
        ([(100, 200), (0, 50)], [(100, 200), (0, 50)]),
        ([], []),
    ],
    ids=["a small hole", "a large hole", "a long one", "too long together", "backwards", "none"],
)
def test_near_ranges_share_one_request(expected: list[Range], requests: list[Range]) -> None:
    storage = Storage()
    ahead = ReadAhead(storage.fetch, expected)
    for start, end in expected:
        ahead.read(start, end)
    ahead.close()
    assert sorted(storage.asked) == sorted(requests)


def test_read_ahead_is_bounded_and_fetches_each_byte_once() -> None:
    storage = Storage()
    ahead = ReadAhead(storage.fetch, [(0, 4_000)])
    for position in range(0, 4_000, 50):
        assert ahead.read(position, position + 50) == CONTENT[position : position + 50]
        assert sum(end - start for start, end in storage.asked) <= position + 50 + 1_000
    ahead.close()
    assert sum(end - start for start, end in storage.asked) == 4_000


def test_the_next_file_is_fetched_meanwhile_and_both_keep_within_one_bound() -> None:
    first, second = Storage(), Storage()
    with mock.patch.object(read_ahead, "ThreadPoolExecutor", AtOnce):
        requests = Requests()
    one = ReadAhead(first.fetch, [(0, 2_000)], requests)
    two = ReadAhead(second.fetch, [(0, 2_000)], requests)
    for position in range(0, 2_000, 50):
        assert not second.asked or sum(end - start for start, end in first.asked) == 2_000
        assert one.read(position, position + 50) == CONTENT[position : position + 50]
        asked = sum(end - start for start, end in [*first.asked, *second.asked])
        assert asked <= position + 50 + 1_000
    one.close()
    assert second.asked == [(0, 400), (400, 800)]
    assert two.read(0, 2_000) == CONTENT[:2_000]
    assert sorted(second.asked) == [(start, start + 400) for start in range(0, 2_000, 400)]
    two.close()
    requests.close()


@pytest.mark.slow
@given(
    expected=st.lists(ranges(), min_size=2, max_size=4),
    read=ranges(),
    closed=st.integers(0, 4),
    opened_first=st.integers(1, 4),
)
def test_reads_of_several_files_are_correct(
    expected: list[list[Range]], read: list[Range], closed: int, opened_first: int
) -> None:
    with mock.patch.object(read_ahead, "ThreadPoolExecutor", AtOnce):
        requests = Requests()
    waiting = list(expected)
    opened: list[tuple[ReadAhead, list[Range]]] = []
    while waiting or opened:
        while waiting and len(opened) < opened_first:
            opened.append((ReadAhead(Storage().fetch, waiting[0], requests), waiting.pop(0)))
        ahead, wanted = opened.pop(0)
        for start, end in [*wanted[:closed], *read]:  # perhaps not all of it
            assert ahead.read(start, end) == CONTENT[start:end]
        ahead.close()
        assert requests.bytes_ahead <= 1_000
    assert not requests.is_waiting
    assert not requests.bytes_ahead
    requests.close()


def test_a_file_that_is_closed_early_makes_room_for_the_next_one() -> None:
    second = Storage()
    with mock.patch.object(read_ahead, "ThreadPoolExecutor", AtOnce), Requests() as requests:
        one = ReadAhead(Storage().fetch, [(0, 4_000)], requests)
        two = ReadAhead(second.fetch, [(0, 400)], requests)
        assert not second.asked
        one.close()
        assert second.asked == [(0, 400)]
        two.close()


def test_other_work_runs_in_the_background_and_its_error_is_raised_where_it_is_awaited() -> None:
    with Requests() as requests:
        assert requests.run(divmod, 7, 2).result() == (3, 1)
        failed = requests.run(divmod, 7, 0)
        with pytest.raises(ZeroDivisionError):
            failed.result()


def test_requests_run_in_parallel() -> None:
    met = threading.Barrier(2, timeout=30)

    def fetch(start: int, end: int) -> bytes:
        met.wait()  # a single request would never pass
        return CONTENT[start:end]

    ahead = ReadAhead(fetch, [(0, 400), (1_000, 1_400)])
    assert ahead.read(0, 400) + ahead.read(1_000, 1_400) == CONTENT[:400] + CONTENT[1_000:1_400]
    ahead.close()


@pytest.mark.faults
def test_a_failed_request_is_raised_where_its_bytes_are_read() -> None:
    def fetch(start: int, end: int) -> bytes:
        if start:
            raise LookupError(start)
        return CONTENT[start:end]

    ahead = ReadAhead(fetch, [(0, 400), (1_000, 1_400)])
    assert ahead.read(0, 400) == CONTENT[:400]
    with pytest.raises(LookupError):
        ahead.read(1_000, 1_400)
    ahead.close()


def test_nothing_is_requested_after_closing() -> None:
    storage = Storage()
    ahead = ReadAhead(storage.fetch, [(0, 4_000)])
    ahead.close()
    begun: Sequence[Range] = list(storage.asked)
    assert len(begun) <= 2
    assert ahead.read(0, 10) == CONTENT[:10]
    assert storage.asked[len(begun) :] == [(0, 10)]
