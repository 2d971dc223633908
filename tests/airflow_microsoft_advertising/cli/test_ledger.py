"""`customer-match ledger`: figures, damage, resetting; never a hash."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsspec
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from airflow_microsoft_advertising.cli.main import app
from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook
from customer_match.errors import ConfigurationError
from customer_match.ledger.actions import Action
from customer_match.ledger.generation import Generation
from customer_match.ledger.lease import Lease
from customer_match.ledger.lookup import Ledgers
from customer_match.ledger.parts import Part, Progress, Request
from customer_match.ledger.state import Forced, Renewal, State
from customer_match.ledger.store import Ledger, ledger_folder
from customer_match.members.files import write_members
from customer_match.workspace.workspace import Workspace
from microsoft_advertising.models import Audience

pytestmark = pytest.mark.slow

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FOLDER = ledger_folder("2", "Gold")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("CUSTOMER_MATCH_EXPORTS", str(tmp_path))
    export(tmp_path, "autumn", aid=2)
    return Workspace(fsspec.filesystem("file"), str(tmp_path / "workspace"))


def export(folder: Path, name: str, *, aid: int) -> None:
    (folder / f"{name}.yaml").write_text(
        f"cid: 1\naid: {aid}\nsource: {folder}/lake\nworkspace: {folder}/workspace\n"
        "segments: [{table: gold, audience: Gold}]\nemail: Email\n"
    )


def delivered(workspace: Workspace, people: int = 3, aid: str = "2") -> Ledger:
    ledger = Ledger(workspace, ledger_folder(aid, "Gold"), "Gold")
    digests = np.arange(people, dtype=np.uint8).repeat(32).reshape(-1, 32)
    part = Part(
        action=Action.REPLACE,
        members=write_members(workspace, "staged", [digests]),
        progress=Progress.CONFIRMED,
    )
    entry = ledger.write(ledger.load(), State(audience="Gold").with_audience("81", created=False))
    ledger.settle(entry, entry.state.planned("p", (part,), NOW))
    return ledger


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["ledger", *arguments])


def test_show_prints_what_the_ledger_knows(workspace: Workspace) -> None:
    delivered(workspace)
    output = run("show", "Gold").output
    assert "Gold (id 81; export autumn)" in output
    assert "members      3\n" in output
    assert "data until   2026-01-01T00:00:00+00:00" in output
    assert "held by" not in output


def test_show_what_was_forced_and_when_all_were_sent(workspace: Workspace) -> None:
    ledger = delivered(workspace)
    assert "forced" not in run("show", "Gold").output
    assert "last full    unknown" in run("show", "Gold").output
    entry = ledger.load()
    state = entry.state.planned("q", (), NOW, forced=Forced(by="backfill 1", over=NOW + timedelta(days=9)))
    ledger.write(entry, state.model_copy(update={"renewed": Renewal(at=NOW, days=30)}))
    output = run("show", "Gold").output
    assert "forced       by the run backfill 1, over data up to 2026-01-10T00:00:00+00:00" in output
    assert "last full    2026-01-01T00:00:00+00:00" in output
    summary = json.loads(run("show", "Gold", "--json").output)
    assert summary["forced"].startswith("by the run backfill 1")


def test_show_gives_json_to_programs(workspace: Workspace) -> None:
    delivered(workspace)
    summary = json.loads(run("show", "Gold", "--json").output)
    assert (summary["members"], summary["possible"], summary["unfinished"], summary["states"]) == (3, 3, 0, 2)
    assert (summary["damage"], summary["busy"], summary["in_flight"]) == (None, None, [])


def test_show_uploads_in_progress(workspace: Workspace) -> None:
    ledger = delivered(workspace)
    entry = ledger.load()
    newcomer = write_members(workspace, "newcomer", [np.full((1, 32), 9, dtype=np.uint8)])
    request = Request(id="r-7", upload_url="https://secret.example/u", requested_at=NOW)
    part = Part(action=Action.ADD, members=newcomer, progress=Progress.SENT, request=request)
    ledger.write(entry, entry.state.planned("q", (part,), NOW))
    Lease(workspace, FOLDER, audience="Gold", holder="autumn/scheduled").take(timedelta(hours=1))
    output = run("show", "Gold").output
    assert "3 certain, 4 possible" in output
    assert "1 part; uploads in progress: r-7" in output
    assert "autumn/scheduled" in output
    assert "secret" not in output


def test_show_calls_that_may_land_late_and_keep_them_after_forget(workspace: Workspace) -> None:
    ledger = delivered(workspace)
    assert "unanswered" not in run("show", "Gold").output
    entry, until = ledger.load(), datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=9)
    newcomer = write_members(workspace, "newcomer", [np.full((1, 32), 9, dtype=np.uint8)])
    part = Part(action=Action.ADD, members=newcomer)
    planned = entry.state.planned("q", (part,), NOW).requested(0, None, lands_until=until)
    ledger.write(entry, planned)
    assert (
        f"API calls without an answer, which may take effect until {until.isoformat()}"
        in run("show", "Gold").output
    )
    assert run("forget", "Gold", "--yes").exit_code == 0
    assert [call.until for call in ledger.load().state.late] == [until]


@pytest.mark.bad_input
def test_damage_is_found_and_shown(workspace: Workspace) -> None:
    ledger = delivered(workspace)
    assert run("verify", "Gold").output.startswith("Valid. Not compared with the audience:")
    certain = ledger.load().state.settled.certain
    assert certain
    path = Path(workspace.path(certain.path))
    path.write_bytes(path.read_bytes()[:-1])
    result = run("verify", "Gold")
    assert result.exit_code == 1
    assert certain.path in result.output
    told = json.loads(run("verify", "Gold", "--json").output)
    assert (told["sound"], told["not_compared"]) == (False, "the ledger is damaged.")
    assert "members      unknown" in run("show", "Gold").output


class Service:
    """One audience, with this description."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, description: str | None) -> None:
        self.description = description
        monkeypatch.setattr(MicrosoftAdvertisingHook, "get_conn", lambda _: nullcontext(self))

    def get_audience(self, audience_id: str) -> Audience | None:
        return None if self.description is None else Audience(audience_id, "Gold", self.description)


