"""States of the ledger as files: one line with format, checksum and release, then the state as indented JSON.

| format | content |
|---|---|
| 6 | the present format |
| 5, 4, 3, 2 | the same, with fewer keys in the state |
| 1 | the JSON alone, without a checksum |

All formats can be read. Each new key needs a new format number, so that an older release asks to be updated instead of
calling the state damaged. The first line is an object with `format` and `release` in all formats to come.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from pydantic import ValidationError

from customer_match.formats import refuse_newer
from customer_match.ledger.state import State
from customer_match.release import release

__all__ = ["FORMAT", "DamagedState", "decode", "encode"]

FORMAT: Final = 6
_WITH_CHECKSUM: Final = frozenset({2, 3, 4, 5, FORMAT})


class DamagedState(Exception):
    """The file is incomplete, changed by hand, or not a state; the message says which."""


def encode(state: State, number: int) -> bytes:
    """Write a state as file content; the number is that of the file's name, so that a misplaced copy is detected."""
    body = state.model_dump_json(indent=1).encode()
    header = {"format": FORMAT, "number": number, "checksum": _checksum(body), "release": release()}
    return json.dumps(header).encode() + b"\n" + body


def decode(content: bytes, number: int | None = None, *, where: str = "The ledger") -> State:
    """Read a state from file content.

    Args:
        content: The content of the file.
        number: The number in the file's name; None accepts any.
        where: The file, for the message about a newer release.

    Raises:
        DamagedState: The content cannot be trusted.
        NewerFormat: A newer release of this project wrote the file.
    """
    first, _, rest = content.partition(b"\n")
    header = _json(first)
    refuse_newer(where, header or {}, FORMAT)
    if header is None or "checksum" not in header:
        return _of_format_1(content)
    if header.get("format") not in _WITH_CHECKSUM:
        raise DamagedState("has a format that no release writes")
    if _checksum(rest) != header["checksum"]:
        raise DamagedState("does not match its checksum")
    if number is not None and header.get("number", number) != number:
        raise DamagedState(f"is a copy of state {header['number']}")
    return _state(rest)


def _checksum(body: bytes) -> str:
    """128 bits: it guards against accidents, and cannot be mistaken for the SHA-256 of a member."""
    return hashlib.blake2b(body, digest_size=16).hexdigest()


def _of_format_1(content: bytes) -> State:
    values = _json(content)
    if values is None:
        raise DamagedState("is not a ledger state")
    if values.pop("format", 1) != 1:
        raise DamagedState("has no checksum")
    return _state(json.dumps(values).encode())


def _state(body: bytes) -> State:
    try:
        return State.model_validate_json(body)
    except ValidationError:
        raise DamagedState("is not a ledger state") from None  # pydantic's message would show the content


def _json(content: bytes) -> dict[str, Any] | None:
    try:
        values = json.loads(content)
    except ValueError:
        return None
    return values if isinstance(values, dict) else None
