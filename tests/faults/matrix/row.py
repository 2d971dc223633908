"""The model of a row of the fault matrix, and helpers for faults of the service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from tests.faults.world import World

__all__ = ["UPLOAD", "UPLOAD_BATCH", "Recovery", "Row", "both", "on", "rule"]

UPLOAD: Final = "segment.upload"
UPLOAD_BATCH: Final = "segment.upload_batch"


class Recovery(StrEnum):
    """How the export recovers."""

    ITSELF = "itself"
    """The task handles the fault without a retry."""
    RETRY = "retry"
    """Airflow retries the task in the same run."""
    NEXT_RUN = "next run"
    """The run fails, with advice; the next one is correct."""
    HUMAN = "human"
    """The run fails and says what a human must do; after that is done, the next run is correct."""


def _nothing(_: World) -> None:
    return None


def _no_moment(_: World, __: str) -> None:
    return None


@dataclass(frozen=True)
class Row:
    """One fault.

    Attributes:
        name: A short, unique name.
        fault: The fault, for readers.
        where: The stage in which it is injected.
        recovery: How the export recovers.
        before: Setup before the run with the fault, such as a rule of the service.
        during: Action while it runs.
        after: Action after it ended and before the next run, which removes the fault.
        second: Whether a clean run comes first, so that the fault affects a difference, not a first load.
        keys: Keys of the export file.
        advice: Words that the report of a failed run must contain.
        repeats: Uploads (or calls) that the service may have accepted in addition to those of confirmed parts: each
            is a part that was sent again because its result could not be known.
        may_retry: Whether Airflow may also have retried a task, depending on how long something was down.
        program: The program of Airflow that the row kills. Rows of one program share this: each brings its run to its
            moment, then the program is killed once.
        alone: Whether no other row may run at the same time.
        quick: Whether it belongs to the short form.
        again: Whether the run with the fault succeeds but leaves work for the next one, which is then started.
        patience: Seconds that the run with the fault may take.
        world: The environment in which it runs.
    """

    name: str
    fault: str
    where: str
    recovery: Recovery
    before: Callable[[World], None] = _nothing
    during: Callable[[World, str], None] = _no_moment
    after: Callable[[World], None] = World.remove_faults
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
    """Return a setup for `Row.before` that adds a rule to the service."""
    return lambda world: world.fault(operation, kind, **values)


def on(operation: str, name: str, kind: str, fault: str, recovery: Recovery, **values: Any) -> Row:
    """Make a row with one rule of the service; values belong to the rule, except those that are fields of the row."""
    keys = ("second", "quick", "advice", "keys", "repeats", "again", "patience")
    row = {key: values.pop(key) for key in keys if key in values}
    return Row(name, fault, operation, recovery, before=rule(operation, kind, **values), **row)


def both(*steps: Callable[[World], None]) -> Callable[[World], None]:
    """Combine several setups for `Row.before`."""

    def before(world: World) -> None:
        for step in steps:
            step(world)

    return before
