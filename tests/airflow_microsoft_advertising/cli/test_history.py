"""`customer-match history`, `status` and `report`: what has happened, from the workspaces of the exports."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem
from typer.testing import CliRunner, Result

from airflow_microsoft_advertising.cli.main import app, main
from customer_match.errors import ConfigurationError
from customer_match.history.rows import rows_of
from customer_match.history.table import History
from customer_match.planning.sizes import Matched, size_of_audience
from customer_match.runs.folders import report_page, run_folder
from customer_match.runs.report import Outcome, RunReport, SegmentReport
from customer_match.runs.states import RunKind
from customer_match.workspace.workspace import Workspace
from tests.customer_match.history.runs import DAY, report_on
from tests.customer_match.runs.reports import a_segment
from tests.terminal import COMMAND

SIZES = size_of_audience(
    "x", "7", Matched(600, 700), members=1_000, least=300, least_for_bids=1_000, hours=48
)


class Reports:
    """Exports of which reports are written as runs do it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workspace = Workspace(LocalFileSystem(), str(folder / "workspace"))
        for name, schedule in (("autumn", "'@daily'"), ("spring", "none"), ("summer", "{asset: sales}")):
            (folder / f"{name}.yaml").write_text(
                f"cid: 1\naid: 2\nsource: {folder}/{name}\nworkspace: {folder}/workspace\nemail: Email\n"
                f"schedule: {schedule}\nsegments: [{{table: gold, audience: Gold {name}}}]\n"
            )

    def write(self, report: RunReport) -> None:
        History(self.workspace, report.export).record(rows_of(report))
        folder = run_folder(report.export, report.run_id)
        self.workspace.write_bytes(f"{folder}/report.json", report.model_dump_json().encode())
        self.workspace.write_bytes(report_page(report.export, report.run_id), b"<p>The page</p>")

    def run(self, day: int, *segments: SegmentReport, **changes: object) -> None:
        self.write(report_on(day, *segments, **({"export": "autumn", "kind": RunKind.SCHEDULED} | changes)))


def gold(members: int | None, outcome: Outcome = Outcome.DELIVERED, **changes: object) -> SegmentReport:
    return a_segment(outcome, audience="Gold", members=members, sizes=SIZES, **changes)


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reports:
    monkeypatch.setenv("CUSTOMER_MATCH_EXPORTS", str(tmp_path))
    found = Reports(tmp_path)
    silver = a_segment(audience="Silver", removed=None)
    for day in range(3):
        found.run(day, gold(1_000 + day), silver)
    failed = a_segment(Outcome.FAILED, audience="Silver", members=None, message="Too many would leave.")
    found.run(3, gold(1_003), failed)
    return found


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def lines(*arguments: str) -> list[list[str]]:
    """The words of each line of a command's output."""
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return [line.split() for line in result.output.splitlines()]


def test_history_of_an_export(reports: Reports) -> None:
    title, head, *rows, _ = lines("history", "autumn")
    assert title == ["autumn"]
    assert head == [
        "began", "kind", "result", "segments", "profiles", "rejected", "members", "added", "removed", "run",
    ]  # fmt: skip
    assert [row[-2:] for row in rows] == [["run", str(day)] for day in range(4)]
    assert rows[0][:8] == ["2026-06-01", "05:00", "scheduled", "success", "2", "/", "2", "6,000"]
    assert rows[-1][3:7] == ["partial", "1", "/", "2"]
    assert rows[-1][9] == "1,003", "unknown members are not counted"


def test_the_newest_runs_alone(reports: Reports) -> None:
    assert len(lines("history", "autumn", "-n", "2")) == 2 + 2 + 1


def test_history_of_an_audience(reports: Reports) -> None:
    _, head, *rows, _ = lines("history", "autumn", "--audience", "Gold")
    assert head[-5:] == ["removed", "matched", "match", "rate", "run"]
    assert rows[0] == [
        "2026-06-01", "05:00", "delivered", "3,000", "500", "1,000", "1,500", "20", "600", "60%", "run", "0",
    ]  # fmt: skip
    silver = call("history", "autumn", "--audience", "Silver").output
    assert silver.splitlines()[-2].split()[2:6] == ["failed", "3,000", "500", "?"]
    other = call("history", "--audience", "Gold spring")
    assert "spring: no run with the audience 'Gold spring' yet" in other.output


def test_history_as_json_has_the_columns_of_the_table(reports: Reports) -> None:
    rows = json.loads(call("history", "autumn", "-n", "1", "--json").output)
    assert [(row["audience"], row["outcome"], row["members"]) for row in rows] == [
        ("Gold", "delivered", 1_003),
        ("Silver", "failed", None),
    ]
    assert (rows[0]["match_rate"], rows[0]["started"]) == (0.6, (DAY + timedelta(days=3)).isoformat())
    only = json.loads(call("history", "autumn", "--audience", "Gold", "--json").output)
    assert [row["members"] for row in only] == [1_000, 1_001, 1_002, 1_003]