@pytest.mark.parametrize(
    ("description", "status", "words"),
    [
        ("[customer-match-generation:0a0b0c0d-000000000001]", 0, "Valid. The ledger matches"),
        ("[customer-match-generation:0a0b0c0d-000000000002]", 1, "Another workspace (id 0a0b0c0d)"),
        ("[customer-match-generation:0a0b0c0d-000000000002]", 1, "The next run replaces the whole audience."),
        ("by hand", 1, "changed by hand"),
        (None, 1, "id 81 no longer exists. The next run creates it again"),
    ],
)
def test_the_ledger_is_compared_with_the_audience(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    description: str | None,
    status: int,
    words: str,
) -> None:
    ledger = delivered(workspace)
    entry = ledger.load()
    generation = Generation(token="0a0b0c0d-000000000001")
    ledger.write(entry, entry.state.model_copy(update={"generation": generation}))
    Service(monkeypatch, description)
    result = run("verify", "Gold")
    assert (result.exit_code, words in result.output) == (status, True), result.output
    assert json.loads(run("verify", "Gold", "--json").output)["sound"] is (status == 0)
    assert "0a0b0c0d-000000000001 (of workspace" in run("show", "Gold").output


def test_an_audience_that_shows_no_generation_is_not_covered(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = delivered(workspace)
    entry = ledger.load()
    generation = Generation(token="0a0b0c0d-000000000001", before=(None,), unwritable="It refused.")
    ledger.write(entry, entry.state.model_copy(update={"generation": generation}))
    Service(monkeypatch, "by hand")
    result = run("verify", "Gold")
    assert result.exit_code == 0
    assert "Not compared with the audience: Microsoft Advertising refused" in result.output
    assert "unprotected  Microsoft Advertising refused" in run("show", "Gold").output


@pytest.mark.bad_input
def test_a_damaged_state_is_shown_and_verified(workspace: Workspace) -> None:
    ledger = delivered(workspace)
    workspace.write_bytes(f"{FOLDER}/states/{ledger.load().number:010d}.json", b"torn")
    assert "The next run replaces the whole audience." in run("show", "Gold").output
    assert run("verify", "Gold").exit_code == 1
    assert json.loads(run("verify", "Gold", "--json").output)["damaged_history"] == [2]


def test_forget_asks_first(workspace: Workspace) -> None:
    ledger = delivered(workspace)
    before = ledger.load()
    assert CliRunner().invoke(app, ["ledger", "forget", "Gold"], input="n\n").exit_code == 1
    assert ledger.load() == before
    assert run("forget", "Gold", "--yes").exit_code == 0
    assert ledger.load().state.audience_id is None
    assert "members      unknown" in run("show", "Gold").output


def test_forget_is_rejected_while_a_run_holds_the_audience(workspace: Workspace) -> None:
    ledger = delivered(workspace)
    Lease(workspace, FOLDER, audience="Gold", holder="autumn/scheduled").take(timedelta(hours=1))
    before = ledger.load()
    result = run("forget", "Gold", "--yes")
    assert isinstance(result.exception, ConfigurationError)
    assert "autumn/scheduled" in str(result.exception)
    assert "ledger release" in str(result.exception)
    assert ledger.load() == before


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(days=3650)], ids=["right", "ten years ahead"])
@pytest.mark.parametrize("has_begun", [True, False])
def test_release_ends_the_lease_of_a_dead_run(
    workspace: Workspace, ahead: timedelta, *, has_begun: bool
) -> None:
    """Whatever its clock was, and also where it came to write nothing else."""
    if has_begun:
        delivered(workspace)
    clock = lambda: datetime.now(UTC) + ahead  # noqa: E731 (short)
    dead = Lease(workspace, FOLDER, audience="Gold", holder="autumn/scheduled", now=clock)
    dead.take(timedelta(minutes=30))
    asked = CliRunner().invoke(app, ["ledger", "release", "Gold"], input="n\n")
    assert asked.exit_code == 1
    assert "of the run autumn/scheduled on 'Gold'? Make sure that the run is dead" in asked.output
    assert dead.current() is not None
    assert (
        run("release", "Gold", "--yes").output
        == "The lease was ended. The next run of autumn starts at once.\n"
    )
    Lease(workspace, FOLDER, audience="Gold", holder="next").take(timedelta(minutes=30))


