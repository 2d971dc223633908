"""Keyed ids are HMAC-SHA256, computed for many members at once."""

from __future__ import annotations

import hashlib
import hmac

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_match.erasure.keyed import ID_BYTES, key_check, keyed_ids
from customer_match.members.digests import empty


@settings(max_examples=50, deadline=None)
@given(key=st.binary(min_size=1, max_size=64), members=st.lists(st.binary(min_size=32, max_size=32)))
def test_the_ids_are_those_of_the_standard_library(key: bytes, members: list[bytes]) -> None:
    digests = np.frombuffer(b"".join(members), dtype=np.uint8).reshape(-1, 32)
    ids = keyed_ids(key, digests)
    assert [one.tobytes() for one in ids] == [
        hmac.digest(key, member, hashlib.sha256)[:ID_BYTES] for member in members
    ]


def test_a_slice_gives_the_ids_of_the_slice() -> None:
    digests = np.arange(320, dtype=np.int64).astype(np.uint8).reshape(10, 32)
    assert (keyed_ids(b"k", digests)[3:7] == keyed_ids(b"k", digests[3:7])).all()
    assert keyed_ids(b"k", empty()).shape == (0, ID_BYTES)


def test_other_bytes_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("customer_match.erasure.keyed._OUTER", np.uint8(1))
    with pytest.raises(RuntimeError):
        keyed_ids(b"k", np.zeros((2, 32), dtype=np.uint8))


def test_the_check_value_tells_keys_apart() -> None:
    assert key_check(b"a") == key_check(b"a") != key_check(b"b")
