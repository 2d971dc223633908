"""Resolves the locations of files in a model, relative to the model's folder.

A model has full URIs of the lake in which it was written (documented: `location` is a URI). The folder may have been
copied since, so only the position of a file relative to its model counts, not the lake in the URI.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, urlsplit

__all__ = ["relative_to_model", "shown"]

_SCHEME: Final = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+:")
_CONTAINER_SCHEMES: Final = frozenset({"abfs", "abfss", "wasb", "wasbs"})
_ACCOUNT_THEN_CONTAINER: Final = 2
# `acme.dfs.core.windows.net`, other clouds, zones of accounts, OneLake.
_IN_AZURE: Final = re.compile(r"(?:abfss?|wasbs?)://|https?://[^/?#]*\.(?:dfs|blob)\.", re.IGNORECASE)


def relative_to_model(location: str, folder: str, entity: str, *, in_azure: bool) -> str | None:
    """The path of a data file below its model's folder; None if it is outside.

    Args:
        location: The location in the model: a URI (percent-encoded), an absolute path, a corpus path (`local:/…`), or a
            path relative to the model.
        folder: The model's folder in the file system.
        entity: Name of the entity: if a copied folder has another name, the paths of its files start there.
        in_azure: Whether the folder is in Azure. Elsewhere, a model that names files in Azure is a copy, whatever the
            name of the bucket or folder.
    """
    try:
        parts, is_whole = _parts(location)
    except ValueError:  # a host that none can have
        return None
    if ".." in parts or not parts:
        return None
    if not is_whole:
        return "/".join(parts)
    own = [part for part in folder.split("/") if part]
    below = _below(parts, own)
    is_copy = not in_azure and _IN_AZURE.match(location.strip())
    if below is None and (is_copy or not _is_the_same_lake(parts, own)):
        below = _from(entity, parts)
    return "/".join(below) if below else None


def shown(location: str) -> str:
    """A location for messages, without a possible signature."""
    return location.split("?", 1)[0]


def _parts(location: str) -> tuple[list[str], bool]:
    text = location.strip().replace("\\", "/")
    if not _SCHEME.match(text) or re.match(r"^[A-Za-z]:", text):
        text = text.split("?", 1)[0]
        return _decode(text), text.startswith("/") or bool(re.match(r"^[A-Za-z]:", text))
    url = urlsplit(text.replace("#", "%23"))  # some write a folder `C#` as it is
    container = [unquote(url.netloc.partition("@")[0])] if url.scheme.lower() in _CONTAINER_SCHEMES else []
    is_corpus = not url.netloc and url.scheme.lower() != "file"  # `local:/…`: from the model's own folder
    return [*container, *_decode(url.path)], not is_corpus


def _decode(path: str) -> list[str]:
    return [part for part in unquote(path).replace("\\", "/").split("/") if part not in ("", ".")]


def _below(parts: list[str], own: list[str]) -> list[str] | None:
    """The part of the location after the longest suffix of the model's folder that it contains."""
    for start in range(len(own)):
        tail = own[start:]
        for place in range(len(parts) - len(tail)):
            if parts[place : place + len(tail)] == tail:
                return parts[place + len(tail) :]
    return None


def _is_the_same_lake(parts: list[str], own: list[str]) -> bool:
    """Whether both are in containers of the same name: then the file is where the location says, not here."""
    return bool(own) and own[0] in parts[:_ACCOUNT_THEN_CONTAINER]


def _from(entity: str, parts: list[str]) -> list[str] | None:
    return parts[parts.index(entity) :] if entity in parts[:-1] else None
