"""Databricks' transactional writes: `_started_<id>` and `_committed_<id>` next to the files say which of them count.

Databricks writes them for every table that is not a Delta table (documented: Transactional writes to cloud storage with
DBIO; on by default since Runtime 3.0). Each folder has its own. Its read protocol says:

- a file that a commit lists as removed does not count;
- a file whose name has an id (`…-tid-<id>-…`) counts if the commit of that id lists it as added, or if there is
  neither a commit nor a start of that id (VACUUM has deleted them);
- all other files count, and an empty commit is ignored.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import fsspec

from customer_match.errors import ConfigurationError
from customer_match.redaction import logger
from customer_match.storage.files import format_location
from customer_match.tables.documents import read_document
from customer_match.tables.listing import TableFile
from customer_match.tables.table import still_there

__all__ = ["committed_files"]

log = logger(__name__)

_STARTED: Final = re.compile(r"_started_(.*)")
_COMMITTED: Final = re.compile(r"_committed_(.*)")
_WITH_ID: Final = re.compile(r"[^_].*-tid-([a-z0-9]+)-.*")
_COMMITS_AT_ONCE: Final = 16
_MAX_BYTES: Final = 64 * 2**20


@dataclass
class _Commits:
    """The commits of one folder.

    Attributes:
        started: Ids of writes that were started.
        added: Names of added files, by the id of the commit.
        removed: Names of removed files.
    """

    started: set[str] = field(default_factory=set)
    added: dict[str, frozenset[str]] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)

    def counts(self, name: str) -> bool:
        """Whether a file belongs to the table."""
        if name in self.removed:
            return False
        found = _WITH_ID.fullmatch(name)
        if found is None:
            return True
        own = self.added.get(found[1])
        return found[1] not in self.started if own is None else name in own


def committed_files(
    filesystem: fsspec.AbstractFileSystem, listed: Iterable[TableFile], files: Sequence[TableFile]
) -> tuple[TableFile, ...]:
    """The data files that count according to the commits in their folders.

    Args:
        filesystem: The file system.
        listed: All files below the table, including commits.
        files: The data files.

    Raises:
        ConfigurationError: A commit cannot be read.
        TransientError: The storage failed.
    """
    folders = _commits(filesystem, listed)
    if not folders:
        return tuple(files)
    there = {file.path for file in files}
    for folder, commits in folders.items():
        added = {name for own in commits.added.values() for name in own if not name.startswith("_")}
        if missing := sorted(name for name in added - commits.removed if f"{folder}/{name}" not in there):
            log.warning(
                "%s: committed files are missing: %s",
                format_location(filesystem, folder),
                ", ".join(missing[:3]),
            )
    counted = []
    for file in files:
        folder, name = posixpath.split(file.path)
        if folder not in folders or folders[folder].counts(name):
            counted.append(file)
    return tuple(counted)


def _commits(filesystem: fsspec.AbstractFileSystem, listed: Iterable[TableFile]) -> Mapping[str, _Commits]:
    folders: dict[str, _Commits] = defaultdict(_Commits)
    written = []
    for file in listed:
        folder, name = posixpath.split(file.path)
        if found := _STARTED.fullmatch(name):
            folders[folder].started.add(found[1])
        elif _COMMITTED.fullmatch(name) and file.size_bytes:
            written.append(file)
    with ThreadPoolExecutor(_COMMITS_AT_ONCE) as pool:  # in a lake each read is a round trip
        for file, (added, removed) in zip(
            written, pool.map(lambda one: _read(filesystem, one), written), strict=True
        ):
            folder, name = posixpath.split(file.path)
            folders[folder].added[name.removeprefix("_committed_")] = added
            folders[folder].removed |= removed
    return folders


def _read(filesystem: fsspec.AbstractFileSystem, file: TableFile) -> tuple[frozenset[str], frozenset[str]]:
    where = format_location(filesystem, file.path)
    with still_there(where):
        text = read_document(filesystem, file.path, _MAX_BYTES, file.size_bytes)
    try:
        changes = json.loads(text)
        return _names(changes["added"]), _names(changes["removed"])
    except (ValueError, TypeError, LookupError, RecursionError):
        raise ConfigurationError(
            f"{where} is damaged: this commit of Databricks does not say which files it added and removed. Let the "
            "table be written again."
        ) from None


def _names(value: object) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise TypeError
    return frozenset(value)
