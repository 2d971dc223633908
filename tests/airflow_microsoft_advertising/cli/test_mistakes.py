"""The ten usual mistakes, made as a new user makes them: the real command tells each before anything is read."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from customer_match_demo.stack import account_connection
from tests.microsoft_advertising_simulator.api import Simulator
from tests.terminal import COMMAND

GOOD = """\
cid: 190000001
aid: 180000001
connection: microsoft_advertising_default
schedule: "0 5 * * *"
source: lake
segments:
  - Gold
  - Silver
email: Email
retries: 0
"""

MISTAKES = {
    "a column": ("email: Email", "email: Mail", "has no column 'Mail'. Did you mean 'Email'?"),
    "a table": ("- Silver", "- Sliver", "There is no table 'Sliver' in lake", "did you mean 'Silver'?"),
    "a path": ("source: lake", "source: lakes", "There is no folder", "Correct `source` in the export file"),
    "a connection": (
        "connection: microsoft_advertising_default", "connection: ads",
        "autumn.yaml, line 3, connection: There is no Airflow connection 'ads'. Create it (`customer-match login`",
    ),
    "a cid": ("190000001", "190000002", "autumn.yaml, line 1, cid: ", "Write `cid: 190000001`"),
    "an aid": ("180000001", "180000002", "autumn.yaml, line 2, aid: ", "aid 180000001 (Simulated account)"),
    "the indentation": ("  - Gold", "    - Gold", "autumn.yaml, line 8", "Use the same indentation"),
    "a space too many": ("aid:", " aid:", "autumn.yaml, line 2: not YAML: a line that is not indented like"),
    "no quotes": ('"0 5 * * *"', "@daily", "autumn.yaml, line 4: not YAML: the value of `schedule` starts with"),
    "a tab": ("  - Gold", "\t- Gold", "autumn.yaml, line 7", "a tab, which YAML does not allow. Indent with spaces"),
    "a key": ("segments:", "segmens:", "autumn.yaml, line 6, segmens: unknown key. Did you mean `segments`?"),
    "an audience twice": (
        "- Silver", "- {table: Silver, audience: gold}",
        "autumn.yaml, line 8, segments[1].audience: has the same audience as segments[0]", "another `audience`",
    ),
    "the schedule": ("0 5 * * *", "5 Uhr", "autumn.yaml, line 4, schedule: is not a schedule", '"0 5 * * *"'),
}  # fmt: skip


DRY = {"an aid"}
"""Told by a dry run too: it signs in."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "exports").mkdir()
    for table in ("Gold", "Silver"):
        (tmp_path / "lake" / table).mkdir(parents=True)
        (tmp_path / "lake" / table / "part-0.csv").write_text("Id,Email\n1,anna@example.org\n")
    return tmp_path


@pytest.mark.bad_input
@pytest.mark.system
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_before_anything_is_read(
    folder: Path, running_simulator: Simulator, mistake: str
) -> None:
    right, wrong, *told = MISTAKES[mistake]
    assert right in GOOD
    (folder / "exports/autumn.yaml").write_text(GOOD.replace(right, wrong))
    env = {
        **os.environ,
        "CUSTOMER_MATCH_HOME": str(folder),
        "CUSTOMER_MATCH_EXPORTS": str(folder / "exports"),
        "AIRFLOW_CONN_MICROSOFT_ADVERTISING_DEFAULT": json.dumps(account_connection(running_simulator.ready)),
    }
    done = subprocess.run(
        [COMMAND, "run", "autumn", *(["--dry-run"] if mistake in DRY else [])],
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    for words in told:
        assert words in done.stdout + done.stderr
    before, _, _ = (done.stdout + done.stderr).partition(told[0])
    assert "normalise" not in before, "told before the first table is read"
    assert "Traceback" not in done.stderr
