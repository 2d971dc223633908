"""Many concurrent clients, and a simulator that is killed meanwhile: each answer must be correct and durable."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx
import pytest

from tests.microsoft_advertising_simulator.api import (
    Api,
    Simulator,
    bulk_csv,
    digest_hex,
    hexes,
    item_row,
    list_row,
    partial,
)
from tests.microsoft_advertising_simulator.conftest import Start

pytestmark = [pytest.mark.system, pytest.mark.lengthy, pytest.mark.timeout(120)]
CLIENTS = 50
ROUNDS = 4
GOOD_ENDS = {"Completed", "CompletedWithErrors"}


def rows_of(audience: str, action: str, members: list[str]) -> bytes:
    row = list_row(Id=audience, Action_Type=action)
    return bulk_csv(row, *(item_row(audience, text) for text in members))


def fast(api: Api) -> None:
    """No waits, and no limits that so many clients would reach."""
    values = dict.fromkeys(("calls_per_minute", "file_posts_per_minute", "upload_urls_per_15_minutes"), 10**6)
    api.control(
        "settings", values | {"queue_seconds": 0, "processing_seconds": 0, "parallel_uploads": CLIENTS}
    )


def whole_life(api: Api, number: int) -> None:
    """Create, fill by file, read results, change by calls, replace, delete; each answer is checked."""
    first = 10_000 * number
    audience = api.create(f"Client {number}")
    members = hexes(range(first, first + 300))
    status = api.upload(rows_of(audience, "Add", [*members, "bad"]))
    assert status["RequestStatus"] == "CompletedWithErrors"
    results = api.results(status)
    assert [row["Id"] for row in results[:1]] == [audience]
    assert sorted(row["Text"] for row in results[1:-2]) == members
    assert [row.get("Error Number") for row in results[-2:]] == [None, "8004"]
    assert api.members(audience) == members
    assert partial(api.apply(audience, "Remove", members[:100])) == []
    assert partial(api.apply(audience, "Add", [digest_hex(-number - 1)])) == []
    assert api.members(audience) == sorted([*members[100:], digest_hex(-number - 1)])
    status = api.upload(rows_of(audience, "Replace", members[:7]), mode="ErrorsOnly")
    assert (status["RequestStatus"], api.results(status)) == ("Completed", [])
    assert api.members(audience) == members[:7]
    if number % 2:
        assert partial(api.campaign("Audiences", {"AudienceIds": [audience]}, "DELETE")) == []
    found = api.campaign("Audiences/QueryByIds", {"AudienceIds": [audience]}).json()["Audiences"]
    assert [entry and entry["Name"] for entry in found] == [None if number % 2 else f"Client {number}"]


def test_fifty_clients_at_once(start: Start) -> None:
    simulator = start()
    fast(simulator.api)
    together = threading.Barrier(CLIENTS, timeout=60)

    def client(number: int) -> None:
        api = Api(simulator.ready)
        together.wait()
        whole_life(api, number)
        api.http.close()

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(client, range(CLIENTS)))
    shown = simulator.api.control("audiences")
    assert sum(not entry["deleted"] for entry in shown) == CLIENTS // 2
    assert {upload["state"] for upload in simulator.api.control("uploads")} == GOOD_ENDS
    assert simulator.end() == (0, "", "")


@dataclass
class Batch:
    """Members that were sent together, with a call or with a file (then with its request id)."""

    members: list[str]
    answered: bool = False
    request_id: str | None = None


@dataclass
class Client:
    """A client with its own audience that adds batches until the simulator is killed."""

    number: int
    audience: str
    batches: list[Batch] = field(default_factory=list)

    def work(self, ready: dict[str, str], go_on: Callable[[], bool]) -> None:
        try:
            api = Api(ready)
            while go_on():
                self.batches.append(Batch(self._next_members()))
                self._send(api, self.batches[-1])
        except httpx.TransportError:
            return  # killed: it is unknown whether the last batch was applied

    def _next_members(self) -> list[str]:
        first = 10_000_000 * self.number + 1_000 * len(self.batches)
        return hexes(range(first, first + (200 if len(self.batches) % 2 else 900)))

    def _send(self, api: Api, batch: Batch) -> None:
        if len(self.batches) % 2:
            assert partial(api.apply(self.audience, "Add", batch.members)) == []
        else:
            batch.request_id, url = api.request_url()
            answer = api.post_file(url, rows_of(self.audience, "Add", batch.members))
            assert answer.status_code == 200, answer.text
        batch.answered = True

    @property
    def answered(self) -> int:
        return sum(batch.answered for batch in self.batches)

    def check(self, api: Api) -> None:
        """After a restart, each acknowledged batch is there, and each other batch completely or not at all."""
        for batch in self.batches:
            if batch.request_id is not None and batch.answered:
                assert api.finished(batch.request_id)["RequestStatus"] == "Completed"
        settle(api)
        there = set(api.members(self.audience))
        assert there <= {text for batch in self.batches for text in batch.members}
        for batch in self.batches:
            found = len(there.intersection(batch.members))
            assert found == len(batch.members) or (found == 0 and not batch.answered)


def settle(api: Api) -> None:
    while any(upload["accepted"] and not upload["finished"] for upload in api.control("uploads")):
        time.sleep(0.02)


@pytest.mark.faults
@pytest.mark.behaviour("kept.accepted-file", "kept.resumed", "items.at-once")
def test_killed_again_and_again_nothing_that_was_answered_is_lost(start: Start) -> None:
    chance = random.Random(2026)
    simulator = start()
    fast(simulator.api)
    clients = [Client(number, simulator.api.create(f"Killed {number}")) for number in range(1, 5)]
    for _ in range(ROUNDS):
        kill_while_they_work(simulator, clients, seconds=chance.uniform(0, 1))
        simulator = start()
        for client in clients:
            client.check(simulator.api)
    left = [path.name for path in simulator.data.rglob("*") if path.is_file()]
    assert not [name for name in left if name.endswith((".staged", ".partial", ".received", ".csv"))]
    assert sum(name.endswith(".digests") for name in left) == len(clients)


def kill_while_they_work(simulator: Simulator, clients: list[Client], *, seconds: float) -> None:
    """Kill the simulator after each client got some answers and some more seconds have passed."""
    killed = threading.Event()
    wanted = [client.answered + 3 for client in clients]
    with ThreadPoolExecutor(len(clients)) as pool:
        working = [
            pool.submit(client.work, simulator.ready, lambda: not killed.is_set()) for client in clients
        ]
        while any(client.answered < number for client, number in zip(clients, wanted, strict=True)):
            assert not any(future.done() for future in working), [future.exception() for future in working]
            time.sleep(0.01)
        time.sleep(seconds)
        simulator.process.send_signal(signal.SIGKILL)
        killed.set()
        simulator.end(signal.SIGKILL)
    for future in working:
        future.result()
