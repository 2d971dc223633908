"""Deletes what runs have staged: members and parts are digests, which are personal data, and only their run needs them.

A segment's staged data are deleted when the run has succeeded with it. Those of a failed segment stay, so that its
tasks can be tried again, but not longer than `staged_days`. What a ledger still names stays: parts of an upload that
has not ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final, Protocol

from customer_match.ledger.numbered_files import file_name, numbered
from customer_match.runs.folders import staged_folder
from customer_match.safe_names import slug

__all__ = ["StagedData"]

_STAGED: Final = ("members.parquet", "parts")
"""What a segment's folder has of members."""


class Files(Protocol):
    """The part of a workspace that this module needs."""

    def list(self, relative: str, /) -> list[str]:
        """Names in a folder; empty if there is none."""

    def read_bytes(self, relative: str, /) -> bytes:
        """Read a small file, or raise FileNotFoundError."""

    def modified(self, relative: str, /) -> datetime:
        """When a file was written, or FileNotFoundError."""

    def delete(self, relative: str, /, *, recursive: bool = False) -> None:
        """Delete a file or a folder; do nothing if it does not exist."""


class StagedData:
    """What the runs of an export have staged.

    Args:
        files: The workspace.
        export: Name of the export.
        account_id: Its account, whose ledgers may name staged parts.
    """

    def __init__(self, files: Files, export: str, account_id: str) -> None:
        self._files = files
        self._export = export
        self._ledgers = f"ledgers/{account_id}"
        self.folder = f"staged/{slug(export)}"
        self._runs = f"runs/{slug(export)}"

    def remove(self, run_id: str, audience: str) -> None:
        """Delete what a run has staged for an audience."""
        self.delete(staged_folder(self._export, run_id, audience))

    def delete(self, folder: str) -> None:
        """Delete a folder or file, and the folder above it if that is then empty: a local disk keeps empty folders."""
        self._files.delete(folder, recursive="." not in folder.rpartition("/")[2])
        above = folder.rpartition("/")[0]
        if above.count("/") > 1 and not self._files.list(above):
            self._files.delete(above, recursive=True)

    def expired(self, before: datetime) -> Iterator[str]:
        """Yield the folders of what was staged before a time, unless a ledger names a file in them."""
        for run in self._files.list(self.folder):
            for audience in self._files.list(f"{self.folder}/{run}"):
                folder = f"{self.folder}/{run}/{audience}"
                if self._is_older(folder, before) and not self._is_named(folder, audience):
                    yield folder

    def expired_in_runs(self, before: datetime) -> Iterator[str]:
        """Yield what release 0.1.0 staged before a time: files and folders beside the results of its steps.

        This looks into each run, so runs do not do it; `customer-match clean` does, after an upgrade.
        """
        for run in self._files.list(self._runs):
            for audience in self._files.list(f"{self._runs}/{run}"):
                folder = f"{self._runs}/{run}/{audience}"
                found = [] if "." in audience else [one for one in self._files.list(folder) if one in _STAGED]
                if found and self._is_older(folder, before) and not self._is_named(folder, audience):
                    yield from (f"{folder}/{name}" for name in found)

    def expired_runs(self, before: datetime) -> Iterator[str]:
        """Yield the folders of runs that wrote nothing since a time, also of those that were killed.

        The history leads to runs with a report without looking at each of them. Earlier versions staged in these
        folders, too: one is expired only if no ledger names a file in it.
        """
        for run in self._files.list(self._runs):
            folder = f"{self._runs}/{run}"
            audiences = self._files.list(folder)
            if self._is_older(folder, before) and not any(
                self._is_named(f"{folder}/{one}", one) for one in audiences
            ):
                yield folder

    def _is_older(self, folder: str, moment: datetime) -> bool:
        """Whether all files are older; a folder without files may be that of a task that is just writing the first."""
        times = [self._files.modified(path) for path in self._paths(folder)]
        return bool(times) and max(times) < moment

    def _paths(self, folder: str) -> Iterator[str]:
        for name in self._files.list(folder):
            path = f"{folder}/{name}"
            if "." in name:  # folders are slugs, which have none
                yield path
            else:
                yield from self._paths(path)

    def _is_named(self, folder: str, audience: str) -> bool:
        """Whether the ledger's newest state names a file of the folder. Both name an audience's folder alike."""
        states = f"{self._ledgers}/{audience}/states"
        numbers = numbered(self._files.list(states)).numbers
        return bool(numbers) and f'"{folder}/'.encode() in self._files.read_bytes(
            f"{states}/{file_name(numbers[-1])}"
        )
