"""The files of a Delta log: which of them make up a version, and which version was valid at a given time."""

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
    """The files to read for a version.

    Attributes:
        version: The version.
        checkpoint: Files of the checkpoint to start from; empty: start from an empty table.
        commits: Commits after the checkpoint, in order.
    """

    version: int
    checkpoint: tuple[TableFile, ...]
    commits: tuple[TableFile, ...]


@dataclass(frozen=True)
class LogFiles:
    """The files of a log.

    Attributes:
        where: The table, for messages.
        commits: Commits by version.
        checkpoints: Complete checkpoints by version; any of several checkpoints of one version.
    """

    where: str
    commits: Mapping[int, TableFile]
    checkpoints: Mapping[int, tuple[TableFile, ...]]

    @classmethod
    def of(cls, where: str, files: Iterable[TableFile]) -> LogFiles:
        """Sort the files of the log's folder (without sub-folders); other files are ignored."""
        commits: dict[int, TableFile] = {}
        parts: dict[tuple[int, int], dict[int, TableFile]] = defaultdict(dict)
        for file in files:
            name = file.path.rsplit("/", 1)[-1]
            if found := _COMMIT.fullmatch(name):
                commits[int(found[1])] = file
            elif found := _CHECKPOINT.fullmatch(name):
                parts[int(found[1]), int(found["parts"] or 1)][int(found["part"] or 1)] = file
        # Documented: a checkpoint with missing parts must be ignored.
        whole = {
            version: tuple(files[part] for part in sorted(files))
            for (version, count), files in parts.items()
            if len(files) == count
        }
        return cls(where, commits, whole)

    @property
    def versions(self) -> list[int]:
        """Versions in the log, starting with the oldest readable one; commits before later versions may be missing."""
        known = sorted(self.commits.keys() | self.checkpoints.keys())
        if 0 in self.commits:
            return known
        oldest = min(self.checkpoints, default=None)
        return [] if oldest is None else [version for version in known if version >= oldest]

    def steps_to(self, version: int) -> Steps:
        """The files to read for a version.

        Raises:
            ConfigurationError: A required commit is missing.
        """
        start = max((known for known in self.checkpoints if known <= version), default=-1)
        needed = range(start + 1, version + 1)
        missing = [number for number in needed if number not in self.commits]
        if missing:
            raise ConfigurationError(
                f"{self.where} is a Delta table whose log is incomplete: {LOG_FOLDER}/{missing[0]:020}.json is "
                f"missing, which version {version} needs. Restore that file, or write the table again."
            )
        return Steps(version, self.checkpoints.get(start, ()), tuple(self.commits[n] for n in needed))

    def written(self) -> dict[int, datetime]:
        """When each version was written, as far as the storage knows; always later than the version before.

        Documented as Spark's way to handle clocks that jump: a version with an earlier time counts as 1 ms later.
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
    """The version that was valid at a given time: the newest one that was not written later.

    Args:
        log: The files of the log.
        moment: The time, with a time zone.
        time_of: Returns when a version was committed; called for a few versions.

    Raises:
        ConfigurationError: The log starts later.
    """
    versions = log.versions
    found = bisect_right(versions, moment, key=time_of)
    if found:
        return versions[found - 1]
    raise ConfigurationError(
        f"The run needs {log.where} as it was at {moment.isoformat()} (the end of its data interval), but the Delta "
        f"log starts later: with version {versions[0]} of {time_of(versions[0]).isoformat()}. Run the export for a "
        "later data interval, or have the log kept longer (`delta.logRetentionDuration`). A copied table has the "
        "times at which it was copied."
    )
