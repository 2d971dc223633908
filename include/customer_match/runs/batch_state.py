"""The state of segments that share a task: how far each one is, and when a failed one is tried again.

One segment that fails must not stop or delay the others, so each has its own tries, with its own waits in between. The
state is stored before and after each step, so that a new process continues where the last one stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Self

from pydantic import BaseModel, ConfigDict

from customer_match.export.segments import Segment
from customer_match.export.values import MAX_RETRY_DELAY_SECONDS
from customer_match.runs.records import Step

__all__ = ["BatchState", "Progress", "Retries"]

_STEPS: Final = tuple(Step)


class Retries(BaseModel):
    """How often a segment is retried, and after which delays.

    Attributes:
        count: Number of retries.
        delay: Seconds before the first retry; the delay doubles with each further one.
    """

    model_config = ConfigDict(frozen=True)

    count: int
    delay: float

    def delay_after(self, failures: int) -> float:
        """Seconds before the next try, after so many failures in a row (at least one)."""
        return min(self.delay * 2.0 ** (failures - 1), MAX_RETRY_DELAY_SECONDS)


class Progress(BaseModel):
    """How far a segment is.

    Attributes:
        segment: The segment.
        done: Its last step that is done; None: none.
        working: A step that has started. If a process finds one, the process before it was killed.
        failures: Number of failed tries in a row.
        due: When its work continues, in seconds since 1970.
        failed: Whether it is given up, until the task is cleared.
        transient: Whether another try may help where the last one failed.
        reason: Why its last try failed; None if none has.
        skipped: Whether there was nothing to send.
        in_flight: Whether an upload of it was in progress at the service when it was last checked. A failed check does
            not change that: the upload continues, and takes one of the service's places.
        started: When its delivery started, in seconds since 1970; None: not yet.
        tried: When its current try began, in seconds since 1970; 0: it has not failed before.
    """

    model_config = ConfigDict(frozen=True)

    segment: Segment
    done: Step | None = None
    working: Step | None = None
    failures: int = 0
    due: float = 0.0
    failed: bool = False
    transient: bool = False
    reason: str | None = None
    skipped: bool = False
    in_flight: bool = False
    started: float | None = None
    tried: float = 0.0

    @property
    def next_step(self) -> Step | None:
        """The step to do next; None after the last one."""
        following = _STEPS[_STEPS.index(self.done) + 1 :] if self.done else _STEPS
        return following[0] if following else None

    @property
    def is_finished(self) -> bool:
        """Whether there is nothing left to do: it is delivered, skipped or failed."""
        return self.failed or self.next_step is None

    def has_done(self, step: Step) -> bool:
        """Whether a step is done."""
        return self.done is not None and _STEPS.index(self.done) >= _STEPS.index(step)

    def start(self, step: Step, *, now: float) -> Self:
        """Start a step."""
        started = now if step is Step.UPLOAD and self.started is None else self.started
        return self.model_copy(update={"working": step, "started": started})

    def succeed(self, step: Step, *, skipped: bool = False) -> Self:
        """Record that a step is done."""
        return self.model_copy(
            update={
                "done": step,
                "working": None,
                "failures": 0,
                "due": 0.0,
                "reason": None,
                "skipped": skipped,
                "in_flight": False,
            }
        )

    def await_upload(self) -> Self:
        """Record that an upload is in progress at the service."""
        return self.model_copy(update={"working": None, "in_flight": True, "due": 0.0})

    def wait_until(self, due: float, *, reason: str | None = None) -> Self:
        """Record a wait before the step continues, and why; another run that holds the audience is no reason."""
        return self.model_copy(update={"working": None, "due": due, "reason": reason})

    def fail(self, reason: str, retries: Retries, *, transient: bool, now: float) -> Self:
        """Record a failed try. The segment is tried again, unless this cannot help or no retry is left."""
        failures = self.failures + 1
        again = transient and failures <= retries.count
        due = now + retries.delay_after(failures) if again else 0.0
        return self.model_copy(
            update={
                "working": None,
                "in_flight": self.in_flight and again,
                "failures": failures,
                "failed": not again,
                "transient": transient,
                "due": due,
                "tried": due,
                "reason": reason,
            }
        )

    def restart(self, step: Step) -> Self:
        """Return to the beginning of a step, with all retries, because a user has cleared its task."""
        before = _STEPS[: _STEPS.index(step)]
        done = self.done if self.done in before else (before[-1] if before and self.done else None)
        return Progress.model_validate({"segment": self.segment, "done": done})  # type: ignore[return-value]


class BatchState(BaseModel):
    """The state of all segments of a task.

    Attributes:
        segments: The progress of each segment.
        hold_until: Until when nothing is sent, because the service throttles the customer; seconds since 1970.
        holds: Number of such waits in a row.
        tasks: For each step, Airflow's number of the last allowed try of its task. It changes only if a user clears
            the task.
        saved: When the state was stored, in seconds since 1970.
    """

    model_config = ConfigDict(frozen=True)

    segments: tuple[Progress, ...]
    hold_until: float = 0.0
    holds: int = 0
    tasks: dict[Step, int] = {}
    saved: float = 0.0

    @classmethod
    def new(cls, segments: Iterable[Segment]) -> Self:
        """The state before the first step."""
        return cls(segments=tuple(Progress(segment=segment) for segment in segments))

    def replace(self, progress: Progress) -> Self:
        """Replace the progress of one segment."""
        audience = progress.segment.audience
        return self.model_copy(
            update={
                "segments": tuple(
                    progress if one.segment.audience == audience else one for one in self.segments
                )
            }
        )

    def hold(self, until: float) -> Self:
        """Send nothing until a time."""
        return self.model_copy(update={"hold_until": max(self.hold_until, until), "holds": self.holds + 1})

    def resume(self) -> Self:
        """Record that the service accepts calls."""
        return self.model_copy(update={"holds": 0})

    def enter(self, step: Step, last_try: int) -> Self:
        """Enter a step's task. If a user has cleared it since, unfinished and failed segments begin it again.

        Args:
            step: The step.
            last_try: Airflow's number of the task's last allowed try (`max_tries`).
        """
        is_cleared = self.tasks.get(step, last_try) != last_try
        segments = (
            one.restart(step) if is_cleared and one.next_step is not None else one for one in self.segments
        )
        return self.model_copy(update={"segments": tuple(segments), "tasks": self.tasks | {step: last_try}})

    def correct_times(self, now: float) -> Self:
        """Move the ends of all waits if the clock was set back after the state was stored: no wait gets longer."""
        back = self.saved - now
        if back <= 0:
            return self
        segments = (one.model_copy(update={"due": max(0.0, one.due - back)}) for one in self.segments)
        hold_until = max(0.0, self.hold_until - back)
        return self.model_copy(update={"segments": tuple(segments), "hold_until": hold_until})

    def in_order(self) -> Sequence[Progress]:
        """The unfinished segments: those with uploads in progress first, but those that have failed before last."""
        unfinished = [one for one in self.segments if not one.is_finished]
        return sorted(unfinished, key=lambda one: (one.failures, not one.in_flight))

    @property
    def uploads(self) -> int:
        """The number of uploads in progress, including those of segments that have failed and are tried again."""
        return sum(one.in_flight for one in self.segments)

    @property
    def failed(self) -> Sequence[Progress]:
        """The segments that are given up."""
        return [one for one in self.segments if one.failed]
