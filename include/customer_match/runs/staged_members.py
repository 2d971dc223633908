"""Finds and deletes staged files of runs that hold certain members: a person who is erased must not stay in them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from customer_match.members.digests import Digests
from customer_match.members.files import DamagedMembers, Files, is_any_in
from customer_match.redaction import logger

__all__ = ["StagedMembers", "delete_staged", "runs_with"]

log = logger(__name__)

_MEMBERS = ".parquet"


class RunsStorage(Files, Protocol):
    """The part of a workspace that this needs."""

    def list(self, relative: str, /) -> list[str]:
        """Names in a folder; empty if there is none."""

    def exists(self, relative: str, /) -> bool:
        """Whether a file exists."""

    def delete(self, relative: str, /, *, recursive: bool = False) -> None:
        """Delete a file."""


class Wanted(Protocol):
    """Tells which of n digests are looked for: shape (n,)."""

    def __call__(self, digests: Digests, /) -> npt.NDArray[np.bool_]: ...


class StagedMembers(NamedTuple):
    """What was found.

    Attributes:
        deleted: Number of files that were deleted.
        not_ended: Folders of runs that have not ended, or that the ledgers still need, and that hold such files.
    """

    deleted: int
    not_ended: tuple[str, ...]


def delete_staged(storage: RunsStorage, wanted: Wanted, *, needed: Collection[str] = ()) -> StagedMembers:
    """Delete the staged files of ended runs that hold any of the members. A run has ended if it has a report.

    A file that cannot be read may hold them, so it counts as if it did.

    Args:
        storage: The workspace.
        wanted: Tells which digests are looked for.
        needed: Paths that a ledger names; these files stay until an upload has ended.
    """
    deleted, not_ended = 0, []
    for run, report in _runs(storage):
        found = [path for path in _files(storage, run) if _holds(storage, path, wanted)]
        spared = found if not storage.exists(report) else [one for one in found if one in needed]
        for path in found:
            if path not in spared:
                storage.delete(path)
                deleted += 1
        not_ended += [run] if spared else []
    if deleted:
        log.info("Deleted %d staged files of ended runs, because they held erased members", deleted)
    return StagedMembers(deleted, tuple(not_ended))


def runs_with(storage: RunsStorage, wanted: Wanted) -> tuple[str, ...]:
    """The folders of runs whose staged files hold any of the members; a file that cannot be read counts as such."""
    return tuple(
        run
        for run, _ in _runs(storage)
        if any(_holds(storage, path, wanted) for path in _files(storage, run))
    )


def _runs(storage: RunsStorage) -> Iterator[tuple[str, str]]:
    """Yield each folder where a run has staged something, and the path of its report; earlier versions had only one."""
    for root in ("staged", "runs"):
        for folder in _folders(storage, root, depth=2):
            yield folder, f"runs{folder.removeprefix(root)}/report.json"


def _folders(storage: RunsStorage, parent: str, *, depth: int) -> Iterator[str]:
    if depth == 0:
        yield parent
        return
    for name in storage.list(parent):
        if "." not in name:
            yield from _folders(storage, f"{parent}/{name}", depth=depth - 1)


def _files(storage: RunsStorage, folder: str) -> Iterator[str]:
    for name in storage.list(folder):
        if name.endswith(_MEMBERS):
            yield f"{folder}/{name}"
        elif "." not in name:
            yield from _files(storage, f"{folder}/{name}")


def _holds(storage: RunsStorage, path: str, wanted: Wanted) -> bool:
    try:
        return is_any_in(storage, path, wanted)
    except DamagedMembers as error:
        log.warning("%s", error)
        return True
