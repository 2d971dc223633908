"""Names that come from the lake: an invalid one fails alone, and addresses in names are never shown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml

from customer_match.project import PROJECT
from tests.airflow_microsoft_advertising.run.test_vanished_tables import Days, days, ending, service
from tests.customer_match.storage.test_paths import KINDS, Account
from tests.microsoft_advertising_simulator.api import Simulator

__all__ = ["days", "ending", "service"]

LONG = "n" * 129
SPELLINGS = [
    *("anna@example.com", "anna%40example.com", "anna%2540example.com", "anna%EF%BC%A0example.com"),
    *("anna\uff20example.com", "anna\ufe6bexample.com", "o'anna@example.com", "anna&#64;example.com"),
    *("anna\\u0040example.com", "anna=40example.com", "anna_x0040_example.com", "anna@xn--exmple-cua.com"),
]


class Lake:
    """A folder of tables, an export of all of them, and the real command as a process."""

    def __init__(self, folder: Path, simulator: Simulator) -> None:
        self.folder, self.api = folder, simulator.api
        self.unique = uuid.uuid4().hex[:8]  # the simulator is the session's
        self.export: dict[str, Any] = {
            "cid": 190000001,
            "aid": 180000001,
            "segments": "all",
            "email": "Email",
            "route": "bulk",
            "source": str(folder / "lake"),
            "workspace": str(folder / "workspace"),
            "retries": 0,
        }

    def table(self, name: str, *below: str, text: str = "Email\nanna@example.com\nbob@example.com\n") -> None:
        folder = self.folder.joinpath("lake", name, *below)
        folder.mkdir(parents=True)
        (folder / "part-0.csv").write_text(text)

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        (self.folder / "spring.yaml").write_text(yaml.safe_dump(self.export))
        return subprocess.run(
            [Path(sys.executable).parent / "customer-match", "run", "spring", *options],
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
            env={**os.environ, "CUSTOMER_MATCH_EXPORTS": str(self.folder)},
            cwd=PROJECT,
        )

    def members(self, audience: str) -> int | None:
        found = [a for a in self.api.control("audiences") if a["name"] == audience and not a["deleted"]]
        return len(self.api.members(str(found[0]["id"]))) if found else None

    def written(self) -> str:
        """All text of the workspace, and all names in it."""
        files = [path for path in (self.folder / "workspace").rglob("*") if path.is_file()]
        texts = [path.read_text(errors="replace") for path in files if path.suffix in (".json", ".html")]
        return "\n".join([*map(str, files), *texts])


@pytest.fixture
def lake(tmp_path: Path, simulator: Simulator) -> Lake:
    return Lake(tmp_path, simulator)


@pytest.mark.system
@pytest.mark.timeout(180)
def test_invalid_names_do_not_stop_other_segments(lake: Lake) -> None:
    good = [f"Gold {lake.unique}", f"Silver# {lake.unique}"]
    accents = f"M\u00e4nner {lake.unique}"
    bad = [LONG, "a\x1b[31mb", "line\nbreak", "Twin", "twin", accents, unicodedata.normalize("NFD", accents)]
    for name in [*good, *bad, os.fsdecode(b"caf\xe9")]:
        lake.table(name)
    done = lake.run("--json")
    assert done.returncode == 1, done.stderr
    segments = {one["segment"]: one for one in json.loads(done.stdout)["segments"]}
    assert {
        name: one["outcome"] for name, one in segments.items() if one["outcome"] != "failed"
    } == dict.fromkeys(good, "delivered")
    assert [lake.members(name) for name in good] == [2, 2]
    said = {name: one["message"] for name, one in segments.items() if one["outcome"] == "failed"}
    assert set(said) == {LONG, "a\\x1b[31mb", "line\\nbreak", "Twin", "twin", accents, "caf\\udce9"}
    for name, words in {
        LONG: "longer than the 128 characters",
        "a\\x1b[31mb": "control character",
        "line\\nbreak": "control character",
        "Twin": "'Twin' and 'twin' would share one audience",
        "twin": "'Twin' and 'twin' would share one audience",
        accents: "could be M",
        "caf\\udce9": "not UTF-8",
    }.items():
        assert words in said[name], said[name]
    assert "\x1b" not in done.stdout + done.stderr
    for name in ("Twin", "twin", LONG, accents):
        assert lake.members(name) is None


@pytest.mark.system
@pytest.mark.timeout(180)
@pytest.mark.parametrize("as_json", [True, False])
def test_no_spelling_of_an_address_in_a_path_gets_out(lake: Lake, as_json: bool) -> None:
    """Below a table, as a damaged file whose path is reported; and as a separate table."""
    for number, spelled in enumerate(SPELLINGS):
        lake.table(f"Damaged-{number}-{lake.unique}", f"p={spelled}", text="Email\n")
        lake.table(f"Empty-{number}-{lake.unique}", f"p={spelled}", text="")
        lake.table(f"p={spelled}")
    lake.table(f"Gold {lake.unique}", "p=anna%40example.com")
    done = lake.run(*(["--json"] if as_json else []))
    assert done.returncode == 1
    assert lake.members(f"Gold {lake.unique}") == 2
    for text in (done.stdout, done.stderr, lake.written()):
        assert f"Gold {lake.unique}" in text or "gold-" in text
        assert "[address]" in text
        for trace in ("anna", "example", "exmple"):
            assert trace not in text.replace("examples", ""), trace
    assert f"/lake/Empty-0-{lake.unique}/[address]/part-0.csv" in done.stderr  # where it is can be read


@pytest.mark.lengthy
@pytest.mark.azurite
@pytest.mark.system
@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", KINDS)
def test_tables_in_azure_are_themselves_whatever_they_are_called(
    lake_container: Any, kind: str, tmp_path: Path
) -> None:
    """The real command, its lake and its workspace in Azure; beside each table one that it could be taken for."""
    account = Account(lake_container, kind)
    names = ["C", "C#", "C?", "a?b#c", "a#c?b", "50%41", "50A", "x[1]", "x1", "y*", "y z", "+ ;&:'"]
    for number, name in enumerate(names, 1):
        people = "".join(f"p{number}-{one}@example.org\n" for one in range(number))
        account.put(f"segments/{name}/part-0.csv", f"Email\n{people}".encode())
        account.put(f"segments/{name}/", b"")
    account.put("segments/", b"")
    if kind == "flat":
        account.put("segments/C", b"Email\nnobody@example.org\n")
    export = {
        "cid": 1,
        "aid": 2,
        "segments": "all",
        "email": "Email",
        "source": {"connection": "lake", "root": f"{lake_container.url}/segments"},
        "workspace": {"connection": "lake", "root": f"{lake_container.url}/work [1]"},
    }
    (tmp_path / "spring.yaml").write_text(yaml.safe_dump(export))
    connection = {
        "conn_type": "wasb",
        "extra": {"connection_string": lake_container.endpoint.connection_string},
    }
    done = subprocess.run(
        [Path(sys.executable).parent / "customer-match", "run", "spring", "--dry-run", "--json"],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env={
            **os.environ,
            "CUSTOMER_MATCH_EXPORTS": str(tmp_path),
            "AIRFLOW_CONN_LAKE": json.dumps(connection),
        },
        cwd=PROJECT,
    )
    segments = {one["segment"]: one for one in json.loads(done.stdout)["segments"]}
    wanted = {name: number for number, name in enumerate(names, 1)}
    if kind == "flat":
        assert "segments/C is both a file and a folder" in segments.pop("C")["message"]
        del wanted["C"]
    assert {name: one["members"] for name, one in segments.items()} == wanted, done.stderr
    assert done.returncode == (1 if kind == "flat" else 0)


@pytest.mark.slow
@pytest.mark.parametrize("bad", [["GOLD"], ["Go\u0308ld", "G\u00f6ld"], ["x" * 129], ["a\x01b"]])
def test_a_table_whose_name_got_a_fault_has_not_vanished(days: Days, ending: str, bad: list[str]) -> None:
    """Neither has any other one: what fails by its name is there."""
    days.write(*bad)
    for _ in range(3):
        report = days.run()
        assert report.vanished == ()
        assert report.failed >= 1
    assert [days.holds(name) for name in ("Gold", "Silver", "Bronze")] == [5, 5, 5], ending
