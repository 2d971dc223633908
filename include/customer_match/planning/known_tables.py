"""Which tables patterns have found before: what has vanished since, and what is new.

A table is remembered before its audience is first sent to, in a small file of its own that is created once and never
changes: runs beside one another lose nothing. It is forgotten once its audience was emptied or deleted. That a run
missed it is noted in a file beside, until it is there again: only what two runs in a row miss has gone for good, for
a day's tables may come late, and programs that overwrite a table remove it first. What a run has found is kept in its
folder, because other tasks go by it.
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
    """A table that was delivered once.

    Attributes:
        table: Its name.
        audience: Its audience's name.
        missed: End of the data interval of the first run that missed it; None: it is there, or none did before.
    """

    model_config = ConfigDict(frozen=True)

    table: str
    audience: str
    missed: datetime | None = None


class Changes(BaseModel):
    """What differs from earlier runs.

    Attributes:
        vanished: Delivered before, and not there any more; of these, the ones that the run is about.
        appeared: There, and never delivered before; empty in the first run.
        found: How many tables there are that the patterns take.
        known: How many tables were delivered before, of those that the patterns take.
        gone: How many of these are not there any more, whatever the run is about.
    """

    model_config = ConfigDict(frozen=True)

    vanished: tuple[Seen, ...] = ()
    appeared: tuple[str, ...] = ()
    found: NonNegativeInt = 0
    known: NonNegativeInt = 0
    gone: NonNegativeInt = 0

    def chosen(self, names: Collection[str]) -> Changes:
        """What of it a run of some segments is about, named by table or audience: it cannot tell what is new."""
        vanished = tuple(one for one in self.vanished if {one.table, one.audience}.intersection(names))
        return self.model_copy(update={"vanished": vanished, "appeared": ()})


class Files(Protocol):
    """What this needs of a workspace."""

    def read_bytes(self, relative: str, /) -> bytes:
        """Read a small file, or raise FileNotFoundError."""

    def create(self, relative: str, data: bytes, /) -> None:
        """Write a small file, or raise FileExistsError."""

    def list(self, relative: str, /) -> list[str]:
        """Names in a folder; none if there is no such folder."""

    def delete(self, relative: str, /) -> None:
        """Delete a file, if it is there."""


class _Missed(BaseModel):
    """That a run did not find a table.

    Attributes:
        interval_end: End of its data interval.
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
        """What differs from earlier runs.

        Tables that no pattern of the export takes any more, or that it names, have not vanished: a table that is named
        and not there is an error of its own. Nor have those whose audience another segment has by now: somebody gave
        the table another name.

        Args:
            found: Names of all tables of the source.
            present: The segments that there are.
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

    def are_known(self) -> Callable[[str], bool]:
        """Whether a table of a name was delivered before, and has not ended since."""
        before = set(self._files.list(self._folder))
        return lambda table: _file(normalize("NFC", table)) in before

    def remember(self, table: str, audience: str) -> None:
        """Note that a table's audience is sent to; those that the export names need no memory."""
        path = f"{self._folder}/{_file(table)}"
        if taken_by_patterns(self._export, [table]) and self._read(_file(table)) is None:
            content = Seen(table=table, audience=audience).model_dump_json(exclude={"missed"}).encode()
            self._files.delete(path)  # a damaged one
            with suppress(FileExistsError):  # by a run beside this one
                self._files.create(path, content)

    def forget(self, table: str) -> None:
        """Note that nothing is kept for a table any more."""
        self._files.delete(f"{self._missed}/{_file(table)}")
        self._files.delete(f"{self._folder}/{_file(table)}")

    def note_missed(self, changes: Changes, found: Iterable[str], interval_end: datetime) -> None:
        """Note which tables a run has missed, and that others are there again.

        Args:
            changes: What the run has found, as far as it may tell.
            found: Names of all tables of the source.
            interval_end: End of its data interval.
        """
        content = _Missed(interval_end=interval_end).model_dump_json().encode()
        for one in changes.vanished:
            if one.missed is None:
                with suppress(FileExistsError):  # by a run beside this one
                    self._files.create(f"{self._missed}/{_file(one.table)}", content)
        for name in {_file(table) for table in found}.intersection(self._files.list(self._missed)):
            self._files.delete(f"{self._missed}/{name}")

    def _read(self, name: str) -> Seen | None:
        try:
            seen = Seen.model_validate_json(self._files.read_bytes(f"{self._folder}/{name}"))
        except (FileNotFoundError, ValidationError):
            return None  # a damaged one is as good as none: the audience is kept
        try:
            missed = _Missed.model_validate_json(self._files.read_bytes(f"{self._missed}/{name}"))
        except (FileNotFoundError, ValidationError):
            return seen
        return seen.model_copy(update={"missed": missed.interval_end})


def to_end(
    export: Export, vanished: Iterable[Seen], interval_end: datetime, *, at_once: bool = False
) -> list[Segment]:
    """The segments of tables that have gone for good, where the export does not keep their audiences.

    Args:
        export: The export.
        vanished: The tables that are not there.
        interval_end: End of the run's data interval: a run for an earlier one must have missed them, too.
        at_once: Whether nobody need have missed them before.
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
