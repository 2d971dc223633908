"""`workspace.json`: the workspace's id, to distinguish it from others, and the format of the workspace as a whole.

The format grows when an older release must not write to the workspace any more, because it would misread files that
have no format of their own. Without the file, or without the number, the format is 1: that of release 0.1.0.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final, Protocol

from customer_match.formats import refuse_newer
from customer_match.release import release

__all__ = ["check_format", "workspace_id"]

_PATH: Final = "workspace.json"
_FORMAT: Final = 1
_ID: Final = re.compile(r"[0-9a-f]{8}")


class ReadableStorage(Protocol):
    """The operations of a workspace that its format needs."""

    def read_bytes(self, relative: str, /) -> bytes:
        """Read a small file; raise FileNotFoundError if it does not exist."""


class IdentityStorage(ReadableStorage, Protocol):
    """The operations of a workspace that its id needs."""

    def write_bytes(self, relative: str, data: bytes, /) -> None:
        """Write a small file, replacing it as a whole."""

    def create(self, relative: str, data: bytes, /) -> None:
        """Write a small file durably; raise FileExistsError if it exists."""


def workspace_id(storage: IdentityStorage) -> str:
    """Return the workspace's id (8 hex digits); create it if needed. A copy of the workspace has the same id."""
    known = _read(storage)
    if known:
        return known
    content = json.dumps({"id": secrets.token_hex(4), "format": _FORMAT, "release": release()}).encode()
    try:
        storage.create(_PATH, content)
    except FileExistsError:  # another run was faster, or the file is damaged
        if _read(storage) is None:
            storage.write_bytes(_PATH, content)
    return _read(storage) or str(json.loads(content)["id"])


def check_format(storage: ReadableStorage) -> None:
    """Check that this release may write to the workspace.

    Raises:
        NewerFormat: A newer release has changed its format.
    """
    refuse_newer(f"The workspace ({_PATH})", _content(storage), _FORMAT)


def _read(storage: ReadableStorage) -> str | None:
    found = str(_content(storage).get("id"))
    return found if _ID.fullmatch(found) else None


def _content(storage: ReadableStorage) -> Mapping[str, Any]:
    """The content of the file; empty without one, and if it is damaged."""
    try:
        return dict(json.loads(storage.read_bytes(_PATH)))
    except (FileNotFoundError, TypeError, ValueError):
        return {}
