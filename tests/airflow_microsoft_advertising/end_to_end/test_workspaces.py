"""What operators do to workspaces, with real processes: restored, copied, cut short, two of them. All ends exact."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from customer_match_demo.tables import churn_tables, write_tables
from tests.airflow_microsoft_advertising.cli.test_run import TABLES, Installation
from tests.microsoft_advertising_simulator.api import Simulator

pytestmark = [pytest.mark.system, pytest.mark.lengthy, pytest.mark.faults, pytest.mark.timeout(600)]

OLDER = "The ledger is older than the audience"


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`customer-match` as a process of its own."""
    program = [sys.executable, "-c", "from airflow_microsoft_advertising.cli.main import main; main()"]
    return subprocess.run(
        [*program, *arguments], env=dict(os.environ), capture_output=True, text=True, timeout=300, check=False
    )


def segments(name: str) -> list[dict[str, Any]]:
    """What the report of a run that ended well says."""
    ended = command("run", name, "--json")
    assert ended.returncode == 0, ended.stderr
    found: list[dict[str, Any]] = json.loads(ended.stdout)["segments"]
    return found


def states(installation: Installation) -> list[Path]:
    """The states of all ledgers."""
    return sorted((installation.folder / "workspace").glob("ledgers/*/*/states/*.json"))


@pytest.fixture
def installation(tmp_path: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.setenv("CUSTOMER_MATCH_EXPORTS", str(tmp_path))
    installation = Installation(tmp_path, simulator)
    installation.export(route="apply")  # which waits for nothing
    return installation


def test_a_backup_is_put_back(installation: Installation) -> None:
    """`unchanged`, with exit status 0, would leave a hundred too many and a hundred missing."""
    workspace, backup = installation.folder / "workspace", installation.folder / "backup"
    segments(installation.name)
    shutil.copytree(workspace, backup)
    installation.write(churn_tables(TABLES, 0.2))
    segments(installation.name)
    installation.write(TABLES)
    shutil.rmtree(workspace)
    shutil.copytree(backup, workspace)

    audience = next(iter(installation.audiences.values()))
    verified = command("ledger", "verify", audience)
    assert verified.returncode == 1
    assert OLDER in verified.stdout
    assert not installation.exact

    report = segments(installation.name)
    assert installation.exact
    assert all(one["replaced"] and OLDER in one["damage"] for one in report)
    assert {one["outcome"] for one in segments(installation.name)} == {"unchanged"}
    assert command("ledger", "verify", audience).stdout.startswith("Valid. The ledger matches the audience.")


def test_two_checkouts_in_turn(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has the default workspace of its own; each run is exact, and names the other."""
    other = tmp_path / "other"
    other.mkdir()
    text = (tmp_path / f"{installation.name}.yaml").read_text().replace("/workspace", "/other/workspace")
    (other / f"{installation.name}.yaml").write_text(text)
    ids = []
    for number, folder in enumerate([tmp_path, other, tmp_path]):
        monkeypatch.setenv("CUSTOMER_MATCH_EXPORTS", str(folder))
        installation.write(TABLES if number % 2 else churn_tables(TABLES, 0.2))
        report = segments(installation.name)
        assert installation.exact
        ids.append(json.loads((folder / "workspace" / "workspace.json").read_text())["id"])
        if number:
            damage = (
                f"Another workspace (id {ids[-2]}) has written to the audience since this one (id {ids[-1]})"
            )
            assert all(one["damage"].startswith(damage) for one in report)
    assert ids[0] == ids[2] != ids[1]


def test_the_newest_states_are_lost(installation: Installation) -> None:
    segments(installation.name)
    kept = set(states(installation))
    installation.write(churn_tables(TABLES, 0.2))
    segments(installation.name)
    for path in states(installation):
        if path not in kept:
            path.unlink()
    installation.write(TABLES)
    segments(installation.name)
    assert installation.exact


def test_a_service_that_does_not_change_descriptions(installation: Installation) -> None:
    """It is said what is not noticed; differences are sent as ever."""
    installation.api.control("settings", {"updates_customer_lists": False})
    try:
        segments(installation.name)
        installation.write(churn_tables(TABLES, 0.2))
        report = segments(installation.name)
    finally:
        installation.api.control("settings", {"updates_customer_lists": True})
    assert installation.exact
    assert not any(one["replaced"] for one in report)
    assert all("would not be noticed" in one["uncovered"] for one in report)
    audience = next(iter(installation.audiences.values()))
    shown = command("ledger", "show", audience)
    assert "would not be noticed" in shown.stdout
    installation.write(TABLES)
    report = segments(installation.name)
    assert installation.exact
    assert not any(one["replaced"] or one["uncovered"] for one in report)


def test_a_second_export_on_the_same_audiences(installation: Installation, tmp_path: Path) -> None:
    """`validate` and the run reject it, from another workspace too. The first export continues normally."""
    segments(installation.name)
    text = (tmp_path / f"{installation.name}.yaml").read_text()
    (tmp_path / "second.yaml").write_text(text)
    validated = command("validate")
    assert validated.returncode == 1
    assert "second.yaml, line" in validated.stdout
    assert "each would replace the other's members" in validated.stdout
    write_tables(str(tmp_path / "others"), churn_tables(TABLES, 0.5))
    for workspace in ("workspace", "elsewhere"):
        changed = text.replace("/lake", "/others").replace("/workspace", f"/{workspace}")
        (tmp_path / "second.yaml").write_text(changed)
        ended = command("run", "second", "--json")
        assert ended.returncode == 1
        messages = [one["message"] for one in json.loads(ended.stdout)["segments"]]
        assert all("`adopt: true`" in message for message in messages)
        assert installation.exact
    assert {one["outcome"] for one in segments(installation.name)} == {"unchanged"}
