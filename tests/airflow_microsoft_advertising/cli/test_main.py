"""The console script: what it prints, how it ends, and that asking for help is quick."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from airflow_microsoft_advertising.cli import main as command_line
from airflow_microsoft_advertising.cli.main import app
from customer_match.errors import ConfigurationError

VALID = "cid: 1\naid: 2\nsource: lake\nsegments: all\nemail: Email\n"
OTHER = VALID.replace("aid: 2", "aid: 3")
SCRIPT = Path(sys.executable).parent / "customer-match"


def saved(folder: Path, content: str, name: str) -> str:
    path = folder / name
    path.write_text(content)
    return str(path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_a_valid_file_is_reported_as_valid(tmp_path: Path) -> None:
    result = run("validate", saved(tmp_path, VALID, "autumn.yaml"))
    assert result.exit_code == 0
    assert result.stdout == "autumn.yaml: valid; it becomes the DAG autumn.\n"
    assert "Only the files were checked" in result.stderr


@pytest.mark.bad_input
def test_a_broken_file_beside_a_valid_one(tmp_path: Path) -> None:
    good, bad = saved(tmp_path, VALID, "good.yaml"), saved(tmp_path, VALID + "typo: 1\n", "bad.yaml")
    result = run("validate", good, bad)
    assert result.exit_code == 1
    assert "good.yaml: valid" in result.output
    assert "bad.yaml, line 6, typo: unknown key." in result.output


@pytest.mark.bad_input
def test_a_condition_that_is_no_sql(tmp_path: Path) -> None:
    where = "where: >-\n  Country = 'DE'\n  AND LENGHT(Name) > 2\n"
    result = run("validate", saved(tmp_path, VALID + where, "autumn.yaml"))
    assert result.exit_code == 1
    assert result.output.startswith(
        "autumn.yaml, line 6, where: uses something that cannot be evaluated row by row"
    )
    assert "not supported: the function LENGHT (did you mean LENGTH?). " in result.output


def test_only_files_with_a_condition_pay_for_parsing_it(tmp_path: Path) -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from airflow_microsoft_advertising.cli.main import app;"
        "print(*[CliRunner().invoke(app, ['validate', f]).exit_code or 'sqlglot' in sys.modules for f in sys.argv[1:]])"
    )
    plain = saved(tmp_path, VALID, "plain.yaml")
    condition = saved(tmp_path, OTHER + "where: Score > 1\n", "condition.yaml")
    command = [sys.executable, "-c", code, plain, condition]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_json_has_the_same_result(tmp_path: Path) -> None:
    good, bad = saved(tmp_path, VALID, "good.yaml"), saved(tmp_path, VALID + "scop: 1\n", "bad.yaml")
    result = run("validate", "--json", good, bad)
    assert result.exit_code == 1
    assert json.loads(result.output) == {
        "valid": False,
        "files": [
            {"file": good, "name": "good", "valid": True, "problems": []},
            {
                "file": bad,
                "name": "bad",
                "valid": False,
                "problems": [{"line": 6, "key": "scop", "message": "unknown key. Did you mean `scope`?"}],
            },
        ],
    }


def test_folders_are_opened_and_each_file_is_read_once(tmp_path: Path) -> None:
    one = saved(tmp_path, VALID, "one.yaml")
    saved(tmp_path, OTHER, "two.yml")
    result = run("validate", str(tmp_path), one)
    assert result.exit_code == 0
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == ["one.yaml", "two.yml"]


def test_without_a_file_the_projects_exports_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUSTOMER_MATCH_EXPORTS", str(tmp_path))
    saved(tmp_path, VALID, "mine.yaml")
    assert "mine.yaml: valid" in run("validate").output


@pytest.mark.bad_input
def test_a_projects_folder_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOMER_MATCH_EXPORTS", str(tmp_path / "gone" / "exports"))
    with pytest.raises(ConfigurationError, match=r"gone/exports: this folder does not exist"):
        CliRunner().invoke(app, ["validate"], catch_exceptions=False)


def test_help_shows_the_names_of_variables_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = run("login", "--help").output
    assert "CUSTOMER_MATCH_CLIENT_SECRET" in shown
    assert "CUSTOMER_MATCH_DEVELOPER_TOKEN" in shown


@pytest.mark.bad_input
def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    result = run("validate", str(tmp_path / "gone.yaml"))
    assert result.exit_code == 1
    assert "gone.yaml: cannot be read (No such file or directory)." in result.output


@pytest.mark.bad_input
def test_an_error_of_ours_ends_with_its_message_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["customer-match", "validate", str(tmp_path)])
    with pytest.raises(SystemExit) as caught:
        command_line.main()
    assert caught.value.code == 1
    assert (
        capsys.readouterr()
        .err.strip()
        .endswith("this folder contains no export files (*.yaml). Name another folder.")
    )


@pytest.mark.parametrize(
    "arguments", [("validate", "--nonsense"), ("nonsense",), ("simulator", "--port", "x")]
)
def test_an_invalid_command_line_ends_with_two(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


def test_help_loads_neither_airflow_nor_the_data_path() -> None:
    code = "import sys, airflow_microsoft_advertising.cli.main; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "typer" in loaded
    assert not loaded & {"airflow", "pydantic", "polars", "pyarrow", "uvicorn", "httpx", "bingads"}


@pytest.mark.system
def test_the_installed_script_runs_the_simulator(tmp_path: Path) -> None:
    command = [str(SCRIPT), "simulator", "--data", str(tmp_path / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            answer = httpx.get(f"{ready['base_url']}/simulator/audiences", trust_env=False)
            assert answer.status_code == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=10) == 0
        finally:
            process.kill()