def test_release_without_a_lease(workspace: Workspace) -> None:
    delivered(workspace)
    assert run("release", "Gold").output == "No run holds the audience 'Gold'.\n"


@pytest.mark.parametrize("command", ["show", "verify", "forget", "release"])
def test_a_ledger_of_a_renamed_audience(workspace: Workspace, command: str) -> None:
    """The old ledger is no longer used."""
    ledger = delivered(workspace)
    Ledgers(workspace, "2").carry_over(ledger, Ledgers(workspace, "2").of("VIPs"), "autumn/gold")
    result = run(command, "Gold", *(["--yes"] if command in {"forget", "release"} else []))
    assert isinstance(result.exception, ConfigurationError), result.output
    assert "renamed to 'VIPs'" in str(result.exception)
    assert ledger.load().state.moved_to == "VIPs"


def test_an_audience_without_a_ledger(workspace: Workspace) -> None:
    result = run("show", "gold")
    assert isinstance(result.exception, ConfigurationError)
    assert "upper and lower case" in str(result.exception)


def test_of_several_exports_one_must_be_named(workspace: Workspace, tmp_path: Path) -> None:
    export(tmp_path, "winter", aid=3)
    delivered(workspace)
    delivered(workspace, people=5, aid="3")
    result = run("show", "Gold")
    assert isinstance(result.exception, ConfigurationError)
    assert "--export" in str(result.exception)
    assert "members      5" in run("show", "Gold", "--export", "winter").output
    assert isinstance(run("show", "Gold", "--export", "spring").exception, ConfigurationError)
