"""In which audiences a person is: what the ledgers know, what they do not, and nothing that changes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from airflow_microsoft_advertising.erasure import lookup
from airflow_microsoft_advertising.erasure.lookup import PlacePresence, look_up
from airflow_microsoft_advertising.erasure.places import Account, Place
from customer_match.erasure.register import Register
from customer_match.errors import TransientError
from customer_match.export.model import Export
from customer_match.ledger.actions import Action
from customer_match.ledger.presence import Presence
from customer_match.ledger.state import State
from customer_match.ledger.unanswered_calls import UnansweredCalls
from customer_match.members.envelope import Envelope
from customer_match.members.files import write_members
from customer_match_delivery.call_tracking import LIFE
from tests.customer_match_delivery.in_memory import KEY, MARK, NAME, World, digests_of

CERTAIN, POSSIBLE, UNKNOWN, ABSENT = Presence


class Office:
    """A privacy officer who asks about people of a world."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world, self._patch = world, monkeypatch
        export = Export.model_validate(
            {"name": "test", "cid": 1, "aid": 1, "source": "lake", "segments": [NAME], "email": "Email"}
        )
        self._account = Account([export], world.storage)  # type: ignore[arg-type]  # in memory

    def ask(self, *people: int, reachable: bool = True) -> PlacePresence:
        def reach(_: Account) -> Any:
            if not reachable:
                raise TransientError("The service cannot be reached.")
            return None, list(self.world.service.audiences.values())

        self._patch.setattr(Account, "reach", reach)
        self._patch.setattr(lookup, "read_key", lambda: KEY)
        before = dict(self.world.storage.files)
        steps = len(self.world.faults.steps)
        place = Place("the workspace", self.world.storage, [self._account])  # type: ignore[arg-type]
        found = look_up(place, digests_of(people))
        assert self.world.storage.files == before, "nothing of the question is kept"
        assert len(self.world.faults.steps) == steps, "nothing is sent"
        return found

    def presence(self, *people: int, reachable: bool = True) -> tuple[Presence, str | None]:
        [one] = self.ask(*people, reachable=reachable).audiences
        assert (one.account, one.export, one.audience) == ("1", "test", NAME)
        return one.presence, one.reason


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> Office:
    world = World()
    world.run({1, 2, 3})
    return Office(world, monkeypatch)


@pytest.mark.parametrize("reachable", [True, False])
@pytest.mark.parametrize(
    ("people", "expected"), [((2,), CERTAIN), ((7,), ABSENT), ((3, 7), CERTAIN), ((7, 8), ABSENT)]
)
def test_who_is_there_and_who_is_not(
    office: Office, people: Collection[int], expected: Presence, *, reachable: bool
) -> None:
    found = office.ask(*people, reachable=reachable)
    assert [one.presence for one in found.audiences] == [expected]
    assert found.is_complete is reachable
    told = "Account 1: the ledgers could not be compared with Microsoft Advertising. The service cannot be reached."
    assert found.unreached == (() if reachable else (told,))


def test_with_encrypted_files(office: Office) -> None:
    office.world.storage.envelope = Envelope(lambda: [KEY], seals=True)
    office.world.run({1, 2})
    assert (office.presence(2), office.presence(3)) == ((CERTAIN, None), (ABSENT, None))


def test_an_upload_that_has_not_ended(office: Office) -> None:
    """Who is added may be there, who is removed may still be there, and the others certainly are."""
    world = office.world
    delivery = world.delivery(world.plan({2, 3, 4}))
    delivery.start()
    assert delivery.advance()
    assert [office.presence(one)[0] for one in (1, 2, 7)] == [POSSIBLE, CERTAIN, ABSENT]


def test_a_call_that_may_still_arrive(office: Office) -> None:
    world = office.world
    entry = world.ledger.load()
    brought = write_members(world.storage, "late.parquet", [digests_of({5})])
    state = entry.state
    assert state.audience_id
    late = UnansweredCalls(
        audience_id=state.audience_id, action=Action.ADD, members=brought, until=world.now() + LIFE
    )
    world.ledger.write(entry, state.model_copy(update={"late": (late,)}))
    assert [office.presence(one)[0] for one in (5, 1, 7)] == [POSSIBLE, CERTAIN, ABSENT]


def test_a_restored_ledger_is_not_believed(office: Office) -> None:
    world = office.world
    backup = world.copied()
    world.run({1, 2, 3, 4})
    world.put_back(backup)
    presence, reason = office.presence(4)
    assert presence is UNKNOWN
    assert reason is not None
    assert "restored from a backup" in reason
    assert not office.ask(4).is_complete


def test_a_damaged_file_is_named(office: Office) -> None:
    world = office.world
    certain = world.state.settled.certain
    assert certain
    del world.storage.files[certain.path]
    presence, reason = office.presence(2)
    assert presence is UNKNOWN
    assert reason is not None
    assert certain.path in reason


def test_a_file_that_a_run_deletes_meanwhile_is_no_damage(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, once = office.world, iter([True])
    looked = lookup.presence_in

    def late(files: Any, state: State, *rest: Any) -> Presence:
        if next(once, False):
            world.run({2, 9})
            world.run({2})
            world.run({2, 8})
        return looked(files, state, *rest)

    monkeypatch.setattr(lookup, "presence_in", late)
    account = Account(office._account.exports, world.storage)  # type: ignore[arg-type]
    monkeypatch.setattr(Account, "reach", lambda _: (None, list(world.service.audiences.values())))
    [found] = look_up(Place("w", world.storage, [account]), digests_of({8})).audiences  # type: ignore[arg-type]
    assert found.presence is CERTAIN


def test_a_forgotten_ledger_and_an_audience_that_has_none(office: Office) -> None:
    world = office.world
    world.ledger.forget()
    presence, reason = office.presence(2)
    assert presence is UNKNOWN
    assert reason is not None
    assert "does not know the members" in reason
    [offline] = office.ask(2, reachable=False).audiences
    assert (offline.presence, offline.audience_id) == (UNKNOWN, None)
    world.storage.files.clear()
    assert office.presence(2)[0] is UNKNOWN
    assert office.ask(2, reachable=False).audiences == ()


def test_an_audience_that_does_not_exist_any_more(office: Office) -> None:
    office.world.service.audiences.clear()
    assert office.presence(2) == (ABSENT, "The audience does not exist at Microsoft Advertising.")


def test_an_unreadable_ledger_is_not_passed_over(office: Office) -> None:
    storage = office.world.storage
    storage.files["ledgers/1/some-audience-123/states/0000000001.json"] = b"nonsense"
    found = office.ask(2)
    assert "No state of the ledger in ledgers/1/some-audience-123" in found.unreached[0]
    assert "forget" not in found.unreached[0]


def test_staged_files_and_an_earlier_request(office: Office) -> None:
    storage = office.world.storage
    write_members(storage, "staged/test/run-1/a/members.parquet", [digests_of({2, 6})])
    write_members(storage, "staged/test/run-2/a/members.parquet", [digests_of({2})])
    assert (office.ask(6).staged, office.ask(6).is_erased) == (("staged/test/run-1",), False)
    assert office.ask(7).staged == ()
    Register(storage).add(KEY, digests_of({6}))
    assert (office.ask(6).is_erased, office.ask(2).is_erased) == (True, False)


def test_an_audience_of_others_is_not_shown(office: Office) -> None:
    office.world.service.put("Theirs", "[customer-match:other]", {2})
    office.world.service.put("By hand", "", {2})
    assert office.presence(2)[0] is CERTAIN
    assert MARK == "[customer-match:test]"
