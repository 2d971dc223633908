"""What is measured is the same work, and the results have the fields of the contract."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmarks import lake, simulator
from benchmarks.cases import DATA_PATH, JOIN
from benchmarks.joining import MISSING_EVERY, write_join
from benchmarks.measuring import Comparison, Job, measure
from benchmarks.shapes import SHAPES
from benchmarks.stages import LIBRARIES, STAGES
from benchmarks.variants import BOTH, CSV, LARGE
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
    for name, job in (("ours", DATA_PATH.ours), ("sdk", DATA_PATH.other)):
        folder = tmp_path / name
        folder.mkdir()
        job.run(table, folder)
        assert sorted(sent_members(folder)) == wanted, name


def test_both_joins_stage_the_same_members(tmp_path: Path) -> None:
    tables = write_join(tmp_path / "tables", 1_000)
    for name, job in (("ours", JOIN.ours), ("polars", JOIN.other)):
        folder = tmp_path / name
        folder.mkdir()
        job.run(tables, folder)
        assert (folder / "count").read_text() == str(400 - 400 // MISSING_EVERY)


def test_each_stage_does_its_work_and_its_limit_too(tmp_path: Path) -> None:
    for name, stage in {**STAGES, **LIBRARIES}.items():
        source = stage.prepare(tmp_path / name, 300)
        for side, job in (("ours", stage.ours), ("limit", stage.other)):
            folder = tmp_path / f"{name}-{side}"
            folder.mkdir()
            job.run(job.ready(source) if job.ready else source, folder)


def test_the_difference_of_the_stages_is_what_was_changed(tmp_path: Path) -> None:
    source = STAGES["difference"].prepare(tmp_path / "members", 500)
    STAGES["difference"].ours.run(source, tmp_path)
    parts = {path.name: pq.read_metadata(path).num_rows for path in source.rglob("*-0001.parquet")}
    assert parts == {"remove-0001.parquet": 10, "add-0001.parquet": 10}


@pytest.mark.parametrize("variant", [BOTH, CSV, LARGE], ids=lambda one: one.case)
def test_variants_of_the_data_path_do_the_same_work(variant: Comparison, tmp_path: Path) -> None:
    source = variant.prepare(tmp_path / "input", 1_000)
    sent = []
    for side, job in (("ours", variant.ours), ("other", variant.other)):
        folder = tmp_path / side
        folder.mkdir()
        job.run(source, folder)
        sent.append(set(sent_members(folder)))
    more = len(sent[0]) - len(sent[1])
    assert sent[0] >= sent[1]
    assert more == 0 if variant is CSV else more > 0
    if variant is LARGE:
        assert 4.5 < len(sent[0]) / len(sent[1]) < 5.5


@pytest.mark.parametrize("comparison", [DATA_PATH, JOIN, STAGES["write"]], ids=lambda one: one.case)
def test_a_comparison_is_measured_in_processes_of_their_own(comparison: Comparison) -> None:
    [result] = comparison(200, 1)
    assert result.keys() >= FIELDS
    assert (result["n"], result["rounds"], result["case"]) == (200, 1, comparison.case)
    for figure in ("seconds", "cpu_seconds", "baseline_seconds"):
        assert 0 <= result[figure] < 60, figure
    assert 20 < result["peak_rss_mb"] < 2_000


def _fail(_source: Path, _folder: Path) -> None:
    raise OSError("disk full")


def test_a_job_that_fails_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="_fail failed"):
        measure(Job(_fail), tmp_path, write_join)


@pytest.mark.parametrize(
    ("shape", "size", "rows"),
    [("many-files", 7, 140), ("many-columns", 30, 10_000), ("one-row-group", 300, 300)],
)
def test_both_ways_to_read_a_shape_find_the_same_rows(
    tmp_path: Path, shape: str, size: int, rows: int
) -> None:
    comparison = SHAPES[shape]
    table = comparison.prepare(tmp_path / "table", size)
    for job in (comparison.ours, comparison.other):
        job.run(table, tmp_path)
        assert (tmp_path / "count").read_text() == str(rows)


@pytest.mark.lengthy
@pytest.mark.azurite
def test_reading_a_lake_is_measured_beside_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    layouts = [
        lake.Layout(files=3, row_group=100),
        lake.Layout(2, extension="csv"),
        lake.Layout(2, 0, "csv.gz"),
        lake.Layout(2, 200, "delta"),
    ]
    monkeypatch.setattr(lake, "LAYOUTS", layouts)
    results = lake.read_lake(1_000, 1)
    assert [result["case"] for result in results] == [
        "one column from Azurite (3 files, row groups of 100)",
        "one column from Azurite (2 files, csv)",
        "one column from Azurite (2 files, csv.gz)",
        "one column from Azurite (2 files of Delta Lake, row groups of 200)",
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
    monkeypatch.setattr(simulator, "MODES", ("ErrorsOnly",))
    [result] = simulator.simulate(1_200_000, 3)
    assert result.keys() >= FIELDS
    assert (result["seconds"], result["baseline_seconds"], result["ratio"]) == (2.0, 4.0, 2.0)
