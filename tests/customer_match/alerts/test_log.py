"""The state of alerts in the workspace: of several writers, each sees what the others have announced."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from fsspec.implementations.local import LocalFileSystem

from customer_match.alerts.log import AlertLog
from customer_match.alerts.state import AlertState
from customer_match.errors import TransientError
from customer_match.export.alerts.section import Kind
from customer_match.workspace.workspace import Workspace
from tests.customer_match.alerts.runs import NOW, facts, shows
from tests.memory_storage import MemoryStorage


def test_what_was_announced_is_there_again() -> None:
    storage = MemoryStorage()
    log = AlertLog(storage, "autumn")
    assert log.load() == AlertState()
    state = log.change(lambda old: old.after(facts(), shows(Gold=Kind.FAILURE), tuple(Kind), ["mail"], NOW))
    assert AlertLog(storage, "autumn").load() == state
    assert AlertLog(storage, "winter").load() == AlertState()


def test_no_change_writes_nothing_and_old_states_are_deleted() -> None:
    storage = MemoryStorage()
    log = AlertLog(storage, "autumn")
    log.change(lambda state: state)
    assert storage.files == {}
    for number in range(20):
        log.change(lambda _, number=number: AlertState(open={f"S{number}": Kind.GUARD}))  # type: ignore[misc]
    assert len(storage.files) == 6
    assert log.load().open == {"S19": Kind.GUARD}


def test_runs_that_end_at_once_announce_a_change_once(tmp_path: Path) -> None:
    workspace, start = Workspace(LocalFileSystem(), str(tmp_path)), Barrier(8)

    def end(name: str) -> int:
        def after(state: AlertState) -> AlertState:
            judged = state.after(facts(run_id=name), shows(Gold=Kind.FAILURE), tuple(Kind), ["mail"], NOW)
            return judged.claimed(name, ["mail"], NOW)

        start.wait()
        return len(AlertLog(workspace, "autumn").change(after).claims_of(name))

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(end, "abcdefgh")) == 1


def test_a_damaged_state_starts_anew(caplog: pytest.LogCaptureFixture) -> None:
    storage = MemoryStorage()
    log = AlertLog(storage, "autumn")
    log.change(lambda _: AlertState(open={"Gold": Kind.GUARD}))
    [path] = storage.files
    storage.files[path] = b"{"
    assert log.load() == AlertState()
    assert "is damaged" in caplog.text
    log.change(lambda _: AlertState(open={"Silver": Kind.GUARD}))
    assert log.load().open == {"Silver": Kind.GUARD}


def test_writers_that_never_end_are_an_error() -> None:
    class Busy(MemoryStorage):
        def create(self, relative: str, data: bytes) -> None:
            raise FileExistsError(relative)

    with pytest.raises(TransientError, match="all the time"):
        AlertLog(Busy(), "autumn").change(lambda _: AlertState(open={"Gold": Kind.GUARD}))
