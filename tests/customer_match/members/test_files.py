"""Files of members."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from customer_match.errors import TerminalError
from customer_match.members.digests import Digests, empty, sorted_distinct
from customer_match.members.files import (
    ROW_GROUP,
    DamagedMembers,
    MembersFile,
    copy_members,
    read_members,
    write_members,
)


def random_members(count: int, seed: int = 0) -> Digests:
    return sorted_distinct(np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8))


def read(storage: Any, reference: MembersFile | None) -> Digests:
    return np.concatenate([empty(), *read_members(storage, reference)])


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
    with pytest.raises(DamagedMembers, match="m of the workspace is damaged or another file"):
        read(storage, reference)


def test_a_flipped_byte_in_a_page_of_an_old_file(storage: Any) -> None:
    members = random_members(1_000)
    column = pa.FixedSizeBinaryArray.from_buffers(pa.binary(32), len(members), [None, pa.py_buffer(members)])
    with storage.open_output("m") as file:
        table = pa.table({"member": column})
        pq.write_table(table, file, compression="none", use_dictionary=False, write_page_checksum=True)
    reference = MembersFile(path="m", count=len(members))
    assert np.array_equal(read(storage, reference), members)
    content = bytearray(storage.files["m"])
    content[content.index(members[500].tobytes()) + 7] ^= 1
    storage.files["m"] = bytes(content)
    with pytest.raises(DamagedMembers, match="cannot be read"):
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


def test_a_copy_has_a_path_of_its_own_and_the_same_members(storage: Any) -> None:
    reference = write_members(storage, "m", [random_members(1_000)])
    copy = copy_members(storage, "copy", reference)
    assert copy == reference.model_copy(update={"path": "copy"})
    write_members(storage, "m", [random_members(7, seed=1)])
    assert np.array_equal(read(storage, copy), random_members(1_000))


def test_a_copy_replaces_what_is_there(storage: Any) -> None:
    reference = write_members(storage, "m", [random_members(1_000)])
    write_members(storage, "copy", [random_members(7, seed=1)])
    assert np.array_equal(read(storage, copy_members(storage, "copy", reference)), random_members(1_000))


@pytest.mark.bad_input
def test_what_is_damaged_is_not_copied(storage: Any) -> None:
    reference = write_members(storage, "m", [random_members(1_000)])
    storage.files["m"] = storage.files["m"][:-1]
    with pytest.raises(DamagedMembers, match="m of the workspace cannot be read"):
        copy_members(storage, "copy", reference)
    del storage.files["m"]
    with pytest.raises(DamagedMembers, match="m of the workspace cannot be read"):
        copy_members(storage, "other", reference)


def test_messages_hold_no_digest(storage: Any) -> None:
    members = random_members(10)
    reference = write_members(storage, "m", [members])
    storage.files["m"] = storage.files["m"][:-1]
    with pytest.raises(DamagedMembers) as raised:
        read(storage, reference)
    assert not any(row.tobytes().hex() in str(raised.value) for row in members)


@pytest.mark.bad_input
def test_another_file_of_as_many_members_is_noticed(storage: Any) -> None:
    first, second = (
        write_members(storage, name, [random_members(3, seed)]) for seed, name in enumerate("ab")
    )
    assert first.checksum != second.checksum
    storage.files["a"] = storage.files["b"]
    with pytest.raises(
        DamagedMembers, match="a of the workspace is damaged or another file: it does not hold the 3 members"
    ):
        read(storage, first)
    read(storage, first.model_copy(update={"checksum": None}))  # from before it was kept
