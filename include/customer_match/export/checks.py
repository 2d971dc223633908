"""Rules between the keys of an export file: values that are valid alone but not together.

Each check raises Faults with the wrong keys and the remedy.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence

from customer_match.export.alerts.deadline import Deadline
from customer_match.export.alerts.section import Alerts
from customer_match.export.base import Faults, KeyPath
from customer_match.export.people import Addresses, Membership, Profiles
from customer_match.export.schedule import Schedule
from customer_match.export.segments import Selection
from customer_match.export.sources import Folder, Source
from customer_match.storage.location import Location

__all__ = [
    "check_deadline",
    "check_join",
    "check_named_tables",
    "check_paths",
    "check_row_key",
    "check_workspace",
    "check_workspace_is_no_table",
]


def check_paths(source: Source, segments: Sequence[Selection]) -> None:
    """Check that tables with their own path are in the same storage as the source."""
    fault = "is not in the same storage as the source. Move this table to a separate export"
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
    """Check that the workspace is in a storage where concurrent runs detect each other."""
    if not workspace.location.can_be_workspace:
        fault = (
            "must be in an Azure storage account or on a local disk: only there is a run known to detect that another "
            "run writes the same ledger. Use an abfs:// folder of a storage account, or a local one; the source can "
            "stay where it is, also in OneLake"
        )
        raise Faults([(("workspace",), fault)])


def check_join(
    segments: Sequence[Selection], profiles: Profiles | None, membership: Membership | None
) -> None:
    """Check that memberships have profiles, and that no segment has its own table if one table lists them all."""
    if membership is None:
        return
    if profiles is None:
        raise Faults([(("membership",), "needs `profiles`. Name the table that holds the addresses")])
    fault = "is only for a segment with its own table, but `membership` names one table of all segments. Remove one"
    _raise(
        [
            (("segments", index, key), fault)
            for index, selection in enumerate(segments)
            for key in ("path", "changes")
            if membership.is_one_table and getattr(selection, key) is not None
        ]
    )


def check_workspace_is_no_table(workspace: Folder, source: Source, segments: Sequence[Selection]) -> None:
    """Check that neither a pattern nor a path takes the workspace for a table or a part of one."""
    own, tables = (posixpath.normpath(folder.locate()) + "/" for folder in (workspace, source))
    if own.startswith(tables) and any(selection.is_pattern for selection in segments):
        fault = "is inside the source, where a pattern would take it for a table. Choose another folder"
        raise Faults([(("workspace",), fault)])
    for selection in segments:
        if selection.path and own.startswith(posixpath.normpath(source.locate(selection.path)) + "/"):
            fault = (
                f"is inside the table {selection.table!r}, which would then contain it. Choose another folder"
            )
            raise Faults([(("workspace",), fault)])


def check_named_tables(segments: Sequence[Selection], others: Mapping[str, str]) -> None:
    """Check that no table named as a segment has another purpose.

    Args:
        segments: What the file names.
        others: Tables of the source that are not segments, each with the reason.
    """
    _raise(
        [
            (("segments", index), others[selection.table])
            for index, selection in enumerate(segments)
            if not selection.is_pattern and selection.path is None and selection.table in others
        ]
    )


def check_row_key(row_key: str | None, email: Addresses, segments: Sequence[Selection]) -> None:
    """Check that the column that identifies rejected rows is not an e-mail column, of a segment either."""
    every = (email, *(one.email for one in segments if one.email))
    if row_key and any(row_key.casefold() in map(str.casefold, one.columns) for one in every):
        fault = "is an e-mail column, and addresses must not be listed. Name another column"
        raise Faults([(("row_key",), fault)])


def check_deadline(deadline: Deadline | None, schedule: Schedule | None, alerts: Alerts | None) -> None:
    """Check that somebody is told about a missed deadline, and that minutes count from times of the schedule."""
    if deadline is None:
        return
    if alerts is None:
        raise Faults([(("deadline",), "is announced to nobody. Add `alerts`, or remove the deadline")])
    if deadline.minutes is not None and (schedule is None or schedule.cron is None):
        fault = 'counts from times of the schedule, which has none. Write a time of day, such as `deadline: "07:00"`'
        raise Faults([(("deadline", "minutes"), fault)])


def _raise(faults: Sequence[tuple[KeyPath, str]]) -> None:
    if faults:
        raise Faults(faults)
