"""Locations in OneLake, the lake of Microsoft Fabric: workspace, item, and the path in the item.

A workspace takes the position of a container, but its name may contain capitals, spaces and most other characters; the
account is always `onelake`. Both are named, or both are given by id (documented: OneLake access and APIs,
https://learn.microsoft.com/fabric/onelake/onelake-access-api). Nothing here was run against OneLake itself.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote

__all__ = ["ACCOUNT", "EXAMPLE", "GLOBAL_HOST", "decode_place", "encode_place", "is_onelake"]

ACCOUNT: Final = "onelake"
"""The name of the storage account, in every tenant and region."""

GLOBAL_HOST: Final = "onelake.blob.fabric.microsoft.com"
"""The host of the Blob API that serves all regions."""

EXAMPLE: Final = "abfss://workspace@onelake.dfs.fabric.microsoft.com/item.Lakehouse/Tables"

# The global host, that of a region (`westus-onelake`), and that of a workspace with a private link (documented:
# the id of the workspace without hyphens, and its first two digits).
_HOST: Final = re.compile(
    r"(?:(?:[a-z0-9]+-)?onelake|[0-9a-f]{32}\.z[0-9a-f]{2})\.(?:dfs|blob)\.fabric\.microsoft\.com",
    re.IGNORECASE,
)
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_WITH_TYPE: Final = re.compile(r".+\.[A-Za-z]+")
# What would end the workspace in a URL, or not be seen in a message.
_UNSAFE: Final = re.compile(r"[\s%@/:?#\x00-\x1f]")


def is_onelake(host: str | None) -> bool:
    """Return whether a host, without scheme, is one of OneLake."""
    return host is not None and _HOST.fullmatch(host) is not None


def decode_place(workspace: str, path: str) -> str:
    """Return `workspace/item/path` with the workspace and the item decoded; the rest of the path is taken as written.

    Args:
        workspace: Name or id, plain or percent-encoded.
        path: The item, and the path in it.

    Raises:
        ValueError: The workspace or the item is missing, or one is given by name and the other by id.
    """
    item, slash, below = path.strip("/").partition("/")
    workspace, item = unquote(workspace).strip(), unquote(item)
    if not workspace or not item or "/" in workspace + item:
        raise ValueError(
            f"is not a valid location in OneLake: it must name a workspace and an item. Write {EXAMPLE}"
        )
    if bool(_ID.fullmatch(workspace)) != _is_by_id(item):
        raise ValueError(
            "is not a valid location in OneLake: workspace and item must both be ids, or both be names. "
            f"Write {EXAMPLE}, or copy both ids from the item's URL in Fabric"
        )
    if not _is_by_id(item) and not _WITH_TYPE.fullmatch(item):
        raise ValueError(
            "is not a valid location in OneLake: the item has no type, such as .Lakehouse or .Warehouse. "
            f"Write {EXAMPLE}"
        )
    return f"{workspace}/{item}{slash}{below}"


def encode_place(place: str) -> tuple[str, str]:
    """Return the workspace, and the path from the item on, as `decode_place` reads them.

    Workspace and item have no white space and no other character that would end them in a URL or a message.
    """
    workspace, _, path = place.partition("/")
    item, slash, below = path.partition("/")
    return _encode(workspace), f"{_encode(item)}{slash}{below}"


def _encode(name: str) -> str:
    return _UNSAFE.sub(lambda match: quote(match[0], safe=""), name)


def _is_by_id(item: str) -> bool:
    """Whether an item is given by its id; some programs append its type (observed by others)."""
    return _ID.fullmatch(item.partition(".")[0]) is not None
