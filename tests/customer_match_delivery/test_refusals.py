"""Refused members: counted once, written in order."""

from __future__ import annotations

import pytest

from customer_match.errors import TerminalError
from customer_match.members.files import MembersFile, read_members, write_members
from customer_match_delivery.refusals import Refusals
from microsoft_advertising.faults import ServiceError
from tests.customer_match_delivery.in_memory import digests_of
from tests.memory_storage import MemoryStorage

HASHED, EMPTY = ServiceError(8004, ""), ServiceError(8006, "")


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def members(storage: MemoryStorage) -> MembersFile:
    return write_members(storage, "members", [digests_of(range(10, 20))])


def test_the_first_error_of_a_member_counts(storage: MemoryStorage, members: MembersFile) -> None:
    refusals = Refusals(members)
    for position, error in ((9, HASHED), (0, EMPTY), (9, EMPTY), (3, HASHED)):
        refusals.add(position, error)
    assert len(refusals) == 3
    assert refusals.reasons == {"EmailMustBeHashed": 2, "EitherEmailOrCRMIDShouldBeProvided": 1}
    written = refusals.write(storage, "refused")
    assert written
    assert written == MembersFile(path="refused", count=3, checksum=written.checksum)
    assert [int(row[0]) for array in read_members(storage, written) for row in array] == [10, 13, 19]


def test_nobody_is_no_file(storage: MemoryStorage, members: MembersFile) -> None:
    assert Refusals(members).write(storage, "refused") is None
    assert "refused" not in storage.files


@pytest.mark.parametrize("position", [-1, 10])
def test_a_member_that_was_not_sent(members: MembersFile, position: int) -> None:
    with pytest.raises(TerminalError, match="not sent"):
        Refusals(members).add(position, HASHED)