def test_status_of_all_exports(reports: Reports) -> None:
    output = call("status").output
    first, head, gold_row, silver_row, problem, *rest = output.splitlines()
    assert first.startswith("autumn: last run 2026-06-04 05:00 UTC, partial; next run 20")
    assert head.split()[:4] == ["audience", "last", "run", "outcome"]
    assert gold_row.split() == [
        "Gold", "2026-06-04", "05:00", "delivered", "3,000", "500", "1,003", "▁▃▆█", "1,500", "20", "600", "60%",
    ]  # fmt: skip
    assert silver_row.split()[3] == "failed"
    assert problem == "- Silver: Too many would leave."
    assert "spring: no run yet; runs on demand" in rest
    assert "summer: no run yet; runs when sales is refreshed" in rest


def test_status_of_a_run_without_segments(reports: Reports) -> None:
    nothing = report_on(4, export="autumn", message="No table was found.").model_copy(update={"segments": ()})
    reports.write(nothing)
    output = call("status", "autumn").output
    assert output.startswith("autumn: last run 2026-06-05 05:00 UTC, failed;")
    assert "- The whole run: No table was found." in output
    rows = json.loads(call("status", "autumn", "--json").output)
    assert [row["audience"] for row in rows] == ["Gold", "Silver", None]
    assert lines("history", "autumn", "-n", "1")[2][:8] == [
        "2026-06-05", "05:00", "unknown", "failed", "0", "/", "0", "?",
    ]  # fmt: skip
    reports.run(5, gold(7))
    assert "whole run" not in call("status", "autumn").output


def test_the_newest_report(reports: Reports) -> None:
    output = call("report", "autumn").output
    assert output.startswith("Run run 3\n\n1 of 2 segments succeeded.\n")
    assert output.splitlines()[-1] == f"Report: {reports.folder}/workspace/{report_page('autumn', 'run 3')}"


def test_a_report_as_json_and_as_a_file(reports: Reports) -> None:
    page = reports.folder / "page.html"
    result = CliRunner().invoke(app, ["report", "autumn", "--run", "run 1", "--json", "--save", str(page)])
    assert json.loads(result.stdout)["run_id"] == "run 1"
    assert "Report: " in result.stderr
    assert page.read_text() == "<p>The page</p>"


def shown_in_a_browser(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """The real command, where a script is the browser; an empty one: there is none."""
    (folder / "browser").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "browser").chmod(0o700)
    env = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    env |= {"BROWSER": f"{folder}/browser %s" if script else ""}
    command = [COMMAND, "report", "autumn", "--open"]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.slow
def test_a_report_in_a_browser(reports: Reports) -> None:
    opened = reports.folder / "opened"
    done = shown_in_a_browser(reports.folder, f'cp "${{1#file://}}" {opened}')
    assert done.returncode == 0, done.stderr
    assert opened.read_text() == "<p>The page</p>"


@pytest.mark.slow
@pytest.mark.bad_input
@pytest.mark.parametrize("script", ["", "exit 1"])
def test_no_browser(reports: Reports, script: str) -> None:
    done = shown_in_a_browser(reports.folder, script)
    assert done.returncode == 1
    assert "Report: " in done.stdout
    said, _, path = done.stderr.strip().rpartition(": ")
    assert said == "No browser could be opened here. Open the page yourself"
    assert Path(path).read_text() == "<p>The page</p>"


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("target", "why"),
    [("none/x.html", "No such file"), (".", "Is a directory"), ("autumn.yaml/x", "Not a dir")],
)
def test_a_page_that_cannot_be_saved(reports: Reports, target: str, why: str) -> None:
    path = reports.folder / target
    error = call("report", "autumn", "--save", str(path)).exception
    assert isinstance(error, ConfigurationError)
    assert str(error).startswith(f"{path} cannot be written ({why}")
    assert "Name a place that you may write to" in str(error)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["report", "spring"], "There is no run of the export 'spring'"),
        (["report", "autumn", "--run", "run 9"], "Its newest runs are: run 0, run 1, run 2, run 3."),
        (["status", "autum"], "did you mean 'autumn'?"),
        (["history", "autum"], "did you mean 'autumn'?"),
        (
            ["history", "autumn", "--audience", "Golld"],
            "There is no audience 'Golld'. Did you mean 'Gold'? Audiences of these exports: Gold, Gold autumn, Silver.",
        ),
        (["history", "--audience", "silver", "--json"], "Did you mean 'Silver'?"),
    ],
)
def test_what_is_not_there(reports: Reports, arguments: list[str], words: str) -> None:
    error = call(*arguments).exception
    assert isinstance(error, ConfigurationError)
    assert words in str(error)


def test_the_real_command(
    reports: Reports, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["customer-match", "report", "autumn", "--run", "run 9"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("There is no report of the run 'run 9' of the export 'autumn'.")
