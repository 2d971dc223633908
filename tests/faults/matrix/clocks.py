"""Time: clocks that jump, runs started in the same second, a backfill beside the daily run."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from customer_match.ledger.lease import Lease
from tests.faults.matrix.row import UPLOAD, UPLOAD_BATCH, Recovery, Row, rule
from tests.faults.world import BatchWorld, FaultNotInjected, World

__all__ = ["ROWS"]

_HOUR: Final = 3600.0


# --- Clocks ------------------------------------------------------------------------------------------------------


def _set_back(world: World) -> None:
    world.set_clock_back(_HOUR)


def _must_be_late(world: World, run_id: str) -> None:
    """Check that the run used the wrong clock."""
    world.wait(run_id)
    if datetime.now(UTC) - world.report(run_id).finished < timedelta(seconds=_HOUR / 2):
        raise FaultNotInjected("the run had the right time")


def _set_back_while_waiting(world: World, run_id: str) -> None:
    world.until(lambda: world.has_state("deferred", UPLOAD, run_id), "the wait")
    world.set_clock_back(_HOUR)
    _must_be_late(world, run_id)


def _other(world: World) -> Lease:
    return Lease(world.workspace, world.ledger("Alpha").folder, audience="Alpha", holder="another run")


def _held_by_another(world: World) -> None:
    _other(world).take(timedelta(minutes=20))


def _set_back_while_pausing(world: World, run_id: str) -> None:
    """Set the clock back during a wait of half a minute; by the recorded time it would last an hour longer."""
    world.until(lambda: world.state_of(run_id, UPLOAD, "Alpha") == "deferred", "the pause")
    world.set_clock_back(_HOUR)
    _other(world).release()
    _must_be_late(world, run_id)


def _set_back_while_a_batch_waits(world: World, run_id: str) -> None:
    """Set the clock back while one segment of a batch waits for another run, and the others are delivered."""
    world.until(lambda: world.wrong(besides="Alpha") == [], "the end of the others")
    world.until(lambda: world.has_state("deferred", UPLOAD_BATCH, run_id), "the wait")
    world.set_clock_back(_HOUR)
    _other(world).release()
    _must_be_late(world, run_id)


def _run_of_an_hour_ago(world: World, run_id: str) -> None:
    """Trigger a run dated before the last one, as if the scheduler's clock were wrong too."""
    if world.wait(run_id) == "success":
        world.expect_skips(world.trigger_due(datetime.now(UTC) - timedelta(seconds=_HOUR)))


_JUMPS: Final = (
    Row(
        "clock-between", "the workers' clock is set back by an hour", "between runs", Recovery.ITSELF,
        before=_set_back, during=_must_be_late, second=True, alone=True,
    ),
    Row(
        "clock-waiting", "the workers' clock is set back by an hour", "waiting", Recovery.ITSELF,
        before=rule("ProcessUpload", "delay", seconds=8, times=4), during=_set_back_while_waiting,
        second=True, alone=True,
    ),
    Row(
        "clock-pausing", "the workers' clock is set back by an hour", "waiting for another run", Recovery.ITSELF,
        before=_held_by_another, during=_set_back_while_pausing, alone=True,
    ),
    Row(
        "batch-clock", "the workers' clock is set back by an hour", "a segment of a batch waits for another run",
        Recovery.ITSELF, before=_held_by_another, during=_set_back_while_a_batch_waits, alone=True, world=BatchWorld,
    ),
    Row(
        "clock-scheduler", "a run is dated an hour before the last one", "between runs", Recovery.ITSELF,
        during=_run_of_an_hour_ago, second=True,
    ),
)  # fmt: skip


# --- Clocks ahead ----------------------------------------------------------------------------------------

_TEN_YEARS: Final = timedelta(days=3650)


def _ahead() -> datetime:
    return datetime.now(UTC) + _TEN_YEARS


def _held_by_a_clock_that_is_ahead(world: World) -> None:
    lease = Lease(
        world.workspace, world.ledger("Alpha").folder, audience="Alpha", holder="another run", now=_ahead
    )
    lease.take(timedelta(minutes=30))


def _shortened_and_released(world: World, run_id: str) -> None:
    """Check that the lease was shortened, then release it, so that the row need not wait for its end."""
    world.until(lambda: world.state_of(run_id, UPLOAD, "Alpha") == "deferred", "the wait")
    holding = _other(world).current()
    if holding is None or holding.until - datetime.now(UTC) > timedelta(minutes=31):
        raise FaultNotInjected(f"the lease still is {holding}")
    _other(world).release()


