"""Which tables patterns have found before: what has vanished since, and what is new.

A table is remembered once its audience was delivered, in a small file of its own that is created once and never
changes: runs beside one another lose nothing, and a run that fails remembers nothing. It is forgotten once its
audience was emptied or deleted. What a run has found is kept in its folder, because other tasks go by it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol

from pydantic import BaseModel, ConfigDict, NonNegativeInt, ValidationError

from include.customer_match.export import Export, Segment
from include.customer_match.export_values import comparable
from include.customer_match.workspace import slug

__all__ = ["Changes", "Remembered", "Seen", "to_end"]


class Seen(BaseModel):
    """A table that was delivered once.

    Attributes:
        table: Its name.
        audience: Its audience's name.
    """

    model_config = ConfigDict(frozen=True)

    table: str
    audience: str


class Changes(BaseModel):
    """What differs from earlier runs.

    Attributes:
        vanished: Delivered before, and not there any more; of these, the ones that the run is about.
        appeared: There, and never delivered before; empty in the first run.
        found: How many tables there are.
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

    def changes(self, found: Iterable[str]) -> Changes:
        """What differs from earlier runs.

        Tables that no pattern of the export takes any more, or that it names, have not vanished: a table that is named
        and not there is an error of its own.

        Args:
            found: Names of all tables of the source.
        """
        there = set(found)
        before = set(self._files.list(self._folder))
        taken = self._export.by_patterns(there)
        gone = before - {_file(table) for table in there}
        seen = [one for name in sorted(gone) if (one := self._read(name))]
        vanished = tuple(one for one in seen if self._export.by_patterns([one.table]))
        appeared = sorted(table for table in taken if _file(table) not in before) if before else []
        still_there = sum(_file(table) in before for table in taken)
        return Changes(
            vanished=vanished,
            appeared=tuple(appeared),
            found=len(there),
            known=still_there + len(vanished),
            gone=len(vanished),
        )

    def remember(self, table: str, audience: str) -> None:
        """Note that a table was delivered; those that the export names need no memory."""
        if self._export.by_patterns([table]) and _file(table) not in self._files.list(self._folder):
            content = Seen(table=table, audience=audience).model_dump_json().encode()
            try:
                self._files.create(f"{self._folder}/{_file(table)}", content)
            except FileExistsError:
                return  # by a run beside this one

    def forget(self, table: str) -> None:
        """Note that nothing is kept for a table any more."""
        self._files.delete(f"{self._folder}/{_file(table)}")

    def _read(self, name: str) -> Seen | None:
        try:
            return Seen.model_validate_json(self._files.read_bytes(f"{self._folder}/{name}"))
        except (FileNotFoundError, ValidationError):
            return None  # it only tells people: a damaged one is as good as none


def to_end(export: Export, vanished: Iterable[Seen], present: Iterable[Segment]) -> list[Segment]:
    """The segments of tables that have vanished, where the export does not keep their audiences.

    An audience that another segment has by now, because its table was given another name, say, is that one's.

    Args:
        export: The export.
        vanished: The tables.
        present: The segments that there are.
    """
    if export.vanished == "keep":
        return []
    taken = {comparable(segment.audience) for segment in present}
    return [
        Segment(table=one.table, audience=one.audience, ending=export.vanished)
        for one in vanished
        if comparable(one.audience) not in taken
    ]


def _file(table: str) -> str:
    return f"{slug(table)}.json"
