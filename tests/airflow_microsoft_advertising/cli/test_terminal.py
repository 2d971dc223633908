"""The commands as a user sees them in a terminal: progress, the path of the report, Ctrl-C, narrow ones, colours."""

from __future__ import annotations

import json
import os
import re
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from customer_match_demo.stack import account_connection
from customer_match_demo.tables import demo_tables, write_tables
from tests.microsoft_advertising_simulator.api import Simulator
from tests.terminal import COMMAND, Terminal, plain

pytestmark = pytest.mark.system


@pytest.fixture
def user(tmp_path: Path, running_simulator: Simulator) -> Iterator[dict[str, str]]:
    """An environment with one export of 400 profiles, in parts of 100."""
    unique = uuid.uuid4().hex[:8]  # the simulator is the session's
    write_tables(str(tmp_path / "lake"), demo_tables(0.0008)[:1])
    [table] = (path.name for path in (tmp_path / "lake").iterdir())
    keys = {
        "cid": 190000001, "aid": 180000001, "source": str(tmp_path / "lake"), "workspace": str(tmp_path / "workspace"),
        "segments": [{"table": table, "audience": f"VIPs [{unique}]"}], "email": "Email", "route": "bulk",
        "profiles_per_part": 100, "retries": 0,
    }  # fmt: skip
    (tmp_path / "autumn.yaml").write_text(yaml.safe_dump(keys))
    yield {
        **os.environ,
        "CUSTOMER_MATCH_EXPORTS": str(tmp_path),
        "AIRFLOW_CONN_MICROSOFT_ADVERTISING_DEFAULT": json.dumps(account_connection(running_simulator.ready)),
    }
    running_simulator.api.control("faults", method="DELETE")
    settings = {"queue_seconds": 0, "processing_seconds": 0}
    running_simulator.api.control("settings", settings)


def test_rows_parts_and_the_path_of_the_report(user: dict[str, str], tmp_path: Path) -> None:
    terminal = Terminal("run", "autumn.yaml", env=user, cwd=tmp_path, columns=100)
    assert terminal.end() == 0, terminal.raw
    shown = plain(terminal.raw)
    assert re.search(r"normalise: 400 of 400 rows", shown)
    parts = sorted(set(re.findall(r"upload: part (\d) of (\d), waiting", shown)))
    assert parts == [(str(number), parts[0][1]) for number in range(1, len(parts) + 1)]
    assert int(parts[0][1]) == len(parts) >= 3
    assert "validate.py" not in shown, "no log lines between the bars"
    last = shown.strip().splitlines()[-1]
    assert last.startswith("Report: ")
    assert Path(last.removeprefix("Report: ").strip()).is_file()


def test_ctrl_c_stops_and_a_narrow_terminal_shows_everything(
    user: dict[str, str], tmp_path: Path, running_simulator: Simulator
) -> None:
    running_simulator.api.control(
        "faults", {"operation": "ProcessUpload", "kind": "delay", "seconds": 3600, "times": 9}
    )
    terminal = Terminal("run", "autumn", env=user | {"NO_COLOR": "1"}, cwd=tmp_path, columns=40)
    terminal.until("part 1 of")
    terminal.type("\x03")
    assert terminal.end() == 130
    shown = plain(terminal.raw)
    assert "Stopped. The next run continues" in shown
    assert "VIPs" in shown
    bars = [plain(line) for line in re.split(r"[\r\n]+", terminal.raw) if "━" in line]
    assert bars
    assert max(len(line.removeprefix("^C").rstrip()) for line in bars) <= 40
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", terminal.raw), "NO_COLOR"


@pytest.mark.parametrize("columns", [40, 100])
@pytest.mark.parametrize(
    "command",
    [
        "",
        "new",
        "validate",
        "run",
        "reconcile",
        "login",
        "set-up",
        "audiences",
        "sample-lake",
        "simulator",
        "ledger",
    ],
)
def test_help_fits_and_says_what_the_command_does(command: str, columns: int, user: dict[str, str]) -> None:
    terminal = Terminal(*command.split(), "--help", env=user, columns=columns)
    assert terminal.end() == 0
    shown = plain(terminal.raw)
    assert "Usage: customer-match" in shown.replace("\n ", " ")
    assert "<bool>" not in shown, "flags take no value"
    assert all(len(line.rstrip()) <= columns for line in shown.splitlines())


def test_json_stays_json_and_the_path_goes_to_standard_error(user: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [COMMAND, "run", "autumn", "--dry-run", "--json"], env=user, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["dry_run"] is True
    last = done.stderr.strip().splitlines()[-1]
    assert Path(last.removeprefix("Report: ")).is_file()


def test_the_version_and_the_completion_of_shells(user: dict[str, str]) -> None:
    def run(*arguments: str, **env: str) -> str:
        done = subprocess.run(
            [COMMAND, *arguments], env=user | env, capture_output=True, text=True, check=False
        )
        return done.stdout

    assert re.fullmatch(r"customer-match \d+\.\d+\.\d+\S*\n", run("--version"))
    # `--show-completion` prints this script for the shell that it finds among its parents; `make` uses sh.
    assert "_CUSTOMER_MATCH_COMPLETE" in run(_CUSTOMER_MATCH_COMPLETE="source_bash")
    asked = {
        "_CUSTOMER_MATCH_COMPLETE": "complete_bash",
        "COMP_WORDS": "customer-match run a",
        "COMP_CWORD": "2",
    }
    assert run(**asked).split() == ["autumn"]
