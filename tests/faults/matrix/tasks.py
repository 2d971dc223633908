"""The task's process dies, at every stage. It is held at its moment, checked, and killed (see `points.py`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from customer_match.ledger.parts import Progress
from tests.faults.matrix.row import UPLOAD, Recovery, Row
from tests.faults.world import SEGMENTS, FaultNotInjected, World

__all__ = ["APPLY", "ROWS", "Moment"]

APPLY: Final = {"route": "apply", "profiles_per_part": 10_000}
"""Keys of an export whose segments are sent as one part of two calls each."""


@dataclass(frozen=True)
class Moment:
    """A point at which a task is held, and a condition that must hold there.

    Attributes:
        point: One of `points.py`.
        task_id: The task.
        proof: A condition that holds only at this moment.
        nth: Hold when the point is reached for the nth time.
        segment: The task's segment; None if the task has none.
    """

    point: str
    task_id: str
    proof: Callable[[World, str], bool]
    nth: int = 1
    segment: str | None = SEGMENTS[0]

    def order(self, world: World) -> None:
        """Order that the task is held; for `Row.before`."""
        world.hold(self.point, self.task_id, nth=self.nth, segment=self.segment)

    def reached(self, world: World, run_id: str) -> None:
        """Wait until the task is held, and check that it is at the intended moment.

        Raises:
            NotStruck: It is at another moment.
        """
        world.held()
        if not self.proof(world, run_id):
            raise FaultNotInjected(f"the task is held at {self.point!r}, but not at the intended moment")

    def kill(self, world: World, run_id: str) -> None:
        """kill -9 the task at its moment; for `Row.during`."""
        self.reached(world, run_id)
        world.kill_held()


# --- Conditions that hold at each moment
# -----------------------------------------------------------------------------------


def _in_the_making(pattern: str, whole: str) -> Callable[[World, str], bool]:
    """Return a condition: an unfinished file exists, and the complete files do not exist yet."""
    return lambda world, run_id: bool(world.files(run_id, pattern)) and not world.files(run_id, whole)


def _upload(world: World) -> dict[str, Any]:
    """Return the service's record of the upload that the ledger has in flight."""
    [index] = world.state().in_flight
    request = world.state().parts[index].request
    assert request is not None
    found: list[dict[str, Any]] = [
        u for u in world.service.api.control("uploads") if u["request_id"] == request.id
    ]
    return found[0]


def _meant(world: World, _: str) -> bool:
    return _upload(world)["accepted"] is None


def _posted(world: World, _: str) -> bool:
    return _upload(world)["accepted"] is not None


def _finished(world: World, _: str) -> bool:
    return _upload(world)["finished"] is not None


def _only_at_the_service(world: World, _: str) -> bool:
    return any(found["name"] == SEGMENTS[0] for found in world.lists()) and world.state().audience_id is None


def _planned(world: World, _: str) -> bool:
    """Return whether the plan is recorded, and the service has issued an upload that the ledger does not name yet."""
    parts = world.state().parts
    untouched = bool(parts) and all(part.progress is Progress.PLANNED for part in parts)
    return untouched and "GetBulkUploadUrl" in world.operations()


def _answered(calls: int) -> Callable[[World, str], bool]:
    def proof(world: World, _: str) -> bool:
        [part] = world.state().parts
        members = world.service.api.members(world.audience_id())
        return part.progress is Progress.SENT and min(calls * 1_000, part.members.count) == len(members)

    return lambda world, run_id: bool(
        world.until(lambda: proof(world, run_id), f"the answer to {calls} calls")
    )


def _all_confirmed(world: World, _: str) -> bool:
    state = world.state()
    return bool(state.parts) and state.next_part is None


def _no_report_page(world: World, run_id: str) -> bool:
    names = {path.name for path in world.run_folder(run_id).iterdir()}
    return "report.json" in names and "report.html" not in names


VALIDATING: Final = Moment(
    "recording", "segment.validate", lambda world, run_id: not world.files(run_id, "validate.json")
)
STAGING: Final = Moment(
    "staging", "segment.normalise", _in_the_making(".members.parquet.*", "members.parquet")
)
CUTTING: Final = Moment("cutting", "segment.chunk", _in_the_making("parts/*/.*", "chunk.json"))
CREATED: Final = Moment("created", UPLOAD, _only_at_the_service)
BEFORE_INTENT: Final = Moment("writing a state", UPLOAD, _planned, nth=3)
INTENT: Final = Moment("intent", UPLOAD, _meant)
POSTED: Final = Moment("posted", UPLOAD, _posted)
RESULTS: Final = Moment("results", UPLOAD, _finished)
ANSWERED: Final = Moment("answered", UPLOAD, _finished)
SETTLING: Final = Moment("settling", UPLOAD, _all_confirmed)
BETWEEN_CALLS: Final = Moment("next call", UPLOAD, _answered(1), nth=2)
AFTER_CALLS: Final = Moment("answered", UPLOAD, _answered(2))
REPORTING: Final = Moment("reporting", "report", _no_report_page, segment=None)


def _killed(name: str, where: str, moment: Moment, **values: Any) -> Row:
    return Row(
        f"kill-{name}",
        "kill -9 of the task",
        where,
        Recovery.RETRY,
        before=moment.order,
        during=moment.kill,
        **values,
    )


ROWS: Final = (
    _killed("validate", "validate, before its record", VALIDATING),
    _killed("normalise", "normalise, while writing the members", STAGING),
    _killed("chunk", "chunk, while writing the parts", CUTTING, second=True),
    _killed("create", "upload, between creating the list and recording it", CREATED),
    _killed("before-intent", "upload, while writing the intent", BEFORE_INTENT),
    _killed("intent", "upload, between intent and sending", INTENT, quick=True),
    _killed("intent-difference", "upload of a difference, between intent and sending", INTENT, second=True),
    _killed("sent", "upload, between sending and recording", POSTED),
    _killed("results", "upload, while reading results", RESULTS),
    _killed("confirm", "upload, between reading results and recording them", ANSWERED),
    _killed("commit", "upload, while settling the ledger", SETTLING, second=True),
    _killed("call", "upload by calls, between two calls", BETWEEN_CALLS, keys=APPLY, repeats=1),
    _killed(
        "called", "upload by calls, between the last call and recording", AFTER_CALLS, keys=APPLY, repeats=2
    ),
    _killed("commit-calls", "upload by calls, while settling the ledger", SETTLING, keys=APPLY, second=True),
    _killed("report", "report, between its two files", REPORTING),
)
