"""A workspace's own name: made once, kept in it, so that two workspaces can be told apart."""

from __future__ import annotations

import json
import re
import secrets
from typing import Final, Protocol

__all__ = ["workspace_id"]

_PATH: Final = "workspace.json"
_ID: Final = re.compile(r"[0-9a-f]{8}")


class IdentityStorage(Protocol):
    """What is needed of a workspace to know it again."""

    def read_bytes(self, relative: str, /) -> bytes:
        """Read a small file, or raise FileNotFoundError."""

    def write_bytes(self, relative: str, data: bytes, /) -> None:
        """Write a small file, replacing it as a whole."""

    def create(self, relative: str, data: bytes, /) -> None:
        """Write a small file durably, or raise FileExistsError."""


def workspace_id(storage: IdentityStorage) -> str:
    """The workspace's id, 8 hex digits: made where it has none. A copy of the workspace has the same one."""
    known = _read(storage)
    if known:
        return known
    content = json.dumps({"id": secrets.token_hex(4)}).encode()
    try:
        storage.create(_PATH, content)
    except FileExistsError:  # another run was faster; or it is damaged
        if _read(storage) is None:
            storage.write_bytes(_PATH, content)
    return _read(storage) or str(json.loads(content)["id"])


def _read(storage: IdentityStorage) -> str | None:
    try:
        found = str(json.loads(storage.read_bytes(_PATH))["id"])
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        return None
    return found if _ID.fullmatch(found) else None