def _holds_data_of_the_future(world: World) -> None:
    ledger = world.ledger("Alpha")
    entry = ledger.load()
    ledger.write(entry, entry.state.model_copy(update={"interval_end": _ahead(), "planned_at": _ahead()}))


def _by_force(world: World) -> None:
    if (state := world.run(force=True)) != "success":
        raise AssertionError(f"the run by force ended as {state}")


_AHEAD: Final = (
    Row(
        "lease-ahead", "another run took its lease with a clock that is ten years ahead", "waiting for another run",
        Recovery.ITSELF, before=_held_by_a_clock_that_is_ahead, during=_shortened_and_released,
    ),
    Row(
        "ledger-ahead", "a run wrote its ledger with a clock that was ten years ahead", "chunk", Recovery.HUMAN,
        before=_holds_data_of_the_future, after=_by_force, second=True, advice="--force",
    ),
)  # fmt: skip


# --- Several runs --------------------------------------------------------------------------------------------------


def _run_twice(world: World, run_id: str) -> None:
    ended = world.wait(world.trigger())
    if ended != "success":
        raise AssertionError(f"the other run ended as {ended}")


def _another_export(world: World) -> None:
    world.another_export(f"{world.name}-too")


def _run_of_the_other(world: World, run_id: str) -> None:
    name = f"{world.name}-too"
    ended = world.wait(world.trigger(name), name)
    if ended != "success":
        raise AssertionError(f"the run of the other export ended as {ended}")


def _backfill(world: World, run_id: str) -> None:
    """Backfill ten days, and trigger the daily run in the middle."""
    world.wait(run_id)
    world.until(lambda: _start_backfill(world), "a backfill", seconds=900)
    runs = world.until(lambda: _runs(world, "backfill", 10), "ten days", seconds=120)
    world.until(lambda: _runs(world, "backfill", 2, ended=True), "two days", seconds=300)
    daily = world.trigger()  # as the scheduler does when the day is over
    states = [world.wait(name, seconds=1800) for name in (*runs, daily)]
    if set(states) != {"success"}:
        raise AssertionError(f"the runs ended as {states}")
    world.expect_skips(runs[0])


def _start_backfill(world: World) -> bool:
    """Try to start the backfill of ten days; SQLite cannot start it while another process writes."""
    try:
        world.airflow.api.post("/backfills", _ten_days(world.name))
    except RuntimeError as error:
        if "locked" not in str(error):
            raise
        return False
    return True


def _ten_days(dag_id: str) -> dict[str, Any]:
    return {
        "dag_id": dag_id, "from_date": "2026-11-01T00:00:00Z", "to_date": "2026-11-10T00:00:00Z",
        "max_active_runs": 1, "reprocess_behavior": "none", "dag_run_conf": {}, "run_backwards": False,
    }  # fmt: skip


def _runs(world: World, kind: str, at_least: int, *, ended: bool = False) -> list[str]:
    """Return the runs of a kind; empty while there are too few."""
    runs = world.airflow.api.get(f"/dags/{world.name}/dagRuns", limit=100)["dag_runs"]
    found = [r for r in runs if r["run_type"] == kind and (not ended or r["state"] in {"success", "failed"})]
    time.sleep(0.5)
    in_order = sorted(found, key=lambda run: str(run["logical_date"]))
    return [run["dag_run_id"] for run in in_order] if len(found) >= at_least else []


_RUNS: Final = (
    Row(
        "two-runs", "two runs are started in the same second", "the whole run", Recovery.ITSELF,
        during=_run_twice,
    ),
    Row(
        "two-exports", "two exports to the same audiences are started in the same second", "the whole run",
        Recovery.ITSELF, before=_another_export, during=_run_of_the_other, keys={"adopt": True}, patience=900,
    ),
    Row(
        "backfill", "a backfill of ten days while the daily run becomes due", "the whole run", Recovery.ITSELF,
        during=_backfill, keys={"schedule": "@daily"}, patience=1800,
        alone=True,  # Airflow on SQLite may end its scheduler when others run (observed: ObjectDeletedError, 3.3.2)
    ),
)  # fmt: skip

ROWS: Final = (*_JUMPS, *_AHEAD, *_RUNS)
