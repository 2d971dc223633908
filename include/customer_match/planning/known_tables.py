"""Remembers which tables the patterns have matched, to detect tables that have vanished or appeared.

A table is remembered before members are first sent to its audience, in a small file of its own that never changes, so
parallel runs lose nothing. It is forgotten once its audience was emptied or deleted. If a run does not find the table,
a second file records that until the table is back. Only a table that two runs in a row do not find has vanished for
good, because a day's tables may be late, and programs that overwrite a table remove it first. The changes that a run
finds are kept in the run's folder, because its other tasks use them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Protocol
from unicodedata import normalize

from pydantic import BaseModel, ConfigDict, NonNegativeInt, ValidationError

from customer_match.export.matching import shown_names, taken_by_patterns
from customer_match.export.model import Export
from customer_match.export.segments import Segment
from customer_match.export.values import comparable
from customer_match.safe_names import slug

__all__ = ["Changes", "Remembered", "Seen", "to_end"]


class Seen(BaseModel):
    """A table that was delivered before.

    Attributes:
        table: Its name.
        audience: Its audience's name.
        missed: End of the data interval of the first run that did not find it; None if every earlier run did.
    """

    model_config = ConfigDict(frozen=True)

    table: str
    audience: str
    missed: datetime | None = None


class Changes(BaseModel):
    """The differences from earlier runs.

    Attributes:
        vanished: Tables that were delivered before and no longer exist, limited to the segments of this run.
        appeared: Tables that exist and were never delivered before; empty in the first run.
        found: Number of existing tables that the patterns match.
        known: Number of tables that were delivered before and that the patterns match.
        gone: Number of these that no longer exist, not limited to the segments of this run.
    """

    model_config = ConfigDict(frozen=True)

    vanished: tuple[Seen, ...] = ()
    appeared: tuple[str, ...] = ()
    found: NonNegativeInt = 0
    known: NonNegativeInt = 0
    gone: NonNegativeInt = 0

    def chosen(self, names: Collection[str]) -> Changes:
        """Limit the changes to some segments, named by table or audience; such a run reports no new tables."""
        vanished = tuple(one for one in self.vanished if {one.table, one.audience}.intersection(names))
        return self.model_copy(update={"vanished": vanished, "appeared": ()})


class Files(Protocol):
    """The part of a workspace that is needed here."""

    def read_bytes(self, relative: str, /) -> bytes:
        """Read a small file, or raise FileNotFoundError."""

    def create(self, relative: str, data: bytes, /) -> None:
        """Write a small file, or raise FileExistsError."""

    def list(self, relative: str, /) -> list[str]:
        """Names in a folder; none if there is no such folder."""

    def delete(self, relative: str, /) -> None:
        """Delete a file, if it is there."""


class _Missed(BaseModel):
    """A record that a run did not find a table.

    Attributes:
        interval_end: End of the run's data interval.
    """

    model_config = ConfigDict(frozen=True)

    interval_end: datetime


class Remembered:
    """The tables that an export has delivered.

    Args:
        files: The workspace.
        export: The export.
    """

    def __init__(self, files: Files, export: Export) -> None:
        self._files = files
        self._export = export
        self._folder = f"tables/{export.aid}/{slug(export.name)}"
        self._missed = f"missed/{export.aid}/{slug(export.name)}"

    def changes(self, found: Iterable[str], present: Iterable[Segment] = ()) -> Changes:
        """Compare the tables of the source with those of earlier runs.

        A table does not count as vanished if no pattern matches it any more, or if the export names it: a named table
        that is missing is an error of its own. Neither does a table whose audience now belongs to another segment,
        because then the table was renamed.

        Args:
            found: Names of all tables of the source.
            present: The segments of the export that exist now.
        """
        there, held = set(found), {comparable(segment.audience) for segment in present}
        before = set(self._files.list(self._folder))
        taken = taken_by_patterns(self._export, there)
        gone = before - {_file(table) for table in there}
        seen = [one for name in sorted(gone) if (one := self._read(name))]
        vanished = tuple(
            one
            for one in seen
            if taken_by_patterns(self._export, [one.table]) and comparable(one.audience) not in held
        )
        appeared = (
            shown_names(sorted(table for table in taken if _file(table) not in before)) if before else []
        )
        still_there = sum(_file(table) in before for table in taken)
        return Changes(
            vanished=vanished,
            appeared=tuple(appeared),
            found=len(taken),
            known=still_there + len(vanished),
            gone=len(vanished),
        )

    def all(self) -> list[Seen]:
        """All tables of patterns that were delivered and not forgotten since, in order of their records."""
        return [seen for name in self._files.list(self._folder) if (seen := self._read(name))]

    def are_known(self) -> Callable[[str], bool]:
        """A function that says whether a table was delivered before and not forgotten since."""
        before = set(self._files.list(self._folder))
        return lambda table: _file(normalize("NFC", table)) in before

    def remember(self, table: str, audience: str) -> None:
        """Remember a table whose audience is about to receive members; tables that the export names need no record."""
        path = f"{self._folder}/{_file(table)}"
        if taken_by_patterns(self._export, [table]) and self._read(_file(table)) is None:
            content = Seen(table=table, audience=audience).model_dump_json(exclude={"missed"}).encode()
            self._files.delete(path)  # a damaged record
            with suppress(FileExistsError):  # created by a parallel run
                self._files.create(path, content)

    def forget(self, table: str) -> None:
        """Forget a table."""
        self._files.delete(f"{self._missed}/{_file(table)}")
        self._files.delete(f"{self._folder}/{_file(table)}")

    def note_missed(self, changes: Changes, found: Iterable[str], interval_end: datetime) -> None:
        """Record which tables a run did not find, and remove the records of tables that are back.

        Args:
            changes: The changes that the run has found.
            found: Names of all tables of the source.
            interval_end: End of its data interval.
        """
        content = _Missed(interval_end=interval_end).model_dump_json().encode()
        for one in changes.vanished:
            if one.missed is None:
                with suppress(FileExistsError):  # created by a parallel run
                    self._files.create(f"{self._missed}/{_file(one.table)}", content)
        for name in {_file(table) for table in found}.intersection(self._files.list(self._missed)):
            self._files.delete(f"{self._missed}/{name}")

    def _read(self, name: str) -> Seen | None:
        try:
            seen = Seen.model_validate_json(self._files.read_bytes(f"{self._folder}/{name}"))
        except (FileNotFoundError, ValidationError):
            return None  # a damaged record counts as missing: the audience is kept
        try:
            missed = _Missed.model_validate_json(self._files.read_bytes(f"{self._missed}/{name}"))
        except (FileNotFoundError, ValidationError):
            return seen
        return seen.model_copy(update={"missed": missed.interval_end})


def to_end(
    export: Export, vanished: Iterable[Seen], interval_end: datetime, *, at_once: bool = False
) -> list[Segment]:
    """The segments of vanished tables whose audiences are to be emptied or deleted.

    Args:
        export: The export.
        vanished: The tables that were not found.
        interval_end: End of the run's data interval; a run for an earlier interval must not have found them either.
        at_once: Whether one run that does not find them is enough.
    """
    if export.vanished == "keep":
        return []
    return [
        Segment(table=one.table, audience=one.audience, ending=export.vanished)
        for one in vanished
        if at_once or (one.missed is not None and one.missed < interval_end)
    ]


def _file(table: str) -> str:
    return f"{slug(table)}.json"
