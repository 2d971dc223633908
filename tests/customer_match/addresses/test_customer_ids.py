"""Customer ids: when two are equal, and how they are looked up."""

from __future__ import annotations

import hashlib
import uuid
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_match.addresses import customer_ids as module
from customer_match.addresses.customer_ids import CustomerIds, IdGroup, id_digests
from customer_match.errors import ConfigurationError
from customer_match.members.digests import Digests, sorted_distinct

GUID = "ce759201f786d590bf2134bff576c369"
DASHED = str(uuid.UUID(GUID))


def same(one: object, other: object) -> bool:
    (first, _), (second, _) = (id_digests(pa.array([value])) for value in (one, other))
    return first.tobytes() == second.tobytes()


@pytest.mark.parametrize(
    "written", [GUID.upper(), DASHED, DASHED.upper(), f"{{{DASHED}}}", f"({GUID})", f"  {DASHED}\t"]
)
def test_a_guid_is_the_same_however_it_is_written(written: str) -> None:
    assert same(GUID, written)
    assert id_digests(pa.array([written]))[0].tobytes() == hashlib.sha256(GUID.encode()).digest()


@pytest.mark.parametrize(("one", "other"), [(7, "7"), (7, " 7 "), ("a-1", "a-1 "), ("K-Ä", "K-Ä")])
def test_other_ids_are_the_same_if_their_texts_are(one: object, other: object) -> None:
    assert same(one, other)


@pytest.mark.parametrize(
    "written",
    [
        pa.array([123.0]),
        pa.array([123.0, None, float("nan")], pa.float32()),
        pa.array(["123.0"]),
        pa.array([Decimal("123.00")]),
        pa.array([Decimal(123)], pa.decimal128(38, 0)),
    ],
    ids=lambda ids: str(ids.type),
)
def test_a_whole_number_is_the_same_in_a_column_of_others(written: pa.Array) -> None:
    digests, filled = id_digests(written)
    assert digests.tobytes() == hashlib.sha256(b"123").digest()
    assert filled.tolist() == [True, False, False][: len(written)]
    assert same(0, -0.0)
    assert same(-7, -7.0)


@pytest.mark.bad_input
@pytest.mark.parametrize("value", [1.5, 2.0**53, float("inf"), Decimal("1.50")])
def test_numbers_that_cannot_identify_customers_are_rejected(value: object) -> None:
    with pytest.raises(ConfigurationError, match=r"'Id'.*not whole.*`membership\.key`") as raised:
        id_digests(pa.array([value, None]), "Id", "membership.key")
    assert str(value) not in str(raised.value)


def test_invalid_text_is_not_an_id() -> None:
    assert id_digests(pa.array(["a\ufffd", "b"]))[1].tolist() == [False, True]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.0", "1.00"),
        ("v1.0", "v1"),
        (".0", "0"),
        ("a-1", "A-1"),
        ("a-1", "a1"),
        ("007", 7),
        (GUID[:-1], GUID),
        (f"{{{GUID}", GUID),
        (f"{GUID}0", GUID),
    ],
)
def test_different_ids_are_not_equal(one: object, other: object) -> None:
    assert not same(one, other)


def test_rows_without_an_id_are_reported() -> None:
    digests, filled = id_digests(pa.array(["a", None, "", "  ", "b"]))
    assert filled.tolist() == [True, False, False, False, True]
    assert len(digests) == 2
    assert id_digests(pa.array([], pa.string()))[0].shape == (0, 32)


# Few values in the first eight bytes, so that they tie, and in the next eight.
TIED = st.builds(
    lambda first, second, rest: bytes([first] * 8 + [second] * 8 + [rest] * 16),
    st.integers(0, 2),
    st.integers(0, 4),
    st.just(9),
)


def array(digests: list[bytes]) -> Digests:
    return np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, 32)


@settings(max_examples=80)
@given(st.lists(TIED, max_size=15), st.lists(st.lists(TIED, max_size=20), max_size=3))
def test_looking_up_is_membership_of_a_set(members: list[bytes], lookups: list[list[bytes]]) -> None:
    group = IdGroup(sorted_distinct(array(members)))
    for wanted in lookups:
        assert group.holds(array(wanted)).tolist() == [digest in members for digest in wanted]
    seen = {digest for wanted in lookups for digest in wanted}
    assert (len(group), group.unseen) == (len(set(members)), len(set(members) - seen))


@pytest.mark.parametrize(("at_once", "groups"), [(10_000, 1), (1_000, 3), (3_000, 1), (1, 60)])
def test_groups_hold_every_id_once(monkeypatch: pytest.MonkeyPatch, at_once: int, groups: int) -> None:
    """3,000 ids in 64 spilled buckets; a group is full when the bucket that fills it is read."""
    monkeypatch.setattr(module, "_IDS_AT_ONCE", at_once)
    monkeypatch.setattr("customer_match.members.distinct._IN_MEMORY", 500)
    digests, _ = id_digests(pa.array([f"id {number}" for number in range(3_000)]))
    with CustomerIds() as ids:
        for part in np.array_split(np.concatenate([digests, digests]), 7):
            ids.add(part)
        found = list(ids.groups())
    assert len(found) >= groups
    assert sum(map(len, found)) == 3_000
    assert np.sum([group.holds(digests) for group in found], axis=0).tolist() == [1] * 3_000


def test_no_ids_are_one_empty_group() -> None:
    with CustomerIds() as ids:
        [group] = ids.groups()
    assert (len(group), group.unseen) == (0, 0)
    assert group.holds(array([b"a" * 32])).tolist() == [False]
