"""States as files: those of older formats, as versions of this project wrote them, are still read."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from customer_match.errors import TerminalError
from customer_match.formats import NewerFormat
from customer_match.ledger.actions import Action
from customer_match.ledger.encoding import FORMAT, DamagedState, decode, encode
from customer_match.ledger.generation import Generation
from customer_match.ledger.parts import Part, Progress, Request
from customer_match.ledger.state import Forced, KnownSize, Renewal, Settled, State
from customer_match.ledger.unanswered_calls import UnansweredCalls
from customer_match.members.files import MembersFile
from customer_match.release import release

SAMPLES = Path(__file__).parent / "samples"
THEN = datetime(2026, 10, 1, 5, tzinfo=UTC)


def members(name: str, count: int) -> MembersFile:
    return MembersFile(path=f"ledgers/2/gold/{name}.parquet", count=count)


SEALED = members("late", 3).model_copy(update={"seal": "0123456789abcdef:0123456789abcdef0123456789abcdef"})

WRITTEN = State(
    audience="Gold",
    audience_id="81",
    segment="autumn/gold",
    settled=Settled(certain=members("bounds/3/certain", 900), possible=members("bounds/3/possible", 950), known=True),
    plan_id="p",
    requests=4,
    parts=(
        Part(
            action=Action.REMOVE,
            members=members("remove-1", 50),
            progress=Progress.CONFIRMED,
            refused=members("refused", 1),
        ),
        Part(
            action=Action.ADD,
            members=members("add-1", 70),
            progress=Progress.SENT,
            request=Request(id="r7", upload_url="https://upload.example/r7", requested_at=THEN),
        ),
    ),
    refused={"EmailMustBeHashed": 1},
    interval_end=THEN,
    updated_at=THEN,
)  # fmt: skip
"""What the samples were written from."""


@pytest.mark.parametrize("number", range(1, FORMAT))
def test_a_state_of_an_older_format(number: int) -> None:
    assert decode((SAMPLES / f"format_{number}.json").read_bytes()) == WRITTEN


def test_what_is_written_has_the_newest_format() -> None:
    state = WRITTEN.model_copy(
        update={
            "planned_at": THEN,
            "forced": Forced(by="backfill", over=THEN),
            "renewed": Renewal(at=THEN, days=30),
            "renewing": Renewal(at=THEN, days=-1),
            "size": KnownSize(at=THEN, matched=5, members=9),
            "generation": Generation(token="w-2", before=("w-1", None), unwritable="refused"),
            "late": (UnansweredCalls(audience_id="81", action=Action.ADD, members=SEALED, until=THEN),),
        }
    )
    content = encode(state, 7)
    assert json.loads(content.splitlines()[0])["format"] == FORMAT
    assert decode(content) == state


@pytest.mark.bad_input
def test_a_checksum_counts_in_older_formats_too() -> None:
    content = (SAMPLES / "format_2.json").read_bytes().replace(b'"count": 900', b'"count": 901')
    with pytest.raises(DamagedState, match="checksum"):
        decode(content)


@pytest.mark.bad_input
@pytest.mark.parametrize("number", [FORMAT + 1, 17])
@pytest.mark.parametrize("checksum", ["checksum", "hash"])
@pytest.mark.parametrize("body", [None, b"", b"\x00\x01 not JSON"])
def test_a_newer_format_is_no_damage(number: int, checksum: str, body: bytes | None) -> None:
    """Whatever else may change: nobody knows what follows the first line, or which checksum a newer release uses."""
    first, _, rest = encode(WRITTEN, 7).partition(b"\n")
    header = json.loads(first) | {"format": number, "release": "1.2.0"}
    header[checksum] = header.pop("checksum")
    content = json.dumps(header).encode() + b"\n" + (rest if body is None else body)
    with pytest.raises(NewerFormat) as refused:
        decode(content, 7, where="The ledger x")
    message = str(refused.value)
    assert message.startswith("The ledger x was written by release 1.2.0 of this project in format ")
    assert (
        f"but this release ({release()}) reads formats up to {FORMAT}. Nothing was changed. Update" in message
    )
    assert isinstance(refused.value, TerminalError)


@pytest.mark.bad_input
@pytest.mark.parametrize("by", [None, 7, "", "evil\x1b[2J", "jane@example.com", "x" * 100])
def test_the_release_is_named_only_if_it_looks_like_one(by: object) -> None:
    first, _, rest = encode(WRITTEN, 7).partition(b"\n")
    header = json.loads(first) | {"format": FORMAT + 1, "release": by}
    with pytest.raises(
        NewerFormat, match=r"^The ledger was written by a newer release of this project in format 7,"
    ):
        decode(json.dumps(header).encode() + b"\n" + rest)


@pytest.mark.bad_input
@pytest.mark.parametrize("number", ["1", "-5", '"5"', "null"])
def test_a_format_that_no_release_writes_is_damage(number: str) -> None:
    """Format 1 has no first line of its own, and formats are whole numbers."""
    content = encode(WRITTEN, 7).replace(f'"format": {FORMAT}'.encode(), f'"format": {number}'.encode(), 1)
    with pytest.raises(DamagedState, match="no release writes"):
        decode(content)


def test_new_keys_need_a_new_format() -> None:
    """If this fails: raise FORMAT, add a sample of the format before, and change the keys here."""
    keys = _keys(State.model_json_schema())
    assert FORMAT == 6
    assert hashlib.sha256(json.dumps(keys).encode()).hexdigest()[:16] == "e8de301436d30598", keys


def _keys(schema: dict[str, Any]) -> list[str]:
    """All keys of a state and of what it contains."""
    kinds = {"State": schema, **schema["$defs"]}
    return sorted(f"{kind}.{name}" for kind, one in kinds.items() for name in one.get("properties", ()))


@pytest.mark.bad_input
def test_a_state_in_the_place_of_another() -> None:
    content = encode(WRITTEN, 7)
    assert decode(content, 7) == WRITTEN
    with pytest.raises(DamagedState, match="is a copy of state 7"):
        decode(content, 8)
    assert decode((SAMPLES / "format_3.json").read_bytes(), 8) == WRITTEN, "older formats do not tell"
