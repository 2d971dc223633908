"""The demo's check finds every kind of fault."""

from __future__ import annotations

import hashlib
from concurrent.futures import Future
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from customer_match_demo.expected import Expected
from customer_match_demo.show import audience_members, check_run, differences


def hexes(*numbers: int) -> list[str]:
    return sorted(hashlib.sha256(bytes([number])).hexdigest() for number in numbers)


WANTED = Expected(
    members=hexes(1, 2, 3), profiles=6, valid=4, rejected={"missing": 1, "too_long": 1}, duplicates=1
)
REPORT = {
    "segment": "t", "audience": "T", "profiles": 6, "valid": 4, "rejected": {"too_long": 1, "missing": 1},
    "duplicates": 1, "members": 3, "added": 3, "removed": None, "parts": 1, "seconds": 1.0,
}  # fmt: skip


def faults(audience: list[str] = WANTED.members, **changes: Any) -> list[str]:
    return list(differences(REPORT | changes, WANTED, audience))


def test_an_exact_audience_has_no_fault() -> None:
    assert faults() == []
    assert faults(list(reversed(WANTED.members))) == []


@pytest.mark.parametrize(
    ("members", "words"),
    [
        (hexes(1, 2), "lacks 1 members"),
        (hexes(1, 2, 3, 4), "has 1 unexpected"),
        (hexes(1, 2, 4), "lacks 1 members and has 1 unexpected"),
        (hexes(1, 2, 3, 3), "has 1 twice"),
        ([], "lacks 3 members"),
        ([member.upper() for member in hexes(1, 2, 3)], "lacks 3 members"),
    ],
    ids=["missing", "foreign", "exchanged", "twice", "empty", "upper case"],
)
def test_a_wrong_member_is_a_fault(members: list[str], words: str) -> None:
    [fault] = faults(members)
    assert words in fault
    assert not any(member in fault for member in members)


@pytest.mark.parametrize(
    ("figure", "wrong"),
    [
        ("profiles", 7), ("valid", 3), ("duplicates", 0), ("members", 4), ("members", None),
        ("rejected", {}), ("rejected", {"missing": 2}),
    ],
)  # fmt: skip
def test_a_wrong_count_is_a_fault(figure: str, wrong: Any) -> None:
    [fault] = faults(**{figure: wrong})
    assert fault.startswith(f"{figure}: reported {wrong}, expected ")


def test_every_fault_is_reported() -> None:
    assert len(faults(hexes(1, 2), profiles=7, valid=3)) == 3


class FakeSimulator(BaseHTTPRequestHandler):
    answers: dict[str, bytes]

    def do_GET(self) -> None:
        content = self.answers.get(self.path)
        self.send_response(404 if content is None else 200)
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def simulator() -> Any:
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeSimulator)
    FakeSimulator.answers = {
        "/simulator/audiences": b'[{"name": "T", "id": "7"}, {"name": "U", "id": "8"}]',
        "/simulator/audiences/7/members": "\n".join(WANTED.members).encode() + b"\n",
        "/simulator/audiences/8/members": b"",
    }
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_members_are_read_line_by_line(simulator: str) -> None:
    assert list(audience_members(simulator, "7")) == WANTED.members
    assert list(audience_members(simulator, "8")) == []


def awaited(**tables: Expected) -> Any:
    futures: dict[str, Future[Expected]] = {}
    for table, wanted in tables.items():
        futures[table] = Future()
        futures[table].set_result(wanted)
    return futures


def checked(simulator: str, segments: list[dict[str, Any]], **tables: Expected) -> list[tuple[str, ...]]:
    stack: Any = SimpleNamespace(account={"base_url": simulator})
    return [segment.faults for segment in check_run(stack, segments, awaited(**tables))]


def test_an_exact_run_has_no_faults(simulator: str) -> None:
    assert checked(simulator, [REPORT], t=WANTED) == [()]


def test_a_missing_audience_is_a_fault(simulator: str) -> None:
    [[fault]] = checked(simulator, [REPORT | {"audience": "V"}], t=WANTED)
    assert fault == "the audience does not exist"


def test_a_segment_missing_in_the_report_is_a_fault(simulator: str) -> None:
    """An empty report must not count as one without faults."""
    [first, [fault]] = checked(simulator, [REPORT], t=WANTED, u=WANTED)
    assert first == ()
    assert fault == "the run's report lacks the segment u"
