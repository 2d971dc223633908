"""Folders that are named by dates: finds the newest one for a run, and the nearest ones if a day has none."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import fsspec

from customer_match.date_templates import Latest, RunDates
from customer_match.storage.files import format_location, storage_faults
from customer_match.storage.paths import list_folder
from customer_match.tables.table import TableMissing

__all__ = ["nearest_days", "newest_dated"]

_DAYS = 366  # the largest distance of other days that are searched


@dataclass(frozen=True)
class _Folders:
    """Names in folders; each folder is listed once."""

    filesystem: fsspec.AbstractFileSystem
    known: dict[str, dict[str, bool]] = field(default_factory=dict)

    def names(self, folder: str) -> dict[str, bool]:
        """The names in a folder, and whether each is a folder; empty if the folder does not exist."""
        if folder not in self.known:
            try:
                with storage_faults(format_location(self.filesystem, folder)):
                    listed = list_folder(self.filesystem, folder)
            except FileNotFoundError:
                listed = []
            self.known[folder] = {
                posixpath.basename(one["name"].rstrip("/")): one["type"] == "directory" for one in listed
            }
        return self.known[folder]

    def holds(self, path: str, above: str) -> bool:
        """Whether a path below a folder exists."""
        for name in path.removeprefix(above).strip("/").split("/"):
            if name not in self.names(above):
                return False
            above = f"{above}/{name}"
        return True


def newest_dated(
    filesystem: fsspec.AbstractFileSystem, folder: str, latest: Latest, dates: RunDates, export_path: str
) -> str:
    """Find the path in a folder with the newest date that is not after the run's data interval.

    Args:
        filesystem: The file system.
        folder: The folder above the `latest` placeholder, without a protocol.
        latest: The placeholder.
        dates: The dates of the run.
        export_path: The path in the export file, for messages.

    Raises:
        TableMissing: There is none; the message says what exists.
        TransientError: The storage failed.
    """
    zone = ZoneInfo(dates.timezone) if latest.local else UTC
    search = _Search(_Folders(filesystem), latest, zone, dates)
    found = search.newest(folder.rstrip("/"), [], latest.pattern.split("/"))
    if found is None:
        where = format_location(filesystem, folder.rstrip("/"))
        there = f"the first one is {min(search.later)!r}" if search.later else "there is none at all"
        raise TableMissing(
            f"{where} has no folder or file for `{export_path}` up to {dates.end:%Y-%m-%d %H:%M} UTC, the end of the "
            f"run's data interval; {there}. Check the job that writes them and the path in the export file, or run the "
            "export for a later data interval."
        )
    return posixpath.join(folder.rstrip("/"), found, latest.rest).rstrip("/")


@dataclass(frozen=True)
class _Search:
    folders: _Folders
    latest: Latest
    zone: ZoneInfo | object
    dates: RunDates
    later: list[str] = field(default_factory=list)

    def newest(self, folder: str, above: list[str], levels: list[str]) -> str | None:
        """The newest path below a folder: the newest year that has one, in it the newest month, and so on."""
        below = levels[1:]
        pattern = "/".join(self.latest.pattern.split("/")[: len(above) + 1])
        dated: list[tuple[datetime, str]] = []
        for name, is_folder in self.folders.names(folder).items():
            path = "/".join([*above, name])
            moment = _moment(path, pattern, self.zone)
            if moment is None or not (is_folder or not (below or self.latest.rest)):
                continue
            if self.dates.holds(moment):
                dated.append((moment, name))
            else:
                self.later.append(path)
        for _, name in sorted(dated, reverse=True):
            if not below:
                return "/".join([*above, name])
            if found := self.newest(f"{folder}/{name}", [*above, name], below):
                return found
        return None


def _moment(text: str, pattern: str, zone: object) -> datetime | None:
    """The time in a name; None if the name does not match the pattern exactly."""
    try:
        moment = datetime.strptime(text, pattern)  # noqa: DTZ007 (its zone follows)
    except ValueError:
        return None
    if moment.strftime(pattern) != text:
        return None
    return moment.replace(tzinfo=zone)  # type: ignore[arg-type]


def nearest_days(
    filesystem: fsspec.AbstractFileSystem, path_of: Callable[[int], str], days: int = _DAYS
) -> tuple[str | None, str | None]:
    """Find the nearest days that have the path that one day lacks.

    Args:
        filesystem: The file system.
        path_of: The path for the day that is a number of days after the missing one.
        days: The largest distance to search.

    Returns:
        Locations of the nearest earlier and the nearest later path; None if there is none.
    """
    paths = {shift: path_of(shift) for shift in range(-days, days + 1)}
    above = posixpath.commonpath(paths.values())
    folders = _Folders(filesystem)

    def first(shifts: range) -> str | None:
        there = (paths[shift] for shift in shifts if paths[shift] not in {paths[0], above})
        found = next((path for path in there if folders.holds(path, above)), None)
        return None if found is None else format_location(filesystem, found)

    return first(range(-1, -days - 1, -1)), first(range(1, days + 1))
