"""`customer-match sample-lake`: what it writes, rejects and prints, and that the commands that it prints run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from airflow_microsoft_advertising.cli.main import app
from customer_match.errors import ConfigurationError
from customer_match_sample_lake.draws import SEED
from customer_match_sample_lake.registry import SHAPES

FEW = ("--profiles", "50")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["sample-lake", *arguments])


def paths(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_all_shapes_by_default(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    result = run(str(folder), *FEW)
    assert result.exit_code == 0
    assert {path.stem for path in (folder / "exports").iterdir()} == set(SHAPES)
    assert set(json.loads((folder / "expected.json").read_text())) == set(SHAPES)
    assert result.stderr.splitlines() == [f"{name}: written" for name in SHAPES]
    assert f"{len(SHAPES)} sample lakes with up to 50 profiles" in result.stdout
    validated = CliRunner().invoke(app, ["validate", str(folder / "exports")])
    assert validated.exit_code == 0, validated.output


def test_chosen_shapes_and_what_is_printed(tmp_path: Path) -> None:
    folder = tmp_path / "my lake"
    result = run(str(folder), "--shape", "days", "--shape", "csv", "--shape", "csv", "--seed", "5", *FEW)
    assert result.exit_code == 0
    exports = f"'{folder}/exports'"
    assert result.stdout.splitlines() == [
        f"2 sample lakes with up to 50 profiles per segment: {folder}/lakes",
        f"Expected counts of each segment: {folder}/expected.json",
        "",
        "Next commands:",
        f"  customer-match validate {exports}",
        f"  CUSTOMER_MATCH_EXPORTS={exports} customer-match run csv --dry-run",
        f"  CUSTOMER_MATCH_EXPORTS={exports} customer-match run days --dry-run --date 2026-01-07",
    ]
    assert {path.name for path in (folder / "lakes").iterdir()} == {"days", "csv"}
    assert json.loads((folder / "sample-lake.json").read_text()) == {
        "shapes": ["days", "csv"],
        "profiles": 50,
        "seed": 5,
    }


def test_json_is_alone_on_standard_output_and_holds_no_address(tmp_path: Path) -> None:
    result = run(str(tmp_path), "--json", "--shape", "suppression", *FEW)
    found = json.loads(result.stdout)
    assert (found["folder"], found["profiles"], found["seed"]) == (str(tmp_path), 50, SEED)
    [shape] = found["shapes"]
    assert shape["name"] == "suppression"
    assert shape["expected"] == json.loads((tmp_path / "expected.json").read_text())["suppression"]
    assert Path(shape["export"]).is_file()
    assert "@" not in result.output
    assert not re.search("[0-9a-f]{64}", result.output)


def test_listing_writes_nothing(tmp_path: Path) -> None:
    listed = run("--list")
    assert listed.exit_code == 0
    assert [line.split()[0] for line in listed.stdout.splitlines()] == list(SHAPES)
    found = json.loads(run(str(tmp_path / "new"), "--list", "--json", "--shape", "cdm").stdout)
    assert found == {"shapes": [{"name": "cdm", "description": SHAPES["cdm"].description}]}
    assert not (tmp_path / "new").exists()


def test_a_folder_of_an_earlier_run_is_written_again(tmp_path: Path) -> None:
    assert run(str(tmp_path), "--shape", "csv", *FEW).exit_code == 0
    assert run(str(tmp_path), "--shape", "where", *FEW).exit_code == 0
    assert not any("csv" in path for path in paths(tmp_path))


@pytest.mark.bad_input
def test_a_folder_with_other_files_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "lakes" / "csv").mkdir(parents=True)
    (tmp_path / "lakes" / "csv" / "a.csv").write_text("precious")
    (tmp_path / "mine").write_text("precious")
    before = paths(tmp_path)
    result = run(str(tmp_path), "--shape", "csv", *FEW)
    assert isinstance(result.exception, ConfigurationError)
    assert "holds files that this command did not write" in str(result.exception)
    assert "--overwrite" in str(result.exception)
    assert paths(tmp_path) == before
    assert run(str(tmp_path), "--shape", "csv", "--overwrite", *FEW).exit_code == 0
    assert (tmp_path / "mine").read_text() == "precious"
    assert "lakes/csv/a.csv" not in paths(tmp_path)


@pytest.mark.bad_input
def test_a_file_and_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    result = run(str(file), *FEW)
    assert isinstance(result.exception, ConfigurationError)
    assert "is a file. Name a folder." in str(result.exception)
    below = run(str(file / "below"), *FEW)
    assert isinstance(below.exception, ConfigurationError)
    assert "cannot be written" in str(below.exception)
    assert "Name a place that you may write to" in str(below.exception)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Name the folder"),
        (("x", "--shape", "dleta"), "Did you mean 'delta'?"),
        (("x", "--shape", "???"), "--list shows"),
        (("x", "--profiles", "3"), "--profiles"),
        (("x", "--seed", "-1"), "--seed"),
    ],
)
def test_what_is_not_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.system
@pytest.mark.timeout(180)
def test_the_printed_commands_run(tmp_path: Path, airflow_db: Path) -> None:
    """Without a connection to the service: as on a machine where nothing was set up."""
    result = run(str(tmp_path / "my lake"), "--shape", "cdm", "--shape", "days", *FEW)
    lines = [line.strip() for line in result.stdout.splitlines() if line.startswith("  ")]
    assert len(lines) == 3
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    expected = json.loads((tmp_path / "my lake" / "expected.json").read_text())
    for line in lines:
        json_too = f"{line} --json" if " run " in line else line
        done = subprocess.run(
            json_too,
            shell=True,
            env=os.environ | {"PATH": programs},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        if " run " in line:
            report = json.loads(done.stdout)
            segments = expected[report["export"]][0]["segments"]
            found = {one["segment"]: one for one in report["segments"]}
            assert set(found) == set(segments)
            for name, counts in segments.items():
                assert {key: found[name][key] for key in counts} == counts
