"""The files of a Delta log: which of them make up a version, and which version was valid at a moment."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from customer_match.errors import ConfigurationError
from customer_match.tables.listing import TableFile

__all__ = ["LOG_FOLDER", "LogFiles", "Steps", "version_at"]

LOG_FOLDER: Final = "_delta_log"
_COMMIT: Final = re.compile(r"(\d{20})\.json")
_CHECKPOINT: Final = re.compile(
    r"(\d{20})\.checkpoint(?:\.(?P<part>\d{10})\.(?P<parts>\d{10})|\.[0-9A-Fa-f-]{36})?\.(?:json|parquet)"
)


@dataclass(frozen=True)
class Steps:
    """What has to be read to know a version.

    Attributes:
        version: The version.
        checkpoint: Files of one checkpoint: where to begin; none: at nothing.
        commits: What came after it, in order.
    """

    version: int
    checkpoint: tuple[TableFile, ...]
    commits: tuple[TableFile, ...]


@dataclass(frozen=True)
class LogFiles:
    """The files of a log.

    Attributes:
        where: The table, for messages.
        commits: By version.
        checkpoints: Complete ones, by version; of several of one version any.
    """

    where: str
    commits: Mapping[int, TableFile]
    checkpoints: Mapping[int, tuple[TableFile, ...]]

    @classmethod
    def of(cls, where: str, files: Iterable[TableFile]) -> LogFiles:
        """Sort the files of the log's folder (not of folders in it); others than of a log are passed over."""
        commits: dict[int, TableFile] = {}
        parts: dict[tuple[int, int], dict[int, TableFile]] = defaultdict(dict)
        for file in files:
            name = file.path.rsplit("/", 1)[-1]
            if found := _COMMIT.fullmatch(name):
                commits[int(found[1])] = file
            elif found := _CHECKPOINT.fullmatch(name):
                parts[int(found[1]), int(found["parts"] or 1)][int(found["part"] or 1)] = file
        # Documented: one in parts of which some are missing is to be ignored.
        whole = {
            version: tuple(files[part] for part in sorted(files))
            for (version, count), files in parts.items()
            if len(files) == count
        }
        return cls(where, commits, whole)

    @property
    def versions(self) -> list[int]:
        """Versions that the log tells of, the oldest that can be read first; later ones may have a hole below."""
        known = sorted(self.commits.keys() | self.checkpoints.keys())
        if 0 in self.commits:
            return known
        oldest = min(self.checkpoints, default=None)
        return [] if oldest is None else [version for version in known if version >= oldest]

    def steps_to(self, version: int) -> Steps:
        """What to read for a version.

        Raises:
            ConfigurationError: A commit on the way is missing.
        """
        start = max((known for known in self.checkpoints if known <= version), default=-1)
        needed = range(start + 1, version + 1)
        missing = [number for number in needed if number not in self.commits]
        if missing:
            raise ConfigurationError(
                f"{self.where} is a Delta table whose log has a hole: {LOG_FOLDER}/{missing[0]:020}.json is missing, "
                f"without which version {version} cannot be known. Restore that file, or write the table again."
            )
        return Steps(version, self.checkpoints.get(start, ()), tuple(self.commits[n] for n in needed))

    def written(self) -> dict[int, datetime]:
        """When each version was written, as far as the storage knows; never earlier than the one before.

        Documented as Spark's way with clocks that jump: a version that seems not later counts as 1 ms later.
        """
        times: dict[int, datetime] = {}
        last: datetime | None = None
        for version, time in self._file_times():
            last = time if last is None or time > last else last + timedelta(milliseconds=1)
            times[version] = last
        return times

    def _file_times(self) -> Iterator[tuple[int, datetime]]:
        for version in self.versions:
            file = self.commits.get(version) or self.checkpoints[version][0]
            if file.modified is not None:
                yield version, file.modified


def version_at(log: LogFiles, moment: datetime, time_of: Callable[[int], datetime]) -> int:
    """The version that was valid at a moment: the newest that was not written later.

    Args:
        log: Its files.
        moment: With a time zone.
        time_of: When a version was committed; asked for few of them.

    Raises:
        ConfigurationError: The log begins later.
    """
    versions = log.versions
    found = bisect_right(versions, moment, key=time_of)
    if found:
        return versions[found - 1]
    raise ConfigurationError(
        f"{log.where} is wanted as it was at {moment.isoformat()} (the end of the run's data interval), but its "
        f"Delta log begins later: with version {versions[0]} of {time_of(versions[0]).isoformat()}. Run the export "
        "for a later interval, or let the log be kept longer (`delta.logRetentionDuration`). A copied table has "
        "the times of its copying."
    )
