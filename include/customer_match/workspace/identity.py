"""The workspace's id: created once and stored in the workspace, to distinguish it from others."""

from __future__ import annotations

import json
import re
import secrets
from typing import Final, Protocol

__all__ = ["workspace_id"]

_PATH: Final = "workspace.json"
_ID: Final = re.compile(r"[0-9a-f]{8}")


class IdentityStorage(Protocol):
    """The operations of a workspace that its id needs."""

    def read_bytes(self, relative: str, /) -> bytes:
        """Read a small file; raise FileNotFoundError if it does not exist."""

    def write_bytes(self, relative: str, data: bytes, /) -> None:
        """Write a small file, replacing it as a whole."""

    def create(self, relative: str, data: bytes, /) -> None:
        """Write a small file durably; raise FileExistsError if it exists."""


def workspace_id(storage: IdentityStorage) -> str:
    """Return the workspace's id (8 hex digits); create it if needed. A copy of the workspace has the same id."""
    known = _read(storage)
    if known:
        return known
    content = json.dumps({"id": secrets.token_hex(4)}).encode()
    try:
        storage.create(_PATH, content)
    except FileExistsError:  # another run was faster, or the file is damaged
        if _read(storage) is None:
            storage.write_bytes(_PATH, content)
    return _read(storage) or str(json.loads(content)["id"])


def _read(storage: IdentityStorage) -> str | None:
    try:
        found = str(json.loads(storage.read_bytes(_PATH))["id"])
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        return None
    return found if _ID.fullmatch(found) else None
