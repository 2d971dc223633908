"""Files of members and exact de-duplication, against bytes and Python's own sets."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_match.errors import TerminalError
from customer_match.members import files as module
from customer_match.members.digests import Digests, empty, sorted_distinct
from customer_match.members.files import (
    ROW_GROUP,
    DamagedMembers,
    DistinctMembers,
    MembersFile,
    read_members,
    write_members,
)
from customer_match.project import PROJECT

# Few distinct values, so that digests repeat and prefixes tie.
DIGEST = st.builds(
    lambda head, tail: bytes([head]) + bytes(30) + bytes([tail]), st.integers(0, 255), st.integers(0, 2)
)


def array(digests: list[bytes]) -> Digests:
    return np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, 32)


def random_members(count: int, seed: int = 0) -> Digests:
    return sorted_distinct(np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8))


def read(storage: Any, reference: MembersFile | None) -> Digests:
    return np.concatenate([empty(), *read_members(storage, reference)])


# --- Files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, ROW_GROUP - 1, ROW_GROUP, ROW_GROUP + 1, 3 * ROW_GROUP + 5])
def test_what_is_written_is_read(storage: Any, count: int) -> None:
    members = random_members(count)
    reference = write_members(storage, "m", [members])
    assert reference == MembersFile(path="m", count=count, checksum=reference.checksum)
    assert np.array_equal(read(storage, reference), members)


def test_arrays_of_any_size_become_row_groups_of_one_size(storage: Any) -> None:
    members = random_members(2 * ROW_GROUP + 7)
    cuts = [0, 1, 1, 50_000, 200_000, len(members)]
    slices = [members[a:b] for a, b in pairwise(cuts)]
    reference = write_members(storage, "m", slices)
    file = pq.ParquetFile(storage.open_input("m"))
    sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert sizes == [ROW_GROUP, ROW_GROUP, 7]
    assert np.array_equal(read(storage, reference), members)


def test_readers_never_hold_more_than_a_row_group(storage: Any) -> None:
    reference = write_members(storage, "m", [random_members(2 * ROW_GROUP + 7)])
    assert [len(a) for a in read_members(storage, reference)] == [ROW_GROUP, ROW_GROUP, 7]


def test_rows_that_are_not_contiguous_are_written_as_they_are(storage: Any) -> None:
    members = random_members(100)
    reference = write_members(storage, "m", [np.asfortranarray(members)[::2]])
    assert np.array_equal(read(storage, reference), members[::2])


def test_no_file_means_nobody(storage: Any) -> None:
    assert list(read_members(storage, None)) == []


def test_readers_are_lazy(storage: Any) -> None:
    read_members(storage, MembersFile(path="nowhere", count=1))  # nothing is opened before it is needed


# --- Damage --------------------------------------------------------------------------------------------------


def test_a_missing_file(storage: Any) -> None:
    with pytest.raises(DamagedMembers, match="ledger/bounds/certain") as raised:
        read(storage, MembersFile(path="ledger/bounds/certain", count=1))
    assert isinstance(raised.value, TerminalError)


@pytest.mark.parametrize("length", [0, 3, 1_000, -1])
def test_a_torn_file(storage: Any, length: int) -> None:
    reference = write_members(storage, "m", [random_members(1_000)])
    storage.files["m"] = storage.files["m"][:length]
    with pytest.raises(DamagedMembers, match="m of the workspace cannot be read"):
        read(storage, reference)


def test_another_number_of_members(storage: Any) -> None:
    reference = write_members(storage, "m", [random_members(10)])
    with pytest.raises(DamagedMembers, match="holds 10 members, not 11"):
        read(storage, reference.model_copy(update={"count": 11}))


def test_a_flipped_byte_in_a_page(storage: Any) -> None:
    members = random_members(1_000)
    reference = write_members(storage, "m", [members])
    content = bytearray(storage.files["m"])
    content[content.index(members[500].tobytes()) + 7] ^= 1
    storage.files["m"] = bytes(content)
    with pytest.raises(DamagedMembers):
        read(storage, reference)


def test_no_flipped_byte_anywhere_gives_other_members(storage: Any) -> None:
    members = random_members(30)
    reference = write_members(storage, "m", [members])
    good = storage.files["m"]
    noticed = 0
    for place in range(len(good)):
        storage.files["m"] = good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :]
        try:
            assert np.array_equal(read(storage, reference), members)
        except DamagedMembers:
            noticed += 1
    assert noticed > 0.8 * len(good)


def test_messages_hold_no_digest(storage: Any) -> None:
    members = random_members(10)
    reference = write_members(storage, "m", [members])
    storage.files["m"] = storage.files["m"][:-1]
    with pytest.raises(DamagedMembers) as raised:
        read(storage, reference)
    assert not any(row.tobytes().hex() in str(raised.value) for row in members)


# --- Distinct members ----------------------------------------------------------------------------------------


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
from customer_match.members.files import DistinctMembers, read_members, write_members
from customer_match.workspace import Workspace

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


@pytest.mark.bad_input
def test_another_file_of_as_many_members_is_noticed(storage: Any) -> None:
    first, second = (
        write_members(storage, name, [random_members(3, seed)]) for seed, name in enumerate("ab")
    )
    assert first.checksum != second.checksum
    storage.files["a"] = storage.files["b"]
    with pytest.raises(DamagedMembers, match="a of the workspace holds 3 other members"):
        read(storage, first)
    read(storage, first.model_copy(update={"checksum": None}))  # from before it was kept
