"""`customer-match validate --tables --connection`: what it finds beyond the file, and where; it writes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner, Result

from airflow_microsoft_advertising.cli.main import app
from customer_match_demo.stack import account_connection
from tests.airflow_microsoft_advertising.conftest import Connect
from tests.microsoft_advertising_simulator.api import Simulator

EXPORT = {"cid": 190000001, "aid": 180000001, "source": "lake", "segments": "all", "email": "Email"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("Gold", "Silver"):
        (tmp_path / "lake" / name).mkdir(parents=True)
        rows = pa.table({"Email": ["anna@example.org", "bob@example.org"], "Score": [1, 2]})
        pq.write_table(rows, tmp_path / "lake" / name / "part-0.parquet")
    monkeypatch.setenv("CUSTOMER_MATCH_EXPORTS", str(tmp_path / "exports"))
    (tmp_path / "exports").mkdir()
    return tmp_path


def run(folder: Path, *options: str, **keys: Any) -> Result:
    values = EXPORT | {"source": str(folder / "lake"), "workspace": str(folder / "workspace")} | keys
    (folder / "exports/autumn.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    result = CliRunner().invoke(app, ["validate", "autumn", *options])
    assert not (folder / "workspace").exists(), "it writes nothing"
    return result


@pytest.mark.system
def test_everything_is_right(folder: Path, simulator: Simulator) -> None:
    result = run(folder, "--tables", "--connection", where="Score > 1")
    assert result.exit_code == 0, result.output
    assert result.stdout == (
        "autumn.yaml: valid; it becomes the DAG autumn.\n"
        "  connection microsoft_advertising_default: signed in; account Simulated account (180000001)\n"
        "  segment 'Gold': 2 rows in 1 file, e-mail column Email\n"
        "  segment 'Silver': 2 rows in 1 file, e-mail column Email\n"
    )
    [file] = json.loads(run(folder, "--tables", "--connection", "--json").stdout)["files"]
    assert file["account"] == {"id": "180000001", "name": "Simulated account", "status": "Active"}
    assert [(one["segment"], one["profiles"], one["columns"]) for one in file["tables"]] == [
        ("Gold", 2, ["Email"]),
        ("Silver", 2, ["Email"]),
    ]


@pytest.mark.bad_input
@pytest.mark.system
def test_a_missing_agreement_to_data_privacy_is_told(
    folder: Path, simulator: Simulator, connect: Connect
) -> None:
    fields = account_connection(simulator.ready)
    connect(**fields | {"extra": fields["extra"] | {"privacy_agreed_by": "", "privacy_agreed_on": ""}})
    result = run(folder, "--connection")
    assert result.exit_code == 1
    assert result.stdout.startswith("autumn.yaml, connection: The Airflow connection")
    assert "has no agreement to data privacy" in result.stdout


@pytest.mark.bad_input
@pytest.mark.system
@pytest.mark.parametrize(
    ("ids", "place"),
    [
        ({"cid": 5}, "line 1, cid: "),
        ({"aid": 6}, "line 2, aid: "),
        ({"connection": "gone"}, "line 7, connection: There is no"),
    ],
)
def test_wrong_ids_are_told_at_their_line(
    folder: Path, simulator: Simulator, ids: dict[str, Any], place: str
) -> None:
    result = run(folder, "--connection", **ids)
    assert result.exit_code == 1
    assert result.stdout.startswith(
        f"autumn.yaml, {place}" if place else "autumn.yaml, line 7, connection: There is no"
    )


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            {"email": "Mail"},
            r"line 5, email: segments 'Gold', 'Silver': The table has no column 'Mail'. Did you mean 'Email'?",
        ),
        (
            {"where": "Skore > 1"},
            "line 7, where: segments 'Gold', 'Silver': The table has no column 'Skore'",
        ),
        (
            {"where": "Score > 'x'"},
            "line 7, where: segments 'Gold', 'Silver': `where` of the export file compares",
        ),
        (
            {"consent": {"column": "Score", "allow": ["yes"]}},
            "line 9, consent.allow: segments 'Gold', 'Silver': The column 'Score' holds numbers",
        ),
        ({"segments": ["Gold", "Sliver"]}, "segments[1]: segment 'Sliver': There is no table 'Sliver'"),
        ({"segments": "Bronze*"}, "line 4, segments: No table in"),
        (
            {"segments": [{"table": "Gold", "email": "Mail"}]},
            "segments[0].email: segment 'Gold': The table has no column 'Mail'",
        ),
        (
            {"suppress": "Objections"},
            "line 7, suppress: segments 'Gold', 'Silver': Suppression list 'Objections'",
        ),
        ({"profiles": "Customer"}, "line 7, profiles: segments 'Gold', 'Silver': Profiles 'Customer'"),
        ({"row_key": "Id"}, "line 7, row_key: segments 'Gold', 'Silver': The table has no column 'Id'"),
    ],
)
def test_wrong_tables_are_told_at_their_line(folder: Path, keys: dict[str, Any], words: str) -> None:
    result = run(folder, "--tables", **keys)
    assert result.exit_code == 1, result.output
    assert words in result.stdout
    assert run(folder, **keys).exit_code == 0, "not without the option"


@pytest.mark.bad_input
def test_a_missing_folder_and_an_empty_table(folder: Path) -> None:
    result = run(folder, "--tables", source=str(folder / "lakes"))
    assert "autumn.yaml, line 3, source: There is no folder" in result.stdout
    assert result.stdout.count("autumn.yaml") == 1
    pq.write_table(pa.table({"Email": pa.array([], pa.string())}), folder / "lake/Gold/part-0.parquet")
    result = run(folder, "--tables", "--json")
    problems = json.loads(result.stdout)["files"][0]["problems"]
    assert [problem["key"] for problem in problems] == ["segments"]
    assert "is empty" in problems[0]["message"]


def test_nothing_is_opened_for_a_file_that_is_not_valid(folder: Path) -> None:
    result = run(folder, "--tables", "--connection", typo=1)
    assert "typo: unknown key" in result.stdout
    assert "signed in" not in result.stdout
