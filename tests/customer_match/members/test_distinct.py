"""Exact de-duplication in constant memory."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_match.members import distinct as module
from customer_match.members.digests import Digests, sorted_distinct
from customer_match.members.distinct import DistinctMembers, Spilling
from customer_match.project import PROJECT

# Few distinct values, so that digests repeat and prefixes tie.
DIGEST = st.builds(
    lambda head, tail: bytes([head]) + bytes(30) + bytes([tail]), st.integers(0, 255), st.integers(0, 2)
)


def array(digests: list[bytes]) -> Digests:
    return np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, 32)


def random_members(count: int, seed: int = 0) -> Digests:
    return sorted_distinct(np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8))


@pytest.fixture
def spills_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_IN_MEMORY", 3)


def distinct_of(batches: list[list[bytes]]) -> tuple[list[bytes], int]:
    with DistinctMembers() as distinct:
        for batch in batches:
            distinct.add(array(batch))
        return [row.tobytes() for part in distinct.sorted() for row in part], distinct.added


BATCHES = st.lists(st.lists(DIGEST, max_size=12), max_size=6)


@settings(max_examples=60)
@given(BATCHES)
def test_distinct_in_memory_equals_a_set(batches: list[list[bytes]]) -> None:
    flat = [digest for batch in batches for digest in batch]
    assert distinct_of(batches) == (sorted(set(flat)), len(flat))


@settings(max_examples=40)
@given(batches=BATCHES)
def test_distinct_spilled_equals_a_set(batches: list[list[bytes]]) -> None:
    flat = [digest for batch in batches for digest in batch]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_IN_MEMORY", 3)
        assert distinct_of(batches) == (sorted(set(flat)), len(flat))


@settings(max_examples=40)
@given(
    members=st.sets(DIGEST, max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=4),
    bound=st.integers(3, 99),
)
def test_sorted_rows_stay_sorted_through_the_buckets(
    members: set[bytes], cuts: list[int], bound: int
) -> None:
    ordered, ends = sorted(members), sorted(cuts)
    with pytest.MonkeyPatch.context() as patch, Spilling(digests=1) as rows:
        patch.setattr(module, "_IN_MEMORY", bound)
        for start, end in zip([0, *ends], [*ends, 40], strict=True):
            rows.add(array(ordered[start:end]))
        assert [row.tobytes() for bucket in rows.buckets() for row in bucket] == ordered


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("spills_early")
def test_spilled_digests_lie_in_a_file_without_a_name(temporary: Path) -> None:
    """Nobody else can open it, and however the process ends nothing stays behind."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    with DistinctMembers() as distinct:
        distinct.add(random_members(10))
        assert list(temporary.iterdir()) == []
        assert len(list(Path("/proc/self/fd").iterdir())) == before + 1
        assert sum(map(len, distinct.sorted())) == 10
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.usefixtures("spills_early")
def test_spilled_digests_are_gone_after_an_error(temporary: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))

    def table_breaks_off() -> None:
        with DistinctMembers() as distinct:
            distinct.add(random_members(10))
            raise RuntimeError("the table breaks off")

    with pytest.raises(RuntimeError):
        table_breaks_off()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert list(temporary.iterdir()) == []


def test_few_digests_touch_no_disk(temporary: Path) -> None:
    with DistinctMembers() as distinct:
        distinct.add(random_members(10))
        assert sum(map(len, distinct.sorted())) == 10
        assert list(temporary.iterdir()) == []


# Peak memory of a fresh process above what its imports need, in MiB.
_CHILD = """
import resource, sys
from pathlib import Path
import fsspec, numpy as np
from customer_match.members.distinct import DistinctMembers
from customer_match.members.files import read_members, write_members
from customer_match.workspace.workspace import Workspace

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

files = Workspace(fsspec.filesystem("file"), sys.argv[1])
generator = np.random.default_rng(0)
before = peak()
with DistinctMembers() as distinct:
    for _ in range(3_000_000 // 50_000):
        half = generator.integers(0, 256, (25_000, 32), dtype=np.uint8)
        distinct.add(np.concatenate([half, half]))
    reference = write_members(files, "m", distinct.sorted())
count = sum(len(array) for array in read_members(files, reference))
print(reference.count, count, peak() - before)
"""


@pytest.mark.slow
def test_three_million_digests_in_constant_memory(tmp_path: Path) -> None:
    """96 MB of digests; spilling needs three arrays of 32 MiB at once, and a few megabytes besides."""
    answer = subprocess.run(
        [sys.executable, "-c", _CHILD, str(tmp_path)],
        cwd=PROJECT, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    distinct, read_again, megabytes = answer.stdout.split()
    assert distinct == read_again == "1500000"
    assert float(megabytes) < 140
