"""Lines of the trail: anyone can check them without this project."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64decode
from datetime import timedelta, timezone

from customer_match.audit.chain import Head, head_of, lines_of
from tests.customer_match.audit.trails import EXPORT, THEN, ended, segment, started


def test_a_line_is_canonical_json_with_its_own_hash_and_the_one_before() -> None:
    first, second = lines_of([started("r1"), ended("r1", 0)], export=EXPORT, after=None, now=THEN)
    entries = [json.loads(line) for line in (first, second)]
    assert [entry["previous"] for entry in entries] == [None, entries[0]["hash"]]
    assert [entry["sequence"] for entry in entries] == [1, 2]
    for line, entry in zip((first, second), entries, strict=True):
        assert line == json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        stated = entry.pop("hash")
        content = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        assert urlsafe_b64decode(stated + "=") == hashlib.sha256(content).digest()
        assert len(stated) == 43, "no 64 hexadecimal digits, which could be an address"


def test_lines_follow_an_entry() -> None:
    [line] = lines_of([segment("r1", "Größe")], export=EXPORT, after=Head(sequence=8, hash="h"), now=THEN)
    entry = json.loads(line)
    assert (entry["sequence"], entry["previous"]) == (9, "h")
    assert head_of(line) == Head(sequence=9, hash=entry["hash"])
    assert "Größe".encode() in line, "readable, not escaped"


def test_times_are_utc_and_of_one_length() -> None:
    here = THEN.astimezone(timezone(timedelta(hours=2)))
    [line] = lines_of([started("r1")], export=EXPORT, after=None, now=here)
    assert json.loads(line)["time"] == "2026-03-01T05:00:00.000000Z"


def test_what_is_unknown_is_left_out() -> None:
    [line] = lines_of([segment("r1", "Gold")], export=EXPORT, after=None, now=THEN)
    assert not [name for name, value in json.loads(line).items() if value is None and name != "previous"]
