"""Encrypted files of members: what is written is read, any change is found, nothing is readable without a key."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from fsspec.implementations.local import LocalFileSystem
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_match.errors import ConfigurationError
from customer_match.members.digests import Digests, empty, sorted_distinct
from customer_match.members.envelope import Envelope, key_id
from customer_match.members.files import (
    DamagedMembers,
    MembersFile,
    copy_members,
    is_any_in,
    read_members,
    write_members,
)
from customer_match.workspace.workspace import Workspace
from tests.memory_storage import MemoryStorage

KEY, OTHER = b"\x01" * 32, b"\x02" * 32
CHUNK, HEADER, TAG = 262_144, 32, 16


def encrypting(*keys: bytes) -> MemoryStorage:
    return MemoryStorage(Envelope(lambda: keys, seals=True))


def random_members(count: int, seed: int = 0) -> Digests:
    return sorted_distinct(np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8))


def read(storage: MemoryStorage, reference: MembersFile) -> Digests:
    return np.concatenate([empty(), *read_members(storage, reference)])


def sealed(content: bytes, *pieces: int) -> bytes:
    """What is stored if content is written in pieces of these lengths, and then the rest."""
    file = io.BytesIO()
    with Envelope(lambda: [KEY], seals=True).sealing(file, "m") as output:
        for length in pieces:
            output.write(content[:length])
            content = content[length:]
        output.write(content)
    return file.getvalue()


@contextmanager
def opened(stored: bytes, path: str = "m", key: bytes = KEY) -> Iterator[io.RawIOBase]:
    content = Envelope(lambda: [key]).opened_if_sealed(io.BytesIO(stored), path)
    assert isinstance(content, io.RawIOBase)
    yield content


@pytest.mark.parametrize("count", [0, 1, 8_000, 20_000, 200_000])
def test_what_is_written_is_read(count: int) -> None:
    storage, members = encrypting(KEY), random_members(count)
    reference = write_members(storage, "m", [members])
    assert np.array_equal(read(storage, reference), members)
    assert reference.checksum is None
    assert reference.seal
    assert reference.seal.startswith(f"{key_id(KEY)}:")
    assert b"PAR1" not in storage.files["m"]
    assert not any(row.tobytes() in storage.files["m"] for row in members[:100])
    assert MembersFile.model_validate_json(reference.model_dump_json()) == reference


def test_without_encryption_nothing_changes() -> None:
    storage = MemoryStorage()
    reference = write_members(storage, "m", [random_members(10)])
    assert "seal" not in reference.model_dump()
    assert pq.read_table(io.BytesIO(storage.files["m"])).num_rows == 10


@settings(max_examples=60, deadline=None)
@given(
    length=st.sampled_from([0, 1, 5_000, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 7]),
    pieces=st.lists(st.sampled_from([0, 1, 1_000, CHUNK - 1, CHUNK, 2 * CHUNK]), max_size=4),
    reads=st.lists(
        st.tuples(st.integers(0, 3 * CHUNK + 9), st.sampled_from([1, 9, 70_000, CHUNK, 3 * CHUNK]))
    ),
)
def test_any_range_can_be_read(length: int, pieces: list[int], reads: list[tuple[int, int]]) -> None:
    content = np.random.default_rng(length).bytes(length)
    stored = sealed(content, *pieces)
    chunks = max(-(-length // CHUNK), 1)
    assert len(stored) == HEADER + length + chunks * TAG
    with opened(stored) as file:
        assert file.seek(0, io.SEEK_END) == length
        for start, size in reads:
            file.seek(start)
            assert file.read(size) == content[start : start + size]
            assert file.tell() == max(min(start + size, length), min(start, file.tell()))
        file.seek(0)
        assert file.read() == content


def test_the_format_is_what_its_description_says() -> None:
    """By `cryptography` alone, as another program would read it."""
    content = np.random.default_rng(0).bytes(CHUNK + 100)
    stored = sealed(content)
    magic, identity, salt, body = stored[:8], stored[8:16], stored[16:32], stored[32:]
    assert (magic, identity.hex()) == (b"CMSEAL1\n", key_id(KEY))
    cipher = AESGCM(HKDF(SHA256(), 32, salt, b"customer-match file of members").derive(KEY))
    first, last = body[: CHUNK + TAG], body[CHUNK + TAG :]
    associated = stored[:32] + b"m"
    assert (
        cipher.decrypt(bytes(12), first, associated) + cipher.decrypt(bytes(10) + b"\1\1", last, associated)
        == content
    )


def test_no_two_files_have_the_same_salt() -> None:
    """A salt makes the key of a file, and nonces are numbers of chunks: one salt twice would repeat a nonce."""
    storage, salts = encrypting(KEY), set()
    for _ in range(200):
        write_members(storage, "m", [random_members(3)])
        salts.add(storage.files["m"][16:32])
    assert len(salts) == 200


def test_tries_of_a_step_that_write_the_same_file_do_not_harm_each_other() -> None:
    """A worker that was taken for dead writes its file when another one has written the same, and its reference."""
    storage, members = encrypting(KEY), random_members(30)
    first = write_members(storage, "m", [members])
    before = storage.files["m"]
    storage.envelope = Envelope(lambda: [OTHER, KEY], seals=True)
    second = write_members(storage, "m", [members])
    for content in (before, storage.files["m"]):
        storage.files["m"] = content
        for reference in (first, second):
            assert np.array_equal(read(storage, reference), members)
    assert write_members(storage, "m", [members]) == second
    assert before != storage.files["m"]


def test_a_reference_does_not_tell_who_a_single_member_is() -> None:
    """A checksum without a key would: whoever knows an address can compute it."""
    found = set()
    for key, path in ((KEY, "m"), (OTHER, "m"), (KEY, "n")):
        reference = write_members(encrypting(key), path, [random_members(1)])
        assert reference.checksum is None
        assert reference.seal
        found.add(reference.seal.partition(":")[2])
    assert len(found) == 3


def test_no_changed_byte_is_overlooked() -> None:
    storage, members = encrypting(KEY), random_members(30)
    reference = write_members(storage, "m", [members])
    good = storage.files["m"]
    for place in range(len(good)):
        storage.files["m"] = good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]
        with pytest.raises(DamagedMembers, match="m of the workspace cannot be read"):
            read(storage, reference)


@settings(max_examples=40, deadline=None)
@given(place=st.integers(0), change=st.integers(1, 255))
def test_no_changed_byte_of_a_large_file_is_overlooked(place: int, change: int) -> None:
    """Of several chunks, wherever the readers of Parquet begin."""
    storage = encrypting(KEY)
    reference = write_members(storage, "m", [LARGE])
    content = bytearray(storage.files["m"])
    content[place % len(content)] ^= change
    storage.files["m"] = bytes(content)
    with pytest.raises(DamagedMembers):
        read(storage, reference)


LARGE = random_members(2 * CHUNK // 32 + 500)


@pytest.mark.parametrize("kept", [0, 8, HEADER, HEADER + 5, HEADER + TAG, HEADER + CHUNK + TAG, -1])
def test_a_file_that_was_cut_off(kept: int) -> None:
    storage = encrypting(KEY)
    reference = write_members(storage, "m", [LARGE])
    storage.files["m"] = storage.files["m"][:kept]
    with pytest.raises(DamagedMembers):
        read(storage, reference)


def test_a_chunk_is_bound_to_its_place_and_its_file() -> None:
    size = CHUNK + TAG
    stored = sealed(bytes(3 * CHUNK))
    chunks = [stored[HEADER + i * size : HEADER + (i + 1) * size] for i in range(3)]
    others = sealed(bytes(3 * CHUNK))
    swaps = {
        "in another order": [chunks[1], chunks[0], chunks[2]],
        "repeated": [chunks[0], chunks[0], chunks[2]],
        "cut off": chunks[:2],
        "lengthened": [*chunks, chunks[2]],
        "of another file": [chunks[0], others[HEADER + size : HEADER + 2 * size], chunks[2]],
    }
    for name, swapped in swaps.items():
        with opened(stored[:HEADER] + b"".join(swapped)) as file, pytest.raises(OSError, match="its chunk"):
            pytest.fail(f"{name}: {len(file.read())} bytes were read")
    with opened(stored, path="n") as file, pytest.raises(OSError, match="its chunk 1 was changed, moved"):
        file.read()


def test_another_file_at_the_same_path_is_found() -> None:
    """An older file of as many members, which was written there itself."""
    storage = encrypting(KEY)
    write_members(storage, "m", [random_members(3, seed=1)])
    before = storage.files["m"]
    reference = write_members(storage, "m", [random_members(3)])
    storage.files["m"] = before
    with pytest.raises(DamagedMembers, match="is damaged or another file"):
        read(storage, reference)
    plain = MemoryStorage()
    write_members(plain, "m", [random_members(3)])
    storage.files["m"] = plain.files["m"]
    with pytest.raises(DamagedMembers, match="not the encrypted file that was written"):
        read(storage, reference)


def test_rotation() -> None:
    """New files get the first key; files of the others are read as long as their key is there."""
    storage = encrypting(KEY)
    old = write_members(storage, "old", [random_members(9)])
    storage.envelope = Envelope(lambda: [OTHER, KEY], seals=True)
    new = write_members(storage, "new", [random_members(8)])
    assert (len(read(storage, old)), len(read(storage, new))) == (9, 8)
    assert (storage.envelope.is_current(old.seal), storage.envelope.is_current(new.seal)) == (False, True)
    storage.envelope = Envelope(lambda: [OTHER], seals=True)
    assert len(read(storage, new)) == 8
    with pytest.raises(ConfigurationError) as missing:
        read(storage, old)
    assert f"old of the workspace is encrypted with the key {key_id(KEY)}" in str(missing.value)
    assert f"has only {key_id(OTHER)}" in str(missing.value)
    assert KEY.hex() not in str(missing.value)
    with pytest.raises(ConfigurationError, match="is encrypted with the key"):
        is_any_in(storage, "old", lambda digests: np.ones(len(digests), np.bool_))


def test_keys_are_read_once_and_only_if_needed() -> None:
    asked: list[int] = []

    def keys() -> list[bytes]:
        asked.append(1)
        return [KEY]

    storage = MemoryStorage(Envelope(keys))
    plain = write_members(storage, "plain", [random_members(5)])
    assert len(read(storage, plain)) == 5
    assert storage.envelope.is_current(plain.seal)
    assert asked == []
    storage.envelope = Envelope(keys, seals=True)
    assert not storage.envelope.is_current(plain.seal)
    reference = write_members(storage, "m", [random_members(5)])
    assert len(read(storage, reference)) == 5
    assert asked == [1]


def test_without_any_key_an_encrypted_file_is_not_damaged() -> None:
    """Damage would make a run replace the audience; a missing key is for people to restore."""
    storage = encrypting(KEY)
    reference = write_members(storage, "m", [random_members(5)])
    storage.envelope = Envelope()
    with pytest.raises(ConfigurationError, match="'customer_match_workspace_secret' has no key"):
        read(storage, reference)


def test_a_copy_is_encrypted_anew_because_a_file_is_bound_to_its_path() -> None:
    storage = MemoryStorage()
    plain = write_members(storage, "plain", [random_members(50)])
    storage.envelope = Envelope(lambda: [KEY], seals=True)
    first = copy_members(storage, "first", plain)
    storage.envelope = Envelope(lambda: [KEY])  # switched off again
    second = copy_members(storage, "second", first)
    assert [bool(file.seal) for file in (plain, first, second)] == [False, True, False]
    for file in (first, second):
        assert np.array_equal(read(storage, file), random_members(50))


def test_a_member_is_found_in_an_encrypted_file() -> None:
    storage, members = encrypting(KEY), random_members(50)
    write_members(storage, "m", [members])
    assert is_any_in(storage, "m", lambda digests: (digests == members[7]).all(axis=1))
    assert not is_any_in(storage, "m", lambda digests: np.zeros(len(digests), np.bool_))
    storage.files["m"] = storage.files["m"][:-1]
    with pytest.raises(DamagedMembers, match="its chunk"):
        is_any_in(storage, "m", lambda digests: np.zeros(len(digests), np.bool_))


def test_a_file_appears_only_if_it_is_complete(tmp_path: Path) -> None:
    def failing() -> Iterator[Digests]:
        yield LARGE
        raise ValueError("broken")

    def keys() -> list[bytes]:
        raise ConfigurationError("There is no key.")

    for envelope, error in (
        (Envelope(lambda: [KEY], seals=True), ValueError),
        (Envelope(keys, seals=True), None),
    ):
        workspace = Workspace(LocalFileSystem(), str(tmp_path), envelope)
        with pytest.raises(error or ConfigurationError):
            write_members(workspace, "m", failing())
        assert list(tmp_path.iterdir()) == []
    workspace = Workspace(LocalFileSystem(), str(tmp_path), Envelope(lambda: [KEY], seals=True))
    reference = write_members(workspace, "m", [LARGE])
    assert np.array_equal(np.concatenate(list(read_members(workspace, reference))), LARGE)
    with pytest.raises(DamagedMembers):
        write_members(workspace, "again", read_members(workspace, reference.model_copy(update={"count": 1})))
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
