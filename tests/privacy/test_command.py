"""What `customer-match run` leaves behind, for every shape of the sample lakes and every broken table."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from customer_match_demo.stack import account_connection, airflow_environment
from customer_match_sample_lake.registry import SHAPES
from tests.microsoft_advertising_simulator.api import Simulator
from tests.privacy.lake import ENCRYPTED, FAULTY, CanaryLake, write_lake
from tests.privacy.leftovers import leftovers

pytestmark = pytest.mark.slow

COMMANDS = """
import sys
from airflow_microsoft_advertising.cli.main import main
for export in sys.argv[1:]:
    for command in (["validate", export, "--tables"], ["run", export], ["report", export]):
        print("$", *command, flush=True)
        sys.argv[1:] = command
        try:
            main()
        except SystemExit as end:
            print("ended with", end.code, flush=True)
"""
"""One process for all of them: starting it takes longer than most of its runs."""

KEY = "5eed" * 16

MEMBERS = re.compile(r".*/(members|certain|possible|(add|remove|replace)-\d+)\.parquet(: member)?$")
"""The files that hold digests, and are to: staged members, parts, and the ledger (docs/privacy.md)."""


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CanaryLake, Path]]:
    """The lake, and a folder with the output and the temporary files of all commands."""
    folder = tmp_path_factory.mktemp("canaries")
    simulator = Simulator(folder / "simulator")
    simulator.api.control("settings", {"queue_seconds": 0, "processing_seconds": 0})
    secrets = [simulator.ready[key] for key in ("client_secret", "refresh_token", "developer_token")]
    lake = write_lake(folder / "lake", [*secrets, KEY])
    out = folder / "out"
    (out / "tmp").mkdir(parents=True)
    environment = {
        **airflow_environment(out / "airflow"),
        "CUSTOMER_MATCH_EXPORTS": str(lake.exports),
        "AIRFLOW_CONN_MICROSOFT_ADVERTISING_DEFAULT": json.dumps(account_connection(simulator.ready)),
        "AIRFLOW_VAR_CUSTOMER_MATCH_WORKSPACE_SECRET": KEY,
        "TMPDIR": str(out / "tmp"),
    }
    command = [sys.executable, "-c", COMMANDS, *SHAPES, *FAULTY, *ENCRYPTED]
    with (out / "output.txt").open("w") as output:
        subprocess.run(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, check=True, timeout=280
        )
    yield lake, out
    simulator.end()


def test_the_commands_did_their_work(left: tuple[CanaryLake, Path]) -> None:
    output = (left[1] / "output.txt").read_text()
    assert output.count("Report: ") > len(SHAPES)
    assert "Traceback" not in output


def test_no_address_no_digest_and_no_secret_is_left_behind(left: tuple[CanaryLake, Path]) -> None:
    lake, out = left
    assert lake.needles.found_in(leftovers(out)) == {}
    found = lake.needles.found_in(leftovers(lake.workspace))
    outside = {name: needles for name, needles in found.items() if not MEMBERS.match(name)}
    assert outside == {}
    assert found, "the members' digests are where they are to be, so the search sees them"


def test_no_digest_can_be_read_in_an_encrypted_workspace(left: tuple[CanaryLake, Path]) -> None:
    """One run has delivered its members, the other has failed and kept what it had staged."""
    files = leftovers(left[0].encrypted)
    members = {name for name in files if MEMBERS.match(name)}
    assert {name.split("/")[0] for name in members} == {"ledgers", "staged"}
    assert all(files[name].partition("\n")[2].startswith("CMSEAL1\n") for name in members)
    assert left[0].needles.found_in(files) == {}


def test_nothing_temporary_is_left_behind(left: tuple[CanaryLake, Path]) -> None:
    assert list((left[1] / "tmp").rglob("*")) == []
