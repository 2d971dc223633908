"""Samples are the same bytes on every machine, and only the tables hold personal data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from customer_match_sample_lake.lake import customers
from customer_match_sample_lake.people import Profiles
from customer_match_sample_lake.registry import SHAPES
from customer_match_sample_lake.samples import MARKER, Samples
from customer_match_sample_lake.shape import Sample, Shape, State

PROFILES = 60


def written(folder: Path, *shapes: str, url: str | None = None, **options: int) -> dict[str, bytes]:
    """Return all files of the samples, by path."""
    options = {"profiles": PROFILES, **options}
    samples = Samples(LocalFileSystem(), str(folder), url or str(folder), **options)
    samples.write([SHAPES[name] for name in shapes or SHAPES])
    return files(folder)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_segments_of_any_size_have_all_their_rows_and_repeated_addresses() -> None:
    for size in range(1, 90):
        rows = [row for batch in customers(Profiles.first(size, start=1_000)) for row in batch]
        assert len({row["CustomerId"] for row in rows}) == size
        for place in range(39, size, 40):
            before, repeated = rows[place - 1]["Email"], rows[place]["Email"]
            assert repeated == (before and f" {before} ")


@pytest.mark.slow
def test_two_writes_are_the_same_bytes(tmp_path: Path) -> None:
    first = written(tmp_path / "a", url="abfs://lake")
    assert written(tmp_path / "b", url="abfs://lake") == first
    assert {path.split("/")[1] for path in first if path.startswith("lakes/")} == set(SHAPES)
    assert written(tmp_path / "a", url="abfs://lake") == first, "over themselves"


@pytest.mark.slow
def test_samples_can_be_written_to_any_file_system(tmp_path: Path) -> None:
    memory = MemoryFileSystem()
    shapes = list(SHAPES.values())
    Samples(memory, "/sampled", "abfs://lake", "lake", PROFILES).write(shapes)
    there = {path.removeprefix("/sampled/"): memory.cat_file(path) for path in memory.find("/sampled")}
    memory.rm("/sampled", recursive=True)
    here = written(tmp_path, url="abfs://lake")
    assert {path for path in here if path.startswith("exports/")} == {
        path for path in there if path.startswith("exports/")
    }
    assert {path: content for path, content in there.items() if not path.startswith("exports/")} == {
        path: content for path, content in here.items() if not path.startswith("exports/")
    }
    export = yaml.safe_load(there["exports/cdm.yaml"])
    assert export["source"] == {"connection": "lake", "root": "abfs://lake/lakes/cdm"}
    assert export["workspace"] == {"connection": "lake", "root": "abfs://lake/workspace"}


def test_seed_and_number_of_profiles_change_the_samples(tmp_path: Path) -> None:
    usual, other = written(tmp_path / "a", "csv-gzip"), written(tmp_path / "b", "csv-gzip", seed=7)
    [table] = [path for path in usual if path.startswith("lakes/")]
    assert usual[table] != other[table]
    more = json.loads(written(tmp_path / "c", "csv-gzip", profiles=9_000)["expected.json"])
    assert more["csv-gzip"][0]["segments"]["HighValue"]["profiles"] == 9_000, "more than one batch"


def test_models_are_at_the_location_of_their_url(tmp_path: Path) -> None:
    """Then they can be read from a container or bucket of any name."""
    whole = 0
    for path, content in written(tmp_path, "cdm", "cdm-empty", "synapse-link").items():
        if path.endswith("model.json"):
            folder = Path(path).parts[2:-1]  # without lakes/<shape>/ and the document's name
            for entity in json.loads(content)["entities"]:
                for partition in entity["partitions"]:
                    assert (
                        f"/{'/'.join(folder)}/{entity['name'].replace(' ', '%20')}/" in partition["location"]
                    )
                    whole += 1
    assert whole > 6


@pytest.mark.slow
def test_no_address_and_no_hash_beside_the_tables(tmp_path: Path) -> None:
    members: set[str] = set()

    def keep(_: Shape, sample: Sample) -> None:
        for state in sample.states:
            members.update(digest.hex() for one in state.segments.values() for digest in one.members)

    samples = Samples(LocalFileSystem(), str(tmp_path), str(tmp_path), profiles=PROFILES)
    samples.write(SHAPES.values(), keep)
    beside = b"".join(content for path, content in files(tmp_path).items() if not path.startswith("lakes/"))
    assert b"@" not in beside
    text = beside.decode()
    assert len(members) > PROFILES
    assert not any(member in text for member in members)


def test_writing_again_deletes_only_old_samples(tmp_path: Path) -> None:
    written(tmp_path, "csv", "delta")
    own = {"exports/mine.yaml": b"mine", "lakes/mine/a.csv": b"Email\n", "workspace/x": b"x"}
    for path, content in own.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    again = written(tmp_path, "where")
    assert own.items() <= again.items()
    assert set(again) - set(own) == {
        MARKER,
        "expected.json",
        "exports/where.yaml",
        "lakes/where/HighValue/part-0.parquet",
    }


def test_a_partly_written_folder_is_recognised_and_rewritten(tmp_path: Path) -> None:
    def broken(_: object) -> Sample:
        raise OSError("the disk is full")

    samples = Samples(LocalFileSystem(), str(tmp_path), str(tmp_path), profiles=PROFILES)
    with pytest.raises(OSError, match="full"):
        samples.write([SHAPES["csv"], Shape("broken", "breaks", broken)])
    assert samples.is_ours()
    assert "expected.json" not in files(tmp_path)
    samples.write([SHAPES["where"]])
    assert not any("csv" in path for path in files(tmp_path))


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "marker",
    ["", "[]", "{", "null", '{"shapes": 1}', '{"shapes": ["../../etc"]}', '{"shapes": ["a/b"]}', "\xff"],
)
def test_a_foreign_marker_file_is_not_ours(tmp_path: Path, marker: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / MARKER).write_bytes(marker.encode("latin-1"))
    assert not Samples(LocalFileSystem(), str(tmp_path / "in"), "x").is_ours()


def test_shapes_have_unique_names_and_descriptions() -> None:
    for name, shape in SHAPES.items():
        assert name == shape.name
        assert "\n" not in shape.description
        assert len(shape.description) < 100
    assert len({shape.description for shape in SHAPES.values()}) == len(SHAPES) > 30


def test_figures_hold_only_dates_and_counts(tmp_path: Path) -> None:
    found = json.loads(written(tmp_path, "days", "cdm")["expected.json"])
    assert [state["date"] for state in found["days"]] == [
        f"2026-01-0{day}T00:00:00+00:00" for day in (7, 6, 5)
    ]
    assert [state["date"] for state in found["cdm"]] == [None]
    assert State({}).figures() == {"date": None, "segments": {}}
