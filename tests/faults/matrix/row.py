"""What a row of the fault matrix says, and the rules of the service that many rows share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from tests.faults.world import World

__all__ = ["UPLOAD", "Recovery", "Row", "both", "on", "rule"]

UPLOAD: Final = "segment.upload"


class Recovery(StrEnum):
    """What makes it right."""

    ITSELF = "itself"
    """The task bridges the fault without being tried again."""
    RETRY = "retry"
    """Airflow tries the task again, in the same run."""
    NEXT_RUN = "next run"
    """The run fails, with advice; the next one is right."""
    HUMAN = "human"
    """The run fails and says what a human must do; once it is done, the next run is right."""


def _nothing(_: World) -> None:
    return None


def _no_moment(_: World, __: str) -> None:
    return None


@dataclass(frozen=True)
class Row:
    """One fault.

    Attributes:
        name: Short, unique.
        fault: What happens, for people.
        where: In which stage.
        recovery: What makes it right.
        before: Set up before the struck run is started, such as a rule of the service.
        during: Done while it runs.
        after: Done once it has ended, before the next run: what heals.
        second: Whether a clean first run comes before, so that a difference is struck, not a first load.
        keys: Keys of the export file.
        advice: Words that the report of a failed run must have.
        repeats: Uploads (or calls) that the service may have accepted beyond those whose parts were confirmed: each
            is a part that was sent once more, because nobody could know what had come of it.
        may_retry: Whether Airflow may have tried a task again as well: how long something was away decides.
        program: The program of Airflow that the row kills. Rows of one program strike it together: each brings its
            run to its moment, then it is killed once.
        alone: Whether no other row may run at the same time.
        quick: Whether it belongs to the short form.
        again: Whether the struck run ends well and leaves something for the next one, which is then started.
        patience: Seconds that the struck run may take.
        world: Where it is played.
    """

    name: str
    fault: str
    where: str
    recovery: Recovery
    before: Callable[[World], None] = _nothing
    during: Callable[[World, str], None] = _no_moment
    after: Callable[[World], None] = World.heal_service
    second: bool = False
    keys: dict[str, Any] = field(default_factory=dict)
    advice: str = ""
    repeats: int = 0
    may_retry: bool = False
    program: str = ""
    alone: bool = False
    quick: bool = False
    again: bool = False
    patience: float = 600.0
    world: type[World] = World


def rule(operation: str, kind: str, **values: Any) -> Callable[[World], None]:
    """Makes a rule of the service, for `Row.before`."""
    return lambda world: world.fault(operation, kind, **values)


def on(operation: str, name: str, kind: str, fault: str, recovery: Recovery, **values: Any) -> Row:
    """A row of one rule of the service; values are the rule's, save those that are known to be the row's."""
    keys = ("second", "quick", "advice", "keys", "repeats", "again", "patience")
    row = {key: values.pop(key) for key in keys if key in values}
    return Row(name, fault, operation, recovery, before=rule(operation, kind, **values), **row)


def both(*steps: Callable[[World], None]) -> Callable[[World], None]:
    """Several things set up one after the other, for `Row.before`."""

    def before(world: World) -> None:
        for step in steps:
            step(world)

    return before
