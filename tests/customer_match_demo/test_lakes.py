"""The demo's storage: the export file that it writes, and the reports that it reads."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from customer_match.export.loading import load_export
from customer_match.export.matching import segments_of
from customer_match.runs.report import Outcome, RunReport, SegmentReport
from customer_match.safe_names import slug
from customer_match.workspace.workspace import Workspace
from customer_match_demo.lakes import DEMO_EXPORT, DemoLake
from customer_match_demo.tables import demo_tables

TABLES = demo_tables(0.00001)


def test_a_local_lake_has_an_export_that_reads_it(tmp_path: Path) -> None:
    with DemoLake.open("local", tmp_path) as lake:
        assert lake.settings == {"CUSTOMER_MATCH_EXPORTS": str(tmp_path / "exports")}
        assert [path.name for path in lake.exports.iterdir()] == ["demo.yaml"]
        export = lake.export
        assert export.source.locate() == lake.root == str(tmp_path / "lake")
        assert export.workspace.locate() == lake.workspace == str(tmp_path / "workspace")


def test_all_else_of_the_export_is_as_in_the_file(tmp_path: Path) -> None:
    with DemoLake.open("local", tmp_path) as lake:
        places = {"source", "workspace"}
        assert lake.export.model_dump(exclude=places) == load_export(DEMO_EXPORT).model_dump(exclude=places)
        assert [s.table for s in segments_of(lake.export)] == [table.table for table in TABLES]


def test_keys_of_the_export_may_be_changed(tmp_path: Path) -> None:
    with DemoLake.open("local", tmp_path, {"normalisation": "both", "profiles_per_part": 7}) as lake:
        assert (lake.export.normalisation, lake.export.profiles_per_part) == ("both", 7)
    assert load_export(DEMO_EXPORT).profiles_per_part != 7


def test_tables_are_where_the_export_looks(tmp_path: Path) -> None:
    with DemoLake.open("local", tmp_path) as lake:
        lake.write(TABLES)
        for table in TABLES:
            assert list(Path(lake.path(table)).iterdir())
            assert Path(lake.path(table)).parent == Path(lake.export.source.locate())


def test_reports_are_read_from_the_workspace(tmp_path: Path) -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    report = RunReport(
        export="demo", title="Demo", run_id="by hand/1", interval_end=now, finished=now, dry_run=False, full=False,
        segments=(SegmentReport(segment="t", audience="T", outcome=Outcome.UNCHANGED),),
    )  # fmt: skip
    with DemoLake.open("local", tmp_path) as lake:
        path = f"runs/{slug(lake.export.name)}/{slug(report.run_id)}/report.json"
        Workspace(lake.filesystem, lake.workspace).write_bytes(path, report.model_dump_json().encode())
        assert lake.report(report.run_id) == report
        assert lake.read(path) == report.model_dump_json().encode()
        with pytest.raises(FileNotFoundError):
            lake.report("another run")
