"""Changes by users to audiences, the workspace, and export files."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from customer_match.ledger.lease import Lease
from customer_match.safe_names import slug
from tests.faults.matrix.row import UPLOAD, Recovery, Row
from tests.faults.world import SEGMENTS, FaultNotInjected, World

__all__ = ["ROWS"]

FIRST: Final = SEGMENTS[0]


# --- At Microsoft Advertising ------------------------------------------------------------------------------------


def _delete_list(world: World) -> None:
    world.deleted_by_hand += 1
    world.service.api.campaign("Audiences", {"AudienceIds": [world.audience_id()]}, "DELETE")


def _rename_list(world: World) -> None:
    answer = world.service.api.campaign(
        "Audiences",
        {"Audiences": [{"Type": "CustomerList", "Id": world.audience_id(), "Name": "By hand"}]},
        "PUT",
    )
    assert answer.json()["PartialErrors"] == []


def _create_list(world: World) -> None:
    """Create a user's own list, with the segment's name and without our mark."""
    world.service.api.create(FIRST)


def _create_list_again(world: World) -> None:
    _delete_list(world)
    _create_list(world)


_LISTS: Final = (
    Row(
        "deleted", "an audience is deleted manually", "between runs", Recovery.ITSELF,
        before=_delete_list, second=True,
    ),
    Row(
        "renamed", "an audience is renamed manually", "between runs", Recovery.ITSELF,
        before=_rename_list, second=True,
    ),
    Row(
        "foreign", "another user's list has the segment's name", "before the first run", Recovery.HUMAN,
        before=_create_list, after=_delete_list, advice="adopt",
    ),
    Row(
        "created-again", "an audience is deleted and created again manually", "between runs", Recovery.HUMAN,
        before=_create_list_again, after=_delete_list, second=True, advice="adopt",
    ),
    Row(
        "adopted", "an audience is deleted and created again manually; `adopt: true`", "between runs", Recovery.ITSELF,
        before=_create_list_again, second=True, keys={"adopt": True},
    ),
)  # fmt: skip


# --- In the export file --------------------------------------------------------------------------------------------


def _with_id(audience_id: str) -> list[Any]:
    return [{"table": FIRST, "audience_id": audience_id}, *SEGMENTS[1:]]


def _write_id(world: World) -> None:
    """Pin the audience to its current list."""
    world.change_export(segments=_with_id(world.audience_id()))


def _pinned_and_deleted(world: World) -> None:
    _write_id(world)
    _delete_list(world)


def _unpin(world: World) -> None:
    world.change_export(segments=list(SEGMENTS))


_EXPORT: Final = (
    Row(
        "id-gone", "the list that `audience_id` names is deleted manually", "between runs", Recovery.HUMAN,
        before=_pinned_and_deleted, after=_unpin, second=True, advice="audience_id",
    ),
)  # fmt: skip


# --- In the workspace ----------------------------------------------------------------------------------------------


def _delete_ledger(world: World) -> None:
    shutil.rmtree(world.workspace_folder / world.ledger(FIRST).folder)


def _delete_ledgers(world: World) -> None:
    """Delete all ledgers, and the record of which audience belongs to which segment."""
    shutil.rmtree(world.workspace_folder / "ledgers")


def _damage_state(world: World) -> None:
    newest = max((world.workspace_folder / world.ledger(FIRST).folder / "states").glob("*.json"))
    text = newest.read_text()
    newest.chmod(0o600)
    newest.write_text(text[: len(text) // 2])


def _damage_bounds(world: World) -> None:
    certain = world.state().settled.certain
    assert certain
    path = world.workspace_folder / certain.path
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _delete_newest_states(world: World) -> None:
    """Run once more, then delete all ledger states of that run, as if the storage had been restored."""
    known = {segment: _states(world, segment) for segment in SEGMENTS}
    _run_once_more(world)
    for segment, before in known.items():
        for path in _states(world, segment) - before:
            path.unlink()


def _states(world: World, segment: str) -> set[Path]:
    return set((world.workspace_folder / world.ledger(segment).folder / "states").iterdir())


def _run_once_more(world: World) -> None:
    """Run successfully, with members that are in no table before or after it."""
    world.write_tables(generation=3)
    if (state := world.run()) != "success":
        raise FaultNotInjected(f"the run in between ended as {state}")
    world.write_tables(generation=1)


def _restore_workspace(world: World) -> None:
    """Restore a backup from before a further run."""
    backup = world.folder / "backup"
    shutil.copytree(world.workspace_folder, backup)
    _run_once_more(world)
    shutil.rmtree(world.workspace_folder)
    shutil.copytree(backup, world.workspace_folder)


def _run_a_copy(world: World) -> None:
    """Run a copy of the installation, including the workspace, in between."""
    copied = world.folder / "copy"
    shutil.copytree(world.workspace_folder, copied)
    _run_with(world, copied)


def _run_from_elsewhere(world: World) -> None:
    """Run another installation with the same export and its own workspace in between."""
    _run_with(world, world.folder / "elsewhere")


def _run_with(world: World, workspace: Path) -> None:
    world.change_export(workspace=str(workspace))
    _run_once_more(world)
    world.change_export(workspace=str(world.workspace_folder))


def _hold_upload(world: World) -> None:
    """Make the upload wait for a while, by a lease of another run on its audience."""
    other = Lease(world.workspace, world.ledger(FIRST).folder, audience=FIRST, holder="another run")
    other.take(timedelta(seconds=25))


def _delete_run(world: World, run_id: str) -> None:
    """Delete the run's folder while the upload waits."""
    world.until(lambda: world.state_of(run_id, UPLOAD, FIRST) == "deferred", "the wait")
    shutil.rmtree(world.workspace_folder / "runs" / slug(world.name) / slug(run_id) / slug(FIRST))


