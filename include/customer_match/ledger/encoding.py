"""States of the ledger as files: a line with format and checksum, then the state as JSON that people can read.

| format | is |
|---|---|
| 4 | this |
| 3, 2 | the same, with fewer keys in the state |
| 1 | the JSON alone, without a checksum |

All of them are read. A key more makes a format of its own: a version that does not know it must ask to be updated,
not call the state damaged.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from pydantic import ValidationError

from customer_match.errors import TerminalError
from customer_match.ledger.state import State

__all__ = ["FORMAT", "DamagedState", "decode", "encode"]

FORMAT: Final = 4
_WITH_CHECKSUM: Final = frozenset({2, 3, FORMAT})


class DamagedState(Exception):
    """The file is torn, changed by hand, or no state at all; the words say which."""


def encode(state: State, number: int) -> bytes:
    """The file of a state: the number is that of its name, so that a file in another one's place is noticed."""
    body = state.model_dump_json(indent=1).encode()
    header = {"format": FORMAT, "number": number, "checksum": _checksum(body)}
    return json.dumps(header).encode() + b"\n" + body


def decode(content: bytes, number: int | None = None) -> State:
    """The state of a file.

    Args:
        content: What is in it.
        number: That of its name; None: whatever it says.

    Raises:
        DamagedState: It cannot be trusted.
        TerminalError: A newer version of this project wrote it.
    """
    first, _, rest = content.partition(b"\n")
    header = _json(first)
    if header is None or "checksum" not in header:
        return _of_format_1(content)
    if header.get("format") not in _WITH_CHECKSUM:
        raise TerminalError(
            f"The ledger was written in format {header.get('format')}, this version reads up to {FORMAT}. Update this "
            "project on this worker."
        )
    if _checksum(rest) != header["checksum"]:
        raise DamagedState("does not fit its checksum")
    if number is not None and header.get("number", number) != number:
        raise DamagedState(f"is a copy of the state {header['number']}")
    return _state(rest)


def _checksum(body: bytes) -> str:
    """128 bits: it guards against accidents, and nobody can take it for somebody's SHA-256."""
    return hashlib.blake2b(body, digest_size=16).hexdigest()


def _of_format_1(content: bytes) -> State:
    values = _json(content)
    if values is None:
        raise DamagedState("is no ledger state")
    if values.pop("format", 1) != 1:
        raise DamagedState("has lost its checksum")
    return _state(json.dumps(values).encode())


def _state(body: bytes) -> State:
    try:
        return State.model_validate_json(body)
    except ValidationError:
        raise DamagedState("is no ledger state") from None  # pydantic's words show what is in it


def _json(content: bytes) -> dict[str, Any] | None:
    try:
        values = json.loads(content)
    except ValueError:
        return None
    return values if isinstance(values, dict) else None
