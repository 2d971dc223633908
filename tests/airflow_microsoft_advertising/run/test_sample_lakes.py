"""Every shape of the registry, written and then read by the steps of a run: digest by digest, count by count."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem

from airflow_microsoft_advertising.run.chunk import chunk_segment
from airflow_microsoft_advertising.run.export_run import ExportRun
from airflow_microsoft_advertising.run.normalise import normalise_segment
from airflow_microsoft_advertising.run.report import write_report
from airflow_microsoft_advertising.run.select import select_segments
from airflow_microsoft_advertising.run.validate import validate_segment
from customer_match.export.loading import load_export
from customer_match.export.matching import segments_of
from customer_match.export.model import Export
from customer_match.runs.report import Outcome, SegmentReport
from customer_match_sample_lake.expected import Expected
from customer_match_sample_lake.registry import SHAPES
from customer_match_sample_lake.samples import Samples
from customer_match_sample_lake.shape import Sample
from tests.airflow_microsoft_advertising.conftest import Connect
from tests.airflow_microsoft_advertising.run.small_lake import hexes

pytestmark = pytest.mark.slow

PROFILES = 120


@dataclass
class Lakes:
    """Samples of all shapes."""

    place: Samples
    samples: dict[str, Sample] = field(default_factory=dict)

    def export(self, shape: str) -> Export:
        return load_export(Path(self.place.export_path(shape)))

    def segments(self, shape: str) -> list[Expected]:
        return [one for state in self.samples[shape].states for one in state.segments.values()]


@pytest.fixture(scope="module")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> Lakes:
    folder = str(tmp_path_factory.mktemp("samples"))
    lakes = Lakes(Samples(LocalFileSystem(), folder, folder, profiles=PROFILES))
    lakes.place.write(SHAPES.values(), lambda shape, sample: lakes.samples.update({shape.name: sample}))
    return lakes


def compare(export: Export, sample: Sample) -> None:
    """Run the export for each state of the sample, but for the sending: members and counts are those expected."""
    for state in sample.states:
        end = state.date or datetime.now(UTC)
        run = ExportRun(export, f"run-{end:%Y-%m-%d}", end, dry_run=True)
        segments = select_segments(run)
        assert {segment.table for segment in segments} == set(state.segments)
        for segment in segments:
            validate_segment(run, segment)
            found = hexes(run, normalise_segment(run, segment).staged.members)
            assert found == {digest.hex() for digest in state.segments[segment.table].members}
            chunk_segment(run, segment)
        for told in write_report(run, segments).segments:
            assert told.outcome is Outcome.DRY_RUN
            counts = state.segments[told.segment].counts()
            assert told.model_dump(include=set(counts)) == counts


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_staged_is_what_was_written(lakes: Lakes, connect: Connect, shape: str) -> None:
    connect()
    export = lakes.export(shape)
    assert export.name == shape
    compare(export, lakes.samples[shape])


@pytest.mark.lengthy
@pytest.mark.azurite
@pytest.mark.slow
def test_every_shape_is_read_from_azure_storage(
    lake_container: Any, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect()
    endpoint = lake_container.endpoint
    extra = {"connection_string": endpoint.connection_string}
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps({"conn_type": "wasb", "extra": extra}))
    lake, root = lake_container.filesystem, f"{lake_container.name}/samples"
    samples: dict[str, Sample] = {}
    place = Samples(lake, root, f"{lake_container.url}/samples", "lake", profiles=50)
    for _ in range(2):  # the second time over the first
        place.write(SHAPES.values(), lambda shape, sample: samples.update({shape.name: sample}))
    for name, sample in samples.items():
        file = tmp_path / f"{name}.yaml"
        file.write_bytes(lake.cat_file(f"{root}/exports/{name}.yaml"))
        compare(load_export(file), sample)


@pytest.mark.parametrize("shape", SHAPES)
def test_no_segment_is_trivial(lakes: Lakes, shape: str) -> None:
    """Rows are rejected, and most of them are members: else little would be proved."""
    empty = [expected for expected in lakes.segments(shape) if not expected.profiles]
    assert len(empty) == (2 if shape == "cdm-empty" else 0)
    for expected in lakes.segments(shape):
        if expected in empty:
            continue
        assert set(expected.counts()) <= set(SegmentReport.model_fields)
        assert expected.valid > sum(expected.rejected.values()) > 0
        assert len(expected.members) > 5
    days = [state.segments["HighValue"] for state in lakes.samples[shape].states if state.date]
    assert len({expected.members for expected in days}) == len(days)


def test_what_keeps_people_out_does(lakes: Lakes) -> None:
    def counts(shape: str) -> dict[str, int]:
        return lakes.segments(shape)[0].counts()

    assert counts("where")["filtered"] > 10
    assert counts("parquet-partitions")["filtered"] > 5
    assert counts("delta-partitions")["filtered"] > 10
    assert counts("dataverse")["filtered"] > 0
    assert counts("consent")["without_consent"] > 40
    assert counts("suppression")["suppressed"] > 10
    assert counts("customer-lists")["without_profile"] > 5
    for shape in ("synapse-link", "synapse-link-folders", "change-data-capture"):
        assert min(counts(shape)["superseded"], counts(shape)["deleted"]) > 5
    assert counts("synapse-link")["without_consent"] > 10
    assert counts("emails-all")["members"] > PROFILES
    assert counts("csv")["duplicates"] > 0


def test_no_two_samples_share_an_audience(lakes: Lakes) -> None:
    """Else their runs would take each other's audience away."""
    audiences = [
        segment.audience
        for shape, sample in lakes.samples.items()
        for segment in segments_of(lakes.export(shape), sample.states[0].segments)
    ]
    assert len(audiences) == len(set(audiences)) > len(SHAPES)
