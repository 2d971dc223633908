"""Member files agree with Python's sets."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microsoft_advertising_simulator.audiences import members
from microsoft_advertising_simulator.audiences.members import Digests, MemberFiles, sort_distinct
from microsoft_advertising_simulator.model import Action

# Few distinct bytes: many digests share their first 8 bytes, or are equal, or end with NUL.
DIGEST = st.builds(
    lambda prefix, suffix: prefix * 16 + suffix * 16, st.sampled_from([b"\0", b"a", b"\xff"]),
    st.sampled_from([b"\0", b"b", b"\xfe"]),
)  # fmt: skip
DIGESTS = st.lists(st.one_of(DIGEST, st.binary(min_size=32, max_size=32)), max_size=40)


def array(values: list[bytes]) -> Digests:
    return np.frombuffer(b"".join(values), dtype=np.uint8).reshape(-1, 32)


def rows(digests: Digests) -> list[bytes]:
    return [row.tobytes() for row in digests]


@given(DIGESTS)
def test_digests_are_sorted_and_distinct(values: list[bytes]) -> None:
    assert rows(sort_distinct(array(values))) == sorted(set(values))


@pytest.mark.slow
@given(first=DIGESTS, change=DIGESTS, action=st.sampled_from(Action), block=st.integers(1, 7))
def test_changes_are_those_of_sets(
    tmp_path_factory: pytest.TempPathFactory,
    first: list[bytes], change: list[bytes], action: Action, block: int,
) -> None:  # fmt: skip
    files = MemberFiles(tmp_path_factory.mktemp("members"))
    expected = {
        Action.ADD: set(first) | set(change),
        Action.REMOVE: set(first) - set(change),
        Action.REPLACE: set(change),
    }[action]
    with mock.patch.object(members, "_BLOCK_ROWS", block):
        name, _ = files.change(None, Action.ADD, sort_distinct(array(first)))
        name, count = files.change(name, action, sort_distinct(array(change)))
    lines = b"".join(files.hex_lines(name)).split()
    assert lines == [value.hex().encode() for value in sorted(expected)]
    assert count == len(expected)


def test_files_without_a_reference_are_removed(tmp_path: Path) -> None:
    files = MemberFiles(tmp_path)
    kept, _ = files.change(None, Action.ADD, array([b"a" * 32]))
    files.change(kept, Action.ADD, array([b"b" * 32]))
    files.remove_except([kept])
    assert [path.name for path in tmp_path.iterdir()] == [kept]
    assert b"".join(files.hex_lines(kept)) == b"61" * 32 + b"\n"
    assert b"".join(files.hex_lines(None)) == b""
