"""Every shape of the registry, written and then read by the steps of a run: digest by digest, count by count."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from airflow_microsoft_advertising.steps import ExportRun
from include.customer_match.export_file import load_export
from include.customer_match.report import Outcome, SegmentReport
from include.sample_lake.registry import SHAPES
from include.sample_lake.samples import Samples
from include.sample_lake.shape import Sample, State
from tests.airflow_microsoft_advertising.conftest import Connect
from tests.airflow_microsoft_advertising.test_steps import hexes

PROFILES = 120


class Written:
    """A sample of one shape, and the runs of its export."""

    def __init__(self, folder: Path, shape: str) -> None:
        samples = Samples(LocalFileSystem(), str(folder), str(folder), profiles=PROFILES)
        [self.sample] = samples.write([SHAPES[shape]]).values()
        self.export = load_export(Path(samples.export_path(shape)))

    def run(self, state: State) -> ExportRun:
        end = state.date or datetime.now(UTC)
        return ExportRun(self.export, f"run-{end:%Y-%m-%d}", end, dry_run=True)


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_staged_is_what_was_written(tmp_path: Path, connect: Connect, shape: str) -> None:
    connect()
    written = Written(tmp_path, shape)
    assert written.export.name == shape
    for state in written.sample.states:
        run = written.run(state)
        segments = run.select()
        assert {segment.table for segment in segments} == set(state.segments)
        for segment in segments:
            run.validate(segment)
            found = hexes(run, run.normalise(segment).staged.members)
            assert found == {digest.hex() for digest in state.segments[segment.table].members}
            run.chunk(segment)
        for told in run.report(segments).segments:
            assert told.outcome is Outcome.DRY_RUN
            counts = state.segments[told.segment].counts()
            assert told.model_dump(include=set(counts)) == counts


@pytest.mark.parametrize("shape", SHAPES)
def test_no_segment_is_trivial(tmp_path: Path, shape: str) -> None:
    """Rows are rejected, and most of them are members: else little would be proved."""
    sample: Sample = Written(tmp_path, shape).sample
    for state in sample.states:
        for expected in state.segments.values():
            assert set(expected.counts()) <= set(SegmentReport.model_fields)
            assert expected.valid > len(expected.rejected) > 0
            assert len(expected.members) > 5
    if len(sample.states) > 2:
        assert len({state.segments["HighValue"].members for state in sample.states}) > 1


def test_what_keeps_people_out_does(tmp_path: Path) -> None:
    def only(shape: str) -> dict[str, int]:
        [state] = Written(tmp_path / shape, shape).sample.states
        return next(iter(state.segments.values())).counts()

    assert only("where")["filtered"] > 10
    assert only("parquet-partitions")["filtered"] > 5
    assert only("dataverse")["filtered"] > 0
    assert only("consent")["without_consent"] > 40
    assert only("suppression")["suppressed"] > 10
    assert only("customer-lists")["without_profile"] > 5
    assert only("emails-all")["members"] > PROFILES


def test_no_two_samples_share_an_audience(tmp_path: Path) -> None:
    """Else their runs would take each other's audience away."""
    samples = Samples(LocalFileSystem(), str(tmp_path), str(tmp_path), profiles=10)
    written = samples.write(SHAPES.values())
    audiences = [
        segment.audience
        for name, sample in written.items()
        for segment in load_export(Path(samples.export_path(name))).matches(sample.states[0].segments)
    ]
    assert len(audiences) == len(set(audiences)) > len(SHAPES)
