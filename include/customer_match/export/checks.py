"""Rules between the keys of an export file: what each section allows by itself, but not beside the others.

Each check raises Faults with the keys that are wrong and the remedy.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence

from customer_match.export.base import Faults, KeyPath
from customer_match.export.people import Addresses, Membership, Profiles
from customer_match.export.segments import Selection
from customer_match.export.sources import Folder, Source
from customer_match.storage.location import Location

__all__ = [
    "check_join",
    "check_named_tables",
    "check_paths",
    "check_row_key",
    "check_workspace",
    "check_workspace_is_no_table",
]


def check_paths(source: Source, segments: Sequence[Selection]) -> None:
    """Tables with a path of their own must be in the storage of the source."""
    fault = "is not where the source is. Put this table into an export of its own"
    _raise(
        [
            (("segments", index, "path"), fault)
            for index, selection in enumerate(segments)
            if selection.path
            and "://" in selection.path
            and Location.of(selection.path).scheme != source.location.scheme
        ]
    )


def check_workspace(workspace: Folder) -> None:
    """The workspace must be where runs notice each other."""
    if not workspace.location.can_be_workspace:
        fault = (
            "must be in Azure or on a local disk: only there a run is known to notice that another one writes "
            "the same ledger. Write an abfs:// or local folder; the source may stay where it is"
        )
        raise Faults([(("workspace",), fault)])


def check_join(
    segments: Sequence[Selection], profiles: Profiles | None, membership: Membership | None
) -> None:
    """Memberships need profiles; where one table lists all segments, none has a table of its own."""
    if membership is None:
        return
    if profiles is None:
        raise Faults([(("membership",), "needs `profiles`: the table that holds the addresses")])
    fault = "is for a table of its own, but `membership` names one table of all segments. Remove one of them"
    _raise(
        [
            (("segments", index, key), fault)
            for index, selection in enumerate(segments)
            for key in ("path", "changes")
            if membership.is_one_table and getattr(selection, key) is not None
        ]
    )


def check_workspace_is_no_table(workspace: Folder, source: Source, segments: Sequence[Selection]) -> None:
    """Where patterns take tables, the workspace must not be among them."""
    own, tables = (posixpath.normpath(folder.root) + "/" for folder in (workspace, source))
    if own.startswith(tables) and any(selection.is_pattern for selection in segments):
        fault = "lies in the source, where a pattern would take it for a table. Put it elsewhere"
        raise Faults([(("workspace",), fault)])


def check_named_tables(segments: Sequence[Selection], others: Mapping[str, str]) -> None:
    """The file must not name a table as a segment that has another purpose.

    Args:
        segments: What the file names.
        others: Tables of the source that are no segments, each with why it is none.
    """
    _raise(
        [
            (("segments", index), others[selection.table])
            for index, selection in enumerate(segments)
            if not selection.is_pattern and selection.path is None and selection.table in others
        ]
    )


def check_row_key(row_key: str | None, email: Addresses) -> None:
    """The column by which rejected rows are listed must hold no addresses."""
    if row_key and row_key.casefold() in map(str.casefold, email.columns):
        fault = "holds the addresses, and they are listed nowhere. Name another column"
        raise Faults([(("row_key",), fault)])


def _raise(faults: Sequence[tuple[KeyPath, str]]) -> None:
    if faults:
        raise Faults(faults)
