"""Which tables patterns have found before: what has vanished since, and what is new.

A table is remembered once its audience was delivered, in a small file of its own that is created once and never
changes: runs beside one another lose nothing, and a run that fails remembers nothing. What a run has found is kept in
its folder, because the report is made by another task.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from include.customer_match.export import Export
from include.customer_match.workspace import slug

__all__ = ["Changes", "Remembered", "Seen"]


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
        vanished: Delivered before, and not there any more. Their audiences stay as they are.
        appeared: There, and never delivered before; empty in the first run.
    """

    model_config = ConfigDict(frozen=True)

    vanished: tuple[Seen, ...] = ()
    appeared: tuple[str, ...] = ()


class Files(Protocol):
    """What this needs of a workspace."""

    def read_bytes(self, relative: str, /) -> bytes:
        """Read a small file, or raise FileNotFoundError."""

    def create(self, relative: str, data: bytes, /) -> None:
        """Write a small file, or raise FileExistsError."""

    def list(self, relative: str, /) -> list[str]:
        """Names in a folder; none if there is no such folder."""


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
        taken = self._by_pattern(there)
        gone = before - {_file(table) for table in there}
        seen = [one for name in sorted(gone) if (one := self._read(name))]
        appeared = sorted(table for table in taken if _file(table) not in before) if before else []
        return Changes(
            vanished=tuple(one for one in seen if self._by_pattern({one.table})), appeared=tuple(appeared)
        )

    def remember(self, table: str, audience: str) -> None:
        """Note that a table was delivered; those that the export names need no memory."""
        if self._by_pattern({table}) and _file(table) not in self._files.list(self._folder):
            content = Seen(table=table, audience=audience).model_dump_json().encode()
            try:
                self._files.create(f"{self._folder}/{_file(table)}", content)
            except FileExistsError:
                return  # by a run beside this one

    def _by_pattern(self, tables: set[str]) -> set[str]:
        named = {selection.table for selection in self._export.segments if not selection.is_pattern}
        return {segment.table for segment in self._export.matches(tables)} - named

    def _read(self, name: str) -> Seen | None:
        try:
            return Seen.model_validate_json(self._files.read_bytes(f"{self._folder}/{name}"))
        except (FileNotFoundError, ValidationError):
            return None  # it only tells people: a damaged one is as good as none


def _file(table: str) -> str:
    return f"{slug(table)}.json"
