"""Run a row of the matrix, and return its outcome."""

from __future__ import annotations

import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.faults.airflow_parts import AirflowParts
from tests.faults.matrix import Recovery, Row, played_under
from tests.faults.rendezvous import Rendezvous
from tests.faults.results import Outcome
from tests.faults.storage_worlds import NotRun
from tests.faults.world import World

__all__ = ["run_row"]


def run_row(row: Row, airflow: AirflowParts, folder: Path, rendezvous: Rendezvous | None = None) -> Outcome:
    """Inject the fault, let the export recover, and compare. An error of the harness is an outcome too."""
    world = row.world(airflow, folder, f"row-{row.name}", keys=row.keys, rendezvous=rendezvous)
    started, found = time.monotonic(), dict[str, Any]()
    try:
        world.start()
        found = _run_row(row, world)
    except NotRun as reason:
        found = {"not_here": str(reason)}
    except Exception as error:  # noqa: BLE001 (the other rows continue)
        traceback.print_exc()
        found = {"wrong": [f"{type(error).__name__}: {error}"]}
    finally:
        if rendezvous and not world.has_killed:
            rendezvous.give_up()
        world.stop()
    seconds = round(time.monotonic() - started)
    played = datetime.now(UTC).isoformat(timespec="seconds")
    return Outcome(
        row.name, row.fault, row.where, **found, seconds=seconds, played=played, under=played_under(row)
    )


def _run_row(row: Row, world: World) -> dict[str, Any]:
    wrong: list[str] = []
    if row.second:
        if (state := world.run()) != "success":
            wrong.append(f"the run before ended as {state}")
        world.write_tables(generation=1)
    row.before(world)
    run_id = world.trigger()
    row.during(world, run_id)
    state = world.wait(run_id, seconds=row.patience)
    retried_tasks, messages = world.retried_tasks(run_id), world.messages(run_id)
    wrong += world.unused_faults()
    by = Recovery.RETRY if retried_tasks else Recovery.ITSELF
    if state != "success" or row.again:
        by = Recovery.HUMAN if row.recovery is Recovery.HUMAN else Recovery.NEXT_RUN
        if row.advice not in messages:
            wrong.append(f"the report does not say {row.advice!r}: {messages}")
        row.after(world)
        run_id = world.trigger()
        if (state := world.wait(run_id)) != "success":
            wrong.append(f"the next run ended as {state}")
    if by is not row.recovery and not (row.may_retry and by is Recovery.RETRY):
        wrong.append(
            f"recovered by {by}, not by {row.recovery}: tried again {retried_tasks}, the run was {state}"
        )
    wrong += world.wrong() + world.wrong_in_report(run_id)
    sent = world.sent()
    if sent.uploads + sent.calls > sent.confirmed + row.repeats:
        wrong.append(f"sent more than once: {sent}, allowed {row.repeats} more")
    return {
        "recovered_by": by.value,
        "uploads": sent.uploads,
        "calls": sent.calls,
        "members": world.right_members(),
        "expected": sum(len(world.expected(segment)) for segment in world.segments),
        "wrong": wrong,
    }
