"""The state of segments that share a task."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_match.export.segments import Segment
from customer_match.export.values import MAX_RETRY_DELAY_SECONDS
from customer_match.runs.batch_state import BatchState, Progress, Retries
from customer_match.runs.records import Step

RETRIES = Retries(count=2, delay=30.0)
GOLD, SILVER = (Segment(table=name, audience=name) for name in ("Gold", "Silver"))


def progress(done: Step | None = None) -> Progress:
    return Progress(segment=GOLD, done=done)


def test_the_steps_follow_one_another() -> None:
    one, steps = progress(), []
    while one.next_step:
        steps.append(one.next_step)
        one = one.start(one.next_step, now=5.0).succeed(one.next_step)
    assert steps == list(Step)
    assert one.is_finished
    assert one.started == 5.0, "when the upload began"


def test_a_transient_failure_is_retried_after_delays_that_double() -> None:
    one, dues = progress(Step.VALIDATE), []
    while not one.failed:
        one = one.start(Step.NORMALISE, now=0.0).fail("away", RETRIES, transient=True, now=100.0)
        dues.append(one.due)
    assert dues == [130.0, 160.0, 0.0]
    assert one.next_step is Step.NORMALISE, "it has failed there, and begins there if its task is cleared"
    assert Retries(count=99, delay=30.0).delay_after(99) == MAX_RETRY_DELAY_SECONDS


def test_a_success_gives_back_all_retries() -> None:
    failed = progress().fail("away", RETRIES, transient=True, now=0.0)
    assert failed.succeed(Step.VALIDATE).failures == 0


def test_a_failure_that_no_retry_can_mend_is_final() -> None:
    one = progress().fail("no such table", RETRIES, transient=False, now=0.0)
    assert (one.failed, one.is_finished, one.reason) == (True, True, "no such table")


@pytest.mark.parametrize("cleared", list(Step))
@given(done=st.sampled_from([None, *Step]), fails=st.booleans())
def test_a_cleared_task_begins_its_step_again_for_what_is_not_done(
    cleared: Step, done: Step | None, fails: bool
) -> None:
    one = progress(done)
    if fails and one.next_step:
        one = one.fail("x", RETRIES, transient=False, now=0.0)
    state = BatchState(segments=(one,)).enter(cleared, 3)
    assert state.segments == (one,), "the first time the task runs, and when Airflow retries it"
    [again] = state.enter(cleared, 5).segments
    if done is Step.UPLOAD:
        assert again == one, "what is delivered stays as it is"
    else:
        assert not again.failed
        assert again.next_step is not None
        assert list(Step).index(again.next_step) == min(
            list(Step).index(cleared), list(Step).index(one.next_step or Step.UPLOAD)
        )


def test_uploads_in_progress_come_first_and_what_has_failed_last() -> None:
    names = [Segment(table=name, audience=name) for name in "abcd"]
    a, b, c, d = (Progress(segment=one) for one in names)
    a = a.fail("x", RETRIES, transient=True, now=0.0)
    c = c.await_upload()
    d = d.succeed(Step.UPLOAD)
    order = [one.segment.audience for one in BatchState(segments=(a, b, c, d)).in_order()]
    assert order == ["c", "b", "a"]


def test_an_upload_in_progress_takes_its_place_until_it_has_ended_or_its_segment_is_given_up() -> None:
    waiting = progress(Step.CHUNK).start(Step.UPLOAD, now=0.0).await_upload()
    failed = waiting.fail("overdue", RETRIES, transient=True, now=0.0)
    for one in (waiting, failed, waiting.wait_until(9.0), failed.start(Step.UPLOAD, now=9.0)):
        assert BatchState(segments=(one,)).uploads == 1
    given_up = waiting.fail("the ledger is damaged", RETRIES, transient=False, now=0.0)
    for one in (given_up, waiting.succeed(Step.UPLOAD), progress(Step.CHUNK)):
        assert BatchState(segments=(one,)).uploads == 0


def test_no_wait_gets_longer_if_the_clock_is_set_back() -> None:
    waiting = progress(Step.CHUNK).wait_until(5_060.0)
    state = BatchState(segments=(waiting, progress()), hold_until=5_030.0, saved=5_000.0)
    assert state.correct_times(5_010.0) == state
    back = state.correct_times(1_400.0)
    assert ([one.due for one in back.segments], back.hold_until) == ([1_460.0, 0.0], 1_430.0)


def test_the_state_survives_as_json() -> None:
    state = BatchState.new([GOLD, SILVER]).enter(Step.VALIDATE, 3).hold(7.0)
    state = state.replace(progress().fail("x", RETRIES, transient=True, now=1.0))
    assert BatchState.model_validate_json(state.model_dump_json()) == state
    assert (state.holds, state.resume().holds) == (1, 0)
