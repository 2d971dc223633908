"""Faults of disks and Azure, which hold the tables and the workspace."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Final, cast

from customer_match.ledger.lease import Lease
from customer_match.ledger.store import LedgerConflict
from tests.faults.matrix.row import UPLOAD, Recovery, Row, rule
from tests.faults.storage_proxy import StorageFault
from tests.faults.storage_worlds import AzureWorld, DiskWorld
from tests.faults.world import SEGMENTS, World

__all__ = ["ROWS"]

_PATIENCE: Final = 900.0  # the SDK waits 15 s and more between its four tries
_TABLE: Final = r"lake/segments/Alpha/.*parquet"
_MEMBERS: Final = (
    r"/staged/.*/alpha-\w+/members\.parquet"  # of one segment, so that tries of others do not count
)
_PARTS: Final = r"/staged/.*/parts/.*\.parquet"
_CREATED, _INTENT, _CONFIRMED, _SETTLED = (rf"/alpha-\w+/states/{n:010d}\.json" for n in (1, 3, 4, 7))
"""The states of the first load of a ledger: the audience, the plan, sent, confirmed, sent, confirmed, settled."""
_REPORT: Final = r"/runs/.*report\.json"
_LEASE: Final = r"/alpha-\w+/leases/0000000001\.json"


_fails, _cuts, _resets, _hangs, _loses = (
    partial(StorageFault, kind) for kind in ("status", "cut", "reset", "hang", "lost")
)
_LOST: Final = "the answer is lost"


def _azure(
    name: str, failing: StorageFault, fault: str, where: str, recovery: Recovery, **values: Any
) -> Row:
    def before(world: World) -> None:
        cast("AzureWorld", world).fail_storage(replace(failing))

    return Row(
        name, f"Azure: {fault}", where, recovery,
        before=before, after=_heal, world=AzureWorld, patience=_PATIENCE, **values,
    )  # fmt: skip


def _heal(world: World) -> None:
    cast("AzureWorld", world).proxy.faults.clear()


def _everywhere(world: World) -> None:
    """Fail once in each step that uses the storage."""
    steps = [("GET", _TABLE), ("PUT", _MEMBERS), ("PUT", _PARTS), ("PUT", _INTENT), ("PUT", _SETTLED)]
    faults = [StorageFault("status", method, path, status=503) for method, path in steps]
    cast("AzureWorld", world).fail_storage(*faults)


_AZURE: Final = (
    Row(
        "azure-503", "Azure: HTTP 503, ServerBusy", "each step that uses the storage", Recovery.ITSELF,
        before=_everywhere, world=AzureWorld, patience=_PATIENCE,
    ),
    _azure("azure-500-table", _fails("GET", _TABLE, status=500), "HTTP 500", "read table", Recovery.ITSELF),
    _azure("azure-cut-table", _cuts("GET", _TABLE), "answer cut off", "read table", Recovery.ITSELF),
    _azure("azure-busy", _fails("PUT", _MEMBERS, times=4), "HTTP 503 for a minute", "members", Recovery.RETRY),
    _azure("azure-reset-part", _resets("PUT", _PARTS), "connection reset", "write parts", Recovery.ITSELF),
    _azure("azure-timeout", _hangs("PUT", _PARTS, seconds=70), "no answer for 70 s", "write parts", Recovery.ITSELF),
    _azure("azure-lost-created", _loses("PUT", _CREATED), _LOST, "ledger: created", Recovery.RETRY),
    _azure("azure-lost-intent", _loses("PUT", _INTENT), _LOST, "ledger: intent", Recovery.RETRY),
    _azure("azure-lost-done", _loses("PUT", _CONFIRMED), _LOST, "ledger: confirmed", Recovery.RETRY),
    _azure("azure-lost-settled", _loses("PUT", _SETTLED), _LOST, "ledger: settled", Recovery.RETRY),
    _azure("azure-lost-lease", _loses("PUT", _LEASE), _LOST, "lease", Recovery.ITSELF),
    _azure("azure-500-lease", _fails("PUT", _LEASE, status=500), "HTTP 500", "lease", Recovery.ITSELF),
    _azure("azure-report", _fails("PUT", _REPORT, times=4), "HTTP 503 for a minute", "report", Recovery.RETRY),
    _azure(
        "azure-403", _fails("", r"/segments/", status=403, times=-1), "access is refused", "read table",
        Recovery.HUMAN, advice="the storage account refuses access",
    ),
)  # fmt: skip


# --- Concurrent runs on the same audience
# ---------------------------------------------------------------------------------


def _held_by_another(world: World) -> None:
    """Simulate another run that died: its lease expires in a minute."""
    ledger = world.ledger("Alpha")
    other = Lease(world.workspace, ledger.folder, audience="Alpha", holder="another run")
    other.take(timedelta(seconds=60))


def _waits(world: World, run_id: str) -> None:
    world.until(lambda: world.airflow.api.task_states(world.name, run_id).get(UPLOAD), "the uploads")
    world.until(lambda: world.has_state("deferred", UPLOAD, run_id), "a wait")
    if world.state().parts:
        raise AssertionError("the run did not wait for the other one")


def _written_by_another(world: World, run_id: str) -> None:
    """Simulate another run that considered the lease expired and writes to the ledger."""
    world.until(lambda: world.state().in_flight, "the intent")

    def noticed() -> bool:
        entry = world.ledger("Alpha").load()
        if entry.state.parts:
            with suppress(LedgerConflict):
                world.ledger("Alpha").write(entry, entry.state)
        time.sleep(1)
        return bool(world.retried_tasks(run_id))

    world.until(noticed, "a conflict")


_CONFLICTS: Final = tuple(
    row
    for world, where in ((World, "local disk"), (AzureWorld, "Azure"))
    for row in (
        Row(
            f"lease-taken-{where.split()[0].lower()}", "another run holds the lease of the audience", f"lease, {where}",
            Recovery.ITSELF, before=_held_by_another, during=_waits, world=world, patience=_PATIENCE,
        ),
        Row(
            f"lease-lost-{where.split()[0].lower()}", "another run writes to the ledger; the lease is lost",
            f"upload, {where}", Recovery.RETRY, before=rule("DownloadResult", "delay", seconds=8, times=4),
            during=_written_by_another, second=True, world=world, patience=_PATIENCE,
        ),
    )
)  # fmt: skip


# --- Disks -------------------------------------------------------------------------------------------------------


def _disk(act: Callable[[DiskWorld], None]) -> Callable[[World], None]:
    return lambda world: act(cast("DiskWorld", world))


def _fill_when(moment: Callable[[World, str], Any], what: str) -> Callable[[World, str], None]:
    def during(world: World, run_id: str) -> None:
        world.until(lambda: moment(world, run_id), what)
        cast("DiskWorld", world).fill()

    return during


def _posted(world: World, _: str) -> bool:
    """Return whether an upload of the second run has arrived; the first run sent two for each segment."""
    accepted = [upload for upload in world.service.api.control("uploads") if upload["accepted"]]
    return len(accepted) > 2 * len(SEGMENTS)


_slow: Final = rule("ProcessUpload", "delay", seconds=6, times=4)
_FULL, _READ_ONLY = "the storage is full", "Read-only file system"

_DISKS: Final = (
    Row(
        "disk-full", "the workspace's disk is full", "validate", Recovery.HUMAN, second=True, world=DiskWorld,
        before=_disk(DiskWorld.fill), after=_disk(DiskWorld.free), advice=_FULL,
    ),
    Row(
        "disk-full-upload", "the workspace's disk is full", "upload, before recording", Recovery.HUMAN,
        second=True, world=DiskWorld, before=_slow, during=_fill_when(_posted, "an upload"),
        after=_disk(DiskWorld.free), advice=_FULL,
    ),
    Row(
        "read-only", "the workspace is read-only", "validate", Recovery.HUMAN, second=True, world=DiskWorld,
        before=_disk(lambda world: world.make_read_only(value=True)),
        after=_disk(lambda world: world.make_read_only(value=False)), advice=_READ_ONLY, quick=True,
    ),
)  # fmt: skip

ROWS: Final = (*_AZURE, *_CONFLICTS, *_DISKS)
