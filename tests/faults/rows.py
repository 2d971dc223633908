"""Plays a row of the matrix, and says what came of it."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass, replace
from pathlib import Path

from tests.faults.airflow_parts import AirflowParts
from tests.faults.matrix import Recovery, Row
from tests.faults.world import World

__all__ = ["Outcome", "play"]


@dataclass(frozen=True)
class Outcome:
    """What a row did.

    Attributes:
        row: Its name.
        recovered_by: What made it right.
        uploads: Upload files that the service accepted in all.
        wrong: What was not as it must be; empty if all was right.
        seconds: How long the row took.
    """

    row: str
    recovered_by: str
    uploads: int
    wrong: list[str]
    seconds: int = 0


def play(row: Row, airflow: AirflowParts, folder: Path) -> Outcome:
    """Strike, let it recover, compare. What goes wrong in playing is an outcome too."""
    world = row.world(airflow, folder, f"row-{row.name}", keys=row.keys)
    started = time.monotonic()
    try:
        world.start()
        return replace(_played(row, world), seconds=round(time.monotonic() - started))
    except Exception as error:  # noqa: BLE001 (the other rows go on)
        traceback.print_exc()
        return Outcome(row.name, "nothing", 0, [f"{type(error).__name__}: {error}"])
    finally:
        world.stop()


def _played(row: Row, world: World) -> Outcome:
    wrong: list[str] = []
    if row.second:
        if (state := world.run()) != "success":
            wrong.append(f"the run before ended as {state}")
        world.write_tables(generation=1)
    row.before(world)
    run_id = world.trigger()
    row.during(world, run_id)
    state = world.wait(run_id, seconds=row.patience)
    tries = max(_tries(world, run_id))
    by = Recovery.ITSELF if tries == 1 else Recovery.RETRY
    said = world.said(run_id)
    wrong += world.unstruck()
    if state != "success" or row.again:
        by = Recovery.HUMAN if row.recovery is Recovery.HUMAN else Recovery.NEXT_RUN
        if row.advice not in said:
            wrong.append(f"the report does not say {row.advice!r}: {said}")
        row.after(world)
        if (state := world.run()) != "success":
            wrong.append(f"the next run ended as {state}")
    if by is not row.recovery:
        wrong.append(f"recovered by {by}, not by {row.recovery}")
    wrong += world.wrong()
    uploads = sum(1 for upload in world.service.api.control("uploads") if upload["accepted"])
    return Outcome(row.name, by, uploads, wrong)


def _tries(world: World, run_id: str) -> list[int]:
    path = f"/dags/{world.name}/dagRuns/{run_id}/taskInstances"
    return [task["try_number"] for task in world.airflow.api.get(path, limit=100)["task_instances"]]