_WORKSPACE: Final = (
    Row(
        "ledger-deleted", "the ledger of an audience is deleted manually", "between runs", Recovery.ITSELF,
        before=_delete_ledger, second=True, repeats=2,  # of parts whose confirmations were deleted
    ),
    Row(
        "ledgers-deleted", "all ledgers are deleted manually", "between runs", Recovery.ITSELF,
        before=_delete_ledgers, second=True, repeats=8,  # likewise
    ),
    Row(
        "ledger-torn", "the newest state of a ledger is truncated", "between runs", Recovery.ITSELF,
        before=_damage_state, second=True,
    ),
    Row(
        "ledger-altered", "one bit of a ledger's members is changed", "between runs", Recovery.ITSELF,
        before=_damage_bounds, second=True,
    ),
    Row(
        "states-lost", "the newest states of all ledgers are lost", "between runs", Recovery.ITSELF,
        before=_delete_newest_states, second=True, repeats=8,  # of parts whose confirmations were lost
    ),
    Row(
        "workspace-restored", "an older backup of the workspace is restored", "between runs", Recovery.ITSELF,
        before=_restore_workspace, second=True, repeats=8,  # likewise
    ),
    Row(
        "workspace-copied", "a copy of the workspace is run too", "between runs", Recovery.ITSELF,
        before=_run_a_copy, second=True, repeats=8,  # of parts that only the copy recorded
    ),
    Row(
        "workspaces-in-turn", "another workspace sends to the same audiences", "between runs", Recovery.ITSELF,
        before=_run_from_elsewhere, second=True, repeats=8,  # likewise
    ),
    Row(
        "run-deleted", "the folder of a segment's run is deleted manually", "between chunk and upload",
        Recovery.NEXT_RUN, before=_hold_upload, during=_delete_run, second=True, advice="Run the task `chunk`",
    ),
)  # fmt: skip

ROWS: Final = (*_LISTS, *_EXPORT, *_WORKSPACE)
