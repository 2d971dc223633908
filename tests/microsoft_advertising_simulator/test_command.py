"""Start, stop, and the state after the simulator was killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from microsoft_advertising_simulator.command import main
from microsoft_advertising_simulator.model import Account
from tests.microsoft_advertising_simulator.api import (
    ROOT,
    Api,
    Simulator,
    bulk_csv,
    hexes,
    item_row,
    list_row,
)
from tests.microsoft_advertising_simulator.conftest import Start


def test_ready_line_contains_a_working_account(api: Api) -> None:
    ready = api.ready
    assert set(ready) == {
        "base_url", "developer_token", "client_id", "client_secret", "refresh_token", "customer_id",
        "account_id", "public_client_id",
    }  # fmt: skip
    assert ready["base_url"].startswith("http://127.0.0.1:")
    assert ready["customer_id"].isdigit()
    assert ready["account_id"].isdigit()
    assert api.create("In the predefined account")


def test_ends_cleanly_on_ctrl_c(start: Start) -> None:
    """The fixture stops the shared simulator with SIGTERM, and checks that."""
    assert start().end(signal.SIGINT) == (0, "", "")


@pytest.mark.system
def test_same_folder_keeps_account_tokens_lists_and_clock(start: Start) -> None:
    first = start()
    audience = first.api.create("Kept")
    first.api.apply(audience, "Add", hexes(range(5)))
    first.api.control("clock", {"advance_seconds": 500})
    token = first.api.token
    first.api.control("tokens", {"revoke_refresh": True})
    first.end()
    second = start()
    changed = {key for key, value in first.ready.items() if second.ready[key] != value}
    assert changed == {"base_url", "refresh_token"}  # the ready line names a token that works
    second.api.token = token
    assert second.api.create("Another") != audience
    assert second.api.members(audience) == hexes(range(5))
    assert second.api.control("clock")["ahead_seconds"] == 500


@pytest.mark.behaviour("kept.accepted-file")
@pytest.mark.system
@pytest.mark.faults
def test_accepted_file_survives_kill_9(start: Start) -> None:
    first = start()
    first.api.control("settings", {"processing_seconds": 3600})
    audience = first.api.create("Survivor")
    request_id, url = first.api.request_url()
    content = bulk_csv(
        list_row(Id=audience, Action_Type="Add"), *(item_row(audience, text) for text in hexes(range(50)))
    )
    assert first.api.post_file(url, content).status_code == 200
    first.end(signal.SIGKILL)
    (first.data / "results" / f"{request_id}.0.staged").write_bytes(b"torn")  # as a crash may leave it

    second = start()
    assert second.api.status(request_id)["RequestStatus"] in ("FileUploaded", "InProgress")
    assert second.api.members(audience) == []
    second.api.control("clock", {"processing_seconds": 0, "queue_seconds": 0})
    assert second.api.finished(request_id)["RequestStatus"] == "Completed"
    assert second.api.members(audience) == hexes(range(50))


@pytest.mark.behaviour("kept.resumed")
@pytest.mark.system
def test_stopped_while_processing_it_resumes_at_the_next_start(start: Start) -> None:
    first = start()
    first.api.control("clock", {"queue_seconds": 0, "processing_seconds": 0})
    audience = first.api.create("Interrupted")
    members = hexes(range(400_000))  # a second's work: time enough to stop it in the middle
    rows = [list_row(Id=audience, Action_Type="Add"), *(item_row(audience, text) for text in members)]
    request_id, url = first.api.request_url("ErrorsAndResults")
    assert first.api.post_file(url, bulk_csv(*rows)).status_code == 200
    while first.api.status(request_id)["PercentComplete"] <= 10:
        pass
    first.api.control("clock", {"processing_seconds": 3600})  # hold the next start's work
    assert first.end(signal.SIGTERM) == (0, "", "")
    second = start()
    assert second.api.members(audience) == []  # otherwise it was not interrupted
    second.api.control("clock", {"processing_seconds": 0})
    assert second.api.finished(request_id)["RequestStatus"] == "Completed"
    assert second.api.members(audience) == members


@pytest.mark.behaviour("kept.resumed", "items.at-once")
@pytest.mark.system
@pytest.mark.faults
def test_kill_9_while_processing_leaves_no_partial_change(start: Start) -> None:
    """Killed at several points: the set is the old or the new one, and the file is processed again."""
    simulator = start()
    audience = simulator.api.create("Torn?")
    simulator.api.apply(audience, "Add", hexes(range(-10, 0)))
    old, new = hexes(range(-10, 0)), hexes(range(60_000))
    content = bulk_csv(
        list_row(Id=audience, Action_Type="Replace"), *(item_row(audience, text) for text in new)
    )
    simulator.api.control("clock", {"queue_seconds": 0, "processing_seconds": 0.05})
    request_id, url = simulator.api.request_url()
    assert simulator.api.post_file(url, content).status_code == 200
    for delay in (0.05, 0.15):
        time.sleep(delay)
        simulator.end(signal.SIGKILL)
        simulator = start()
        assert simulator.api.members(audience) in (old, new)
    assert simulator.api.finished(request_id)["RequestStatus"] == "Completed"
    assert simulator.api.members(audience) == new
    left = sorted(path.name for path in simulator.data.rglob("*") if path.is_file())
    assert not [name for name in left if name.endswith((".staged", ".partial", ".received", ".csv"))]
    assert sum(name.endswith(".digests") for name in left) == 1


def test_a_second_simulator_on_the_same_folder_is_refused(
    start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    first = start()
    assert main(["--data", str(first.data)]) == 2
    assert "Another simulator is using the data folder" in capsys.readouterr().err


@pytest.mark.system
def test_a_taken_port_is_named(shared: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    port = httpx.URL(shared.ready["base_url"]).port
    assert main(["--data", str(tmp_path / "other"), "--port", str(port)]) == 2
    assert f"cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err


def test_a_file_as_data_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("x")
    assert main(["--data", str(tmp_path / "file")]) == 2
    assert "cannot use its data folder" in capsys.readouterr().err


@pytest.mark.behaviour("limits.rows", "limits.parallel")
def test_sandbox_has_its_own_token_and_limits(start: Start) -> None:
    simulator = start("--sandbox")
    assert simulator.ready["developer_token"] == "BBD37VB98"
    simulator.api.control("clock", {"queue_seconds": 0, "processing_seconds": 0})
    rows = [list_row(Id="-1", Audience="Big", Scope="Customer"), *(item_row("-1", t) for t in ["x"] * 20_000)]
    assert simulator.api.upload(bulk_csv(*rows))["RequestStatus"] == "UploadFileRowCountExceeded"
    assert simulator.api.upload(bulk_csv(*rows[:-1]))["RequestStatus"] == "CompletedWithErrors"
    simulator.api.control("clock", {"processing_seconds": 3600})
    codes = [simulator.api.post_file(simulator.api.request_url()[1], bulk_csv()).json() for _ in range(2)]
    assert [answer.get("Code") for answer in codes] == [None, 3227]  # one upload at a time


@pytest.mark.system
def test_serve_is_importable_and_prints_the_ready_line(tmp_path: Path) -> None:
    """The console script calls `serve(port, data)`."""
    imports = "from pathlib import Path; from microsoft_advertising_simulator.command import serve"
    code = f"{imports}; serve(0, Path({str(tmp_path)!r}))"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert '"base_url"' in process.stdout.readline()
    finally:
        process.terminate()
        assert process.wait(timeout=20) == 0


def test_repr_of_the_account_shows_no_secret() -> None:
    account = Account("dev-secret", "client", "top-secret", "1", "2", "3")
    assert "secret" not in repr(account)
