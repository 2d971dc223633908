"""The steps of a run over small tables, one after the other, and that nothing personal leaks."""

from __future__ import annotations

import re
from datetime import timedelta

import pyarrow as pa
import pytest
from airflow.sdk.exceptions import AirflowFailException
from fsspec.implementations.local import LocalFileSystem

from airflow_microsoft_advertising.run.chunk import chunk_segment
from airflow_microsoft_advertising.run.export_run import ExportRun
from airflow_microsoft_advertising.run.normalise import normalise_segment
from airflow_microsoft_advertising.run.report import write_report
from airflow_microsoft_advertising.run.validate import validate_segment
from customer_match.export.segments import Segment
from customer_match.runs.records import Failure, Step
from customer_match_sample_lake.delta import DeltaSample
from tests.airflow_microsoft_advertising.run.small_lake import (
    DAY,
    GOLD,
    SILVER,
    Lake,
    delivered,
    digest,
    hexes,
    prepare,
)


def test_a_segment_up_to_its_parts(lake: Lake) -> None:
    run = lake.run()
    validated = validate_segment(run, GOLD)
    assert (validated.columns, validated.profiles, validated.files) == (("Email",), 6, 1)
    assert validated.size_bytes > 0
    assert validated.modified
    staged = normalise_segment(run, GOLD).staged
    assert (staged.profiles, staged.valid, staged.duplicates, staged.members.count) == (6, 4, 1, 3)
    assert sum(staged.rejected.values()) == 2
    wanted = {digest(a) for a in ("anna@example.com", "bob@example.com", "c.lee@example.org")}
    assert hexes(run, staged.members) == wanted
    plan = chunk_segment(run, GOLD).plan
    assert plan
    assert plan.replaces
    assert hexes(run, plan.parts[0].members) == wanted


def test_no_address_and_no_digest_outside_the_staged_members(
    lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    """Reports, records, ledger states and logs; also where a failure's words quote a cell."""
    caplog.set_level("DEBUG")
    run = lake.run()
    prepare(run, GOLD)
    delivered(run, GOLD)
    run.records(SILVER).write(Failure(step=Step.VALIDATE, message="nothing personal"))
    write_report(run, [GOLD, SILVER])
    texts = {
        str(path): path.read_text() for path in lake.folder.rglob("*") if path.suffix in {".json", ".html"}
    }
    assert len(texts) > 8
    texts["the log"] = caplog.text
    hexes_of = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{64}(?![0-9A-Fa-f])")
    for place, text in texts.items():
        assert "@" not in re.sub(r"@(media|page) ", "", text), place  # rules of the page's style
        assert not hexes_of.search(text), place
        assert not [name for name in ("anna", "bob", "c.lee") if name in text.lower()], place


def test_other_runs_have_other_folders(lake: Lake) -> None:
    folders = {
        lake.run(name=name).segment_folder(s) for name in ("a b", "a-b", "a/b") for s in (GOLD, SILVER)
    }
    assert len(folders) == 6
    assert all(re.fullmatch(r"runs/[a-z0-9-]+/[a-z0-9-]+/[a-z0-9-]+", folder) for folder in folders)


@pytest.mark.parametrize("segment", [{"table": "People"}, {"table": "Renamed", "path": "People"}])
def test_a_run_reads_the_version_of_its_interval(lake: Lake, segment: dict[str, str]) -> None:
    root = str(lake.folder / "lake/People")
    table = DeltaSample(
        LocalFileSystem(), root, {"Email": pa.string()}, times=lambda version: DAY + timedelta(days=version)
    )
    table.append([{"Email": "anna@example.com"}, {"Email": "bob@example.com"}])
    table.overwrite([{"Email": "c.lee@example.org"}])

    def run(day: int) -> ExportRun:
        return lake.run(
            name=f"day-{day}", interval_end=DAY + timedelta(days=day, hours=1), segments=[segment]
        )

    chosen = Segment(audience=segment["table"], **segment)
    for day, profiles in ((1, 2), (2, 1), (30, 1)):
        record = validate_segment(run(day), chosen)
        assert (record.profiles, record.modified) == (profiles, DAY + timedelta(days=min(day, 2)))
        assert normalise_segment(run(day), chosen).staged.members.count == profiles
    with pytest.raises(AirflowFailException, match=r"starts later: with version 0 of 2026-05-01T00:00:00"):
        validate_segment(run(-1), chosen)
