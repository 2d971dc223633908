"""The register: nobody in it is lost, and without the right key nothing goes on."""

from __future__ import annotations

import json
from collections.abc import Collection

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_match.erasure.register import Erased, Register
from customer_match.errors import ConfigurationError, TransientError
from customer_match.formats import NewerFormat
from customer_match.members.digests import Digests
from tests.memory_storage import MemoryStorage

KEY = b"k" * 32


def digests_of(people: Collection[int]) -> Digests:
    return np.array([[person] * 32 for person in sorted(people)], dtype=np.uint8).reshape(-1, 32)


def no_key() -> bytes:
    raise AssertionError("the key was asked for")


def people_among(erased: Erased, people: Collection[int]) -> set[int]:
    digests = digests_of(people)
    return {int(row[0]) for row in digests[erased.among(digests)]}


def read(storage: MemoryStorage) -> Erased:
    erased = Register(storage).read(lambda: KEY)
    assert erased
    return erased


def test_an_empty_register_needs_no_key() -> None:
    register = Register(MemoryStorage())
    assert (register.number, register.read(no_key)) == (0, None)


@given(requests=st.lists(st.sets(st.integers(0, 50), min_size=1), min_size=1, max_size=14))
def test_everybody_is_in_it_and_nobody_else(requests: list[set[int]]) -> None:
    storage = MemoryStorage()
    for people in requests:
        Register(storage).add(KEY, digests_of(people))
    everybody = range(60)
    erased = read(storage)
    assert people_among(erased, everybody) == set().union(*requests)
    left = [int(row[0]) for array in erased.left_of([digests_of(everybody)]) for row in array]
    assert left == sorted(set(everybody) - set().union(*requests))


def test_it_holds_neither_key_nor_digest() -> None:
    storage = MemoryStorage()
    Register(storage).add(KEY, digests_of({7}))
    content = b"".join(storage.files.values())
    assert not [one for one in (KEY, KEY.hex().encode(), bytes([7] * 32), b"07" * 8) if one in content]


def test_known_members_are_not_written_again() -> None:
    storage = MemoryStorage()
    first = Register(storage).add(KEY, digests_of({1, 2}))
    again = Register(storage).add(KEY, digests_of({2}))
    assert (first.number, again.number, Register(storage).number) == (1, 1, 1)
    assert people_among(again, {1, 2}) == {1, 2}


def test_two_digests_with_one_beginning_are_told_apart() -> None:
    erased = Erased(1, KEY, [])
    own = erased.ids_of(digests_of({1}))[0]
    liar = Erased(1, KEY, [own[:8] + bytes(8)])
    assert not liar.among(digests_of({1})).any()
    assert Erased(1, KEY, [own]).among(digests_of({1})).all()


def test_of_two_writers_nobody_is_lost() -> None:
    class Racing(MemoryStorage):
        raced = False

        def create(self, relative: str, data: bytes) -> None:
            if not self.raced:
                self.raced = True
                Register(self).add(KEY, digests_of({9}))
            super().create(relative, data)

    storage = Racing()
    assert Register(storage).add(KEY, digests_of({1})).number == 2
    assert people_among(read(storage), range(20)) == {1, 9}


def test_a_writer_that_always_loses_is_told_to_try_again() -> None:
    class Lost(MemoryStorage):
        def create(self, relative: str, data: bytes) -> None:
            raise FileExistsError(relative)

    with pytest.raises(TransientError, match="at once"):
        Register(Lost()).add(KEY, digests_of({1}))


def test_only_ten_files_are_kept() -> None:
    storage = MemoryStorage()
    for person in range(14):
        Register(storage).add(KEY, digests_of({person}))
    assert len(storage.files) == 10
    assert people_among(read(storage), range(20)) == set(range(14))


def test_another_key_stops_everything() -> None:
    storage = MemoryStorage()
    Register(storage).add(KEY, digests_of({1}))
    for use in (
        lambda: Register(storage).read(lambda: b"another"),
        lambda: Register(storage).add(b"another", digests_of({1})),
    ):
        with pytest.raises(ConfigurationError, match="'customer_match_erasure_secret' is not the one"):
            use()


@pytest.mark.parametrize(
    "damage", [b"", b"{}\n{}", b"nonsense", b'{"checksum": "0"}\n{"key": "", "ids": []}']
)
def test_a_damaged_register_stops_everything(damage: bytes) -> None:
    storage = MemoryStorage()
    Register(storage).add(KEY, digests_of({1}))
    Register(storage).add(KEY, digests_of({2}))
    storage.files["erasure/register/0000000002.json"] = damage
    with pytest.raises(ConfigurationError, match=r"0000000002\.json of the workspace, is damaged.*Restore"):
        read(storage)
    del storage.files["erasure/register/0000000002.json"]  # as the message says
    assert people_among(read(storage), {1, 2}) == {1}


@pytest.mark.parametrize("rest", [None, b"of a kind that nobody knows yet"])
def test_a_register_of_a_newer_release_stops_everything_and_stays(rest: bytes | None) -> None:
    """It is not damaged: the advice for that would lose people who asked to be forgotten."""
    storage = MemoryStorage()
    Register(storage).add(KEY, digests_of({1}))
    first, _, body = storage.files["erasure/register/0000000001.json"].partition(b"\n")
    header = json.dumps(json.loads(first) | {"format": 2, "release": "0.9.0"}).encode()
    storage.files["erasure/register/0000000002.json"] = header + b"\n" + (body if rest is None else rest)
    before = dict(storage.files)
    words = (
        r"^The register of erased members, erasure/register/0000000002\.json of the workspace, was written by release "
        r"0\.9\.0 of this project in format 2, but this release \(.*\) reads formats up to 1\. Nothing was changed\."
    )
    with pytest.raises(NewerFormat, match=words):
        read(storage)
    with pytest.raises(NewerFormat, match=words):
        Register(storage).add(KEY, digests_of({2}))
    assert storage.files == before


def test_any_changed_byte_is_found() -> None:
    storage = MemoryStorage()
    Register(storage).add(KEY, digests_of({1}))
    [(path, content)] = storage.files.items()
    for place in range(len(content)):
        storage.files[path] = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        with pytest.raises(ConfigurationError):
            read(storage)
