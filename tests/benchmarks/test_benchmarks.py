"""What is measured is the same work, and the results have the fields of the contract."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import lake, simulator
from benchmarks import measuring as bench
from benchmarks.cases import JOBS
from benchmarks.joining import MISSING_EVERY, write_join
from benchmarks.measuring import Measured
from customer_match_demo.expected import expected
from customer_match_demo.tables import DemoTable, write_table
from customer_match_sample_lake.people import Profiles

pytestmark = pytest.mark.system  # processes of their own

FIELDS = {"case", "n", "seconds", "cpu_seconds", "peak_rss_mb", "baseline", "baseline_seconds", "ratio"}


def sent_members(folder: Path) -> list[str]:
    """The digests in all upload files of a folder."""
    members: list[str] = []
    for path in sorted(folder.glob("*.zip")):
        with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as file:
            rows = csv.DictReader(io.TextIOWrapper(file, "utf-8-sig"))
            members += [row["Text"] for row in rows if row["Type"] == "Customer List Item"]
    return members


def test_both_jobs_send_the_members_that_the_reference_names(tmp_path: Path) -> None:
    table = Path(write_table(str(tmp_path / "t"), DemoTable("t", Profiles.first(3_000), files=2)))
    wanted = expected(str(table)).members
    for name in ("engine", "sdk"):
        folder = tmp_path / name
        folder.mkdir()
        JOBS[name](table, folder)
        assert sorted(sent_members(folder)) == wanted, name


def test_both_joins_stage_the_same_members(tmp_path: Path) -> None:
    tables = write_join(tmp_path / "tables", 1_000)
    for name in ("join", "join in memory"):
        folder = tmp_path / name
        folder.mkdir()
        JOBS[name](tables, folder)
        assert (folder / "count").read_text() == str(400 - 400 // MISSING_EVERY)


def test_a_join_is_measured(tmp_path: Path) -> None:
    result = bench.compare_join(1_000, tmp_path)
    assert result.keys() >= FIELDS
    assert (result["n"], result["case"]) == (
        1_000,
        "join 400 memberships with profiles, and stage the members",
    )


def test_a_job_is_measured_in_a_process_of_its_own(tmp_path: Path) -> None:
    table = Path(write_table(str(tmp_path / "t"), DemoTable("t", Profiles.first(50))))
    measured = bench.measure("engine", table)
    assert 0 < measured.seconds < 60
    assert 0 < measured.cpu_seconds < 60
    assert 20 < measured.peak_rss_mb < 2_000


def test_medians_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    rounds = {"engine": iter([1.0, 9.0, 2.0]), "sdk": iter([30.0, 20.0, 10.0])}

    def measure(job: str, table: Path) -> Measured:
        asked.append(job)
        seconds = next(rounds[job])
        return Measured(seconds=seconds, cpu_seconds=2 * seconds, peak_rss_mb=100 * seconds)

    monkeypatch.setattr(bench, "measure", measure)
    result = bench.compare(20, tmp_path)
    assert asked == ["engine", "sdk"] * 3  # in turns, so that both meet the same noise
    assert result.keys() >= FIELDS
    assert (result["n"], result["seconds"], result["cpu_seconds"], result["peak_rss_mb"]) == (
        20,
        2.0,
        4.0,
        200.0,
    )
    assert (result["baseline_seconds"], result["baseline_cpu_seconds"], result["ratio"]) == (20.0, 40.0, 10.0)


@pytest.mark.parametrize(
    ("arguments", "sizes"), [([], [500_000]), (["--full"], [500_000, 4_000_000])], ids=["usual", "full"]
)
def test_results_are_written_as_a_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sizes: list[int]
) -> None:
    (tmp_path / ".bench").mkdir()
    monkeypatch.setattr(command, "PROJECT", tmp_path)
    monkeypatch.setattr("sys.argv", ["benchmarks", *arguments])
    result = dict.fromkeys(FIELDS | {"baseline_cpu_seconds"}, 1)
    monkeypatch.setattr(command, "compare", lambda size, folder: result | {"n": size})
    monkeypatch.setattr(command, "simulate", lambda size, mode: result | {"n": size, "case": mode})
    monkeypatch.setattr(command, "read_lake", lambda size: [result | {"n": size, "case": "lake"}])
    monkeypatch.setattr(command, "compare_join", lambda size, folder: result | {"n": size, "case": "join"})
    command.main()
    written = json.loads((tmp_path / ".bench" / "results.json").read_text())
    assert [case["n"] for case in written if case["case"] == 1] == sizes
    assert [case["n"] for case in written if case["case"] == "lake"] == [500_000]
    assert [case["n"] for case in written if case["case"] == "join"] == ([10_000_000] if arguments else [])
    simulated = [(case["n"], case["case"]) for case in written if case["case"] not in (1, "lake", "join")]
    assert simulated == [(size, mode) for size in sizes for mode in ("ErrorsOnly", "ErrorsAndResults")]
    assert all(case.keys() >= FIELDS for case in written)


@pytest.mark.azurite
def test_reading_a_lake_is_measured_beside_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake, "ROUNDS", 1)
    layouts = [
        lake.Layout(files=3, row_group=100),
        lake.Layout(2, extension="csv"),
        lake.Layout(2, 0, "csv.gz"),
    ]
    monkeypatch.setattr(lake, "LAYOUTS", layouts)
    results = lake.read_lake(1_000)
    assert [result["case"] for result in results] == [
        "one column from Azurite (3 files, row groups of 100)",
        "one column from Azurite (2 files, csv)",
        "one column from Azurite (2 files, csv.gz)",
    ]
    for result in results:
        assert result.keys() >= FIELDS | {"baseline_cpu_seconds"}
        assert result["n"] == 1_000
        for name in ("seconds", "baseline_seconds"):
            assert 0 < float(str(result[name])) < 60, name


def test_the_simulator_is_measured_with_a_file_of_so_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = simulator.measure_simulator(30_000, "ErrorsAndResults")
    assert 0 < measured.seconds < 60
    assert 0 < measured.cpu_seconds < 60
    assert 50 < measured.peak_rss_mb < 2_000
    rounds = iter(simulator.Measured(seconds, 1, 100) for seconds in (4.0, 1.0, 2.0))
    monkeypatch.setattr(simulator, "measure_simulator", lambda size, mode: next(rounds))
    result = simulator.simulate(1_200_000, mode="ErrorsOnly")
    assert result.keys() >= FIELDS
    assert (result["seconds"], result["baseline_seconds"], result["ratio"]) == (2.0, 4.0, 2.0)
