"""Entries of the audit trail as lines of JSON, each of which contains the hash of the line before.

A line is the canonical JSON (RFC 8785) of an entry. Its `hash` is the SHA-256 of the canonical JSON without `hash`;
`previous` is the hash of the previous line, null in the first one. Hashes are written in base64url without padding, as
in RFC 7638, so that nobody mistakes one for the SHA-256 of an e-mail address, which is written in hexadecimal digits.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from customer_match.audit.events import Event

__all__ = ["Head", "as_line", "digest_of", "head_of", "lines_of"]


class Head(BaseModel):
    """The last entry of a trail, or of a part of it.

    Attributes:
        sequence: Its number, from 1.
        hash: Its hash.
    """

    model_config = ConfigDict(frozen=True)

    sequence: PositiveInt
    hash: str = Field(min_length=1)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` has written.

        Raises:
            ValueError: The text is something else.
        """
        sequence, _, digest = text.strip().partition(":")
        return cls.model_validate({"sequence": sequence, "hash": digest})

    def __str__(self) -> str:
        return f"{self.sequence}:{self.hash}"


def lines_of(events: Iterable[Event], *, export: str, after: Head | None, now: datetime) -> Iterator[bytes]:
    """Make the lines of events, without line ends.

    Args:
        events: The events, in their order.
        export: Name of the export.
        after: The entry that they follow; None: they are the first ones.
        now: The time of the entries.
    """
    sequence, previous = (after.sequence, after.hash) if after else (0, None)
    time = f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
    for event in events:
        sequence += 1
        values = event.model_dump(mode="json", exclude_none=True)
        entry = {"sequence": sequence, "time": time, "export": export, **values, "previous": previous}
        previous = digest_of(entry)
        yield as_line({**entry, "hash": previous})


def head_of(line: bytes) -> Head:
    """Read the number and the hash of a line.

    Raises:
        ValueError: The line is no entry.
    """
    return Head.model_validate_json(line)


def as_line(entry: Mapping[str, Any]) -> bytes:
    """Return an entry as a line, without the line end.

    Python writes canonical JSON for what entries contain: ASCII keys, texts, whole numbers below 2^53, no fractions.
    """
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest_of(values: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the canonical JSON of values; a key `hash` among them does not count."""
    content = as_line({name: value for name, value in values.items() if name != "hash"})
    return urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
