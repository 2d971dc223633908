"""The support matrix: which versions it installs, what it counts, and what it reports."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from customer_match.project import PROJECT
from tools import support_matrix
from tools.support_matrix import ROWS, SHOWN, Result, Row, main, pinned, report

RESULT = Result("lowest", "3.11.7", "lowest", dict.fromkeys(SHOWN, "1.0"), 1_200, 3, [], "2026-12-01")


def test_tools_are_pinned_to_the_lock() -> None:
    named = "# Tools\nApache-airflow>=3.3\n\ncelery<5.7  # why\npytest\n"
    lock = "apache-airflow==3.3.2\ncelery==5.6.1 ; python_version < '3.14'\npytest==9.1.0\nother==1\n"
    assert pinned(named, lock, without=("apache-airflow",)) == "celery==5.6.1\npytest==9.1.0\n"


def test_every_requirement_of_the_project_can_be_pinned() -> None:
    named, lock = (PROJECT / "requirements.in").read_text(), (PROJECT / "requirements.txt").read_text()
    assert "pytest==" in pinned(named, lock)


def test_all_supported_versions_of_python_have_a_row() -> None:
    classifiers = (PROJECT / "pyproject.toml").read_text()
    assert {row.python for row in ROWS} == {
        version for version in ("3.11", "3.12", "3.13", "3.14") if f"Python :: {version}" in classifiers
    }


def test_the_report_shows_what_was_run() -> None:
    failed = Result(
        "airflow-3.4", "3.12.1", "highest", dict.fromkeys(SHOWN, "2.0"), 7, 0, ["a.b::c"], "2026-12-02"
    )
    page = report([RESULT, failed])
    assert "| | `lowest` | `airflow-3.4` |\n|---|---|---|\n| Python | 3.11.7 | 3.12.1 |" in page
    assert "| tests passed | 1,200 | 7 |" in page
    assert "| failed | 0 | 1 |" in page
    assert "- `airflow-3.4`: `a.b::c`" in page
    assert "Failed:" not in report([RESULT])


def test_a_row_runs_the_fast_tests_and_keeps_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With our own environment, and a project of four tests."""
    project, folder = tmp_path / "project", tmp_path / "matrix"
    project.mkdir()
    markers = "".join(f"\n  {name}" for name in ["slow", "lock"])
    (project / "pytest.ini").write_text(f"[pytest]\nmarkers ={markers}\n")
    (project / "test_a.py").write_text(
        "import pytest\ndef test_right(): pass\ndef test_wrong(): assert False\n@pytest.mark.skip\n"
        "def test_left(): pass\n"
        "@pytest.mark.slow\ndef test_slow(): assert False\n"
    )
    monkeypatch.setattr(support_matrix, "_ROOT", project)
    monkeypatch.setattr(support_matrix, "_FOLDER", folder)
    monkeypatch.setattr(support_matrix, "_environment", lambda *_: Path(sys.executable))
    monkeypatch.setattr(support_matrix, "ROWS", (Row("here", "3", "lock"), Row("elsewhere", "3", "lock")))
    assert main(["here", "--tests", "not slow", "--workers", "0"]) == 1
    assert "here: Python 3." in capsys.readouterr().out
    (found,) = support_matrix.stored()
    assert (found.passed, found.skipped, found.failed) == (1, 1, ["test_a::test_wrong"])
    assert set(found.versions) == set(SHOWN)
    assert main(["--report"]) == 0
    assert "- `here`: `test_a::test_wrong`" in capsys.readouterr().out
    assert asdict(found)["row"] == "here"
    (project / "pytest.ini").unlink()
    with pytest.raises(SystemExit, match=r"The tests of here did not run. See .*tests\.log"):
        main(["here", "--tests", "not slow", "--workers", "0"])


@pytest.mark.bad_input
def test_an_unknown_row_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["python-2.7", "--tests", "x"])
    assert "no such row: python-2.7" in capsys.readouterr().err


def test_the_rows_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert capsys.readouterr().out.split() == [row.name for row in ROWS]


def test_the_page_is_of_this_tool() -> None:
    """`make matrix-report` writes it; without its results, only the text around the table can be compared."""
    page = (PROJECT / "docs" / "support.md").read_text(encoding="utf-8")
    parts = report([RESULT]).split("| |")
    assert page.startswith(parts[0])
    assert page.endswith(parts[-1].partition("\n\n")[2])
    names = page.split("| | ")[1].split(" |\n")[0].replace("`", "").split(" | ")
    assert set(names) <= {row.name for row in ROWS}
