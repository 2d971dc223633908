"""Resolves paths that a table's own files name; a path outside of the table's folder is never used."""

from __future__ import annotations

import os
import re
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem

__all__ = ["inside", "is_link_to_folder", "is_unicode", "leads_out"]

# A URI, or a path with a drive. (`time=10:00/…` is a folder.)
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:")


def inside(filesystem: fsspec.AbstractFileSystem, root: str, relative: str) -> str | None:
    """The path of a file below a folder; None if it would be outside.

    Args:
        filesystem: The file system; on a local one, symbolic links must not lead out of the folder either.
        root: The folder.
        relative: The path that the table names, decoded.
    """
    parts = [part for part in relative.split("/") if part not in ("", ".")]
    if relative.startswith("/") or _SCHEME.match(relative) or "\\" in relative or "\0" in relative:
        return None
    if not parts or ".." in parts or not is_unicode(relative):
        return None
    path = "/".join([root.rstrip("/"), *parts])
    return None if leads_out(filesystem, root, path) else path


def is_unicode(name: str) -> bool:
    """Whether a name has no lone surrogates: JSON can contain them, and Python makes them from names not in UTF-8."""
    return not any("\ud800" <= char <= "\udfff" for char in name)


def leads_out(filesystem: fsspec.AbstractFileSystem, root: str, path: str) -> bool:
    """Whether symbolic links lead from a path below a folder out of it; only local file systems have them."""
    if not isinstance(filesystem, LocalFileSystem):
        return False
    real, real_root = os.path.realpath(path), os.path.realpath(root)
    return os.path.commonpath([real, real_root]) != real_root


def is_link_to_folder(filesystem: fsspec.AbstractFileSystem, path: str) -> bool:
    """Whether a listed file is a symbolic link to a folder; only local file systems have them."""
    return isinstance(filesystem, LocalFileSystem) and Path(path).is_dir()
