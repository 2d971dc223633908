"""Which tables have vanished or appeared, from the task that finds it out to the report."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from include.customer_match.discovery import Changes, Remembered, to_end
from include.customer_match.export import Export, Segment
from include.customer_match.run_records import Delivered
from include.customer_match.workspace import Workspace

__all__ = ["TableChanges"]

log = logging.getLogger(__name__)

_FATES = {None: "kept", "empty": "emptied", "delete": "deleted"}


@dataclass(frozen=True)
class TableChanges:
    """The changes that one run has found.

    Attributes:
        export: The export.
        workspace: Its workspace.
        folder: The run's folder there.
    """

    export: Export
    workspace: Workspace
    folder: str

    def found(self, tables: Iterable[str]) -> Changes:
        """What differs from earlier runs; of tables that the export names, each segment tells by itself."""
        if not self.export.has_patterns:
            return Changes()
        return Remembered(self.workspace, self.export).changes(tables)

    def note(self, changes: Changes) -> None:
        """Keep it for later steps and the report."""
        if self.export.has_patterns:
            self.workspace.write_bytes(self._path, changes.model_dump_json(indent=1).encode())

    def noted(self) -> Changes:
        """What was kept; nothing where no task came that far."""
        if not self.workspace.exists(self._path):
            return Changes()
        return Changes.model_validate_json(self.workspace.read_bytes(self._path))

    def endings(self, changes: Changes, present: Sequence[Segment]) -> list[Segment]:
        """The segments of vanished tables whose audiences the export does not keep.

        Args:
            changes: What differs from earlier runs.
            present: The segments that have their tables.
        """
        ending = to_end(self.export, changes.vanished, present)
        fates = {segment.table: segment.ending for segment in ending}
        for one in changes.vanished:
            fate = _FATES[fates.get(one.table)]
            log.warning(
                "The table %r is not there any more: its audience %r is %s", one.table, one.audience, fate
            )
        return ending

    def settle(self, segment: Segment, delivered: Delivered) -> None:
        """Remember a table that was delivered, so that it is missed; forget one whose audience has ended."""
        remembered = Remembered(self.workspace, self.export)
        if segment.ending is None:
            remembered.remember(segment.table, segment.audience)
        elif not delivered.refused:
            remembered.forget(segment.table)

    @property
    def _path(self) -> str:
        return f"{self.folder}/discovery.json"
