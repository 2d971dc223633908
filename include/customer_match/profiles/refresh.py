"""Notices a new version of the tables that an export reads, without reading rows.

Each look lists the files. Only when the listing has changed are the tables opened, to see whether the change concerns
them: their folders may hold other tables and files of writers at work.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from customer_match.errors import ConfigurationError
from customer_match.export.matching import segments_of
from customer_match.export.model import Export
from customer_match.export.sources import Source
from customer_match.profiles.dated_source import DatedSource
from customer_match.redaction import logger
from customer_match.tables.listing import TableFile
from customer_match.tables.table import Table, TableMissing
from customer_match.tables.version import version_of

__all__ = ["Refresh", "RefreshedTables"]

log = logger(__name__)

_AT_WORK: Final = "/_temporary/"
"""In the paths of files that Spark's committer moves into the table's folder when the job ends."""
_FORGOTTEN: Final = timedelta(hours=1)
"""Age from which such files are what a job that was killed has left."""
_DONE: Final = "_SUCCESS"
"""Spark writes it when all files of a job are in the table's folder."""

SourceAt = Callable[[Source], DatedSource]
"""Gives a source the dates of the present time."""


@dataclass(frozen=True)
class RefreshedTables:
    """The tables of an export as a run would read them now.

    Attributes:
        version: Identifies this state among all states of the tables.
        count: Number of tables.
        is_complete: Whether a log or a file of the writer says of each table that it was written to its end.
    """

    version: str
    count: int
    is_complete: bool


class Refresh:
    """Looks at the tables of an export again and again, and says when there is a new version.

    Args:
        export: The export.
        source_at: Opens its sources.
        settle_seconds: A table without a log of its own counts as written when its files have not changed for so long.
    """

    def __init__(self, export: Export, source_at: SourceAt, settle_seconds: float) -> None:
        self._export = export
        self._source_at = source_at
        self._settle = timedelta(seconds=settle_seconds)
        self._listing: str | None = None
        self._changed = datetime.min.replace(tzinfo=UTC)
        self._judged = False
        self._have_logs = True  # until the tables were opened

    def look(self, known: str | None, now: datetime) -> RefreshedTables | None:
        """Look at the tables.

        Args:
            known: The version that was noticed last; None: none was.
            now: The present time, UTC.

        Returns:
            A version that is not the known one and that was written to its end; None if there is none.

        Raises:
            CustomerMatchError: The tables cannot be listed now.
        """
        files = dict(self._files())
        listing = _digest(sorted(f"{path}\n{_written(file)}" for path, file in files.items()))
        if listing != self._listing:
            self._listing, self._changed, self._judged = listing, now, False
        is_settled = now - self._changed >= self._settle and not _is_at_work(files, now)
        may_be_complete = self._have_logs or any(posixpath.basename(path) == _DONE for path in files)
        if self._judged or not (is_settled or may_be_complete):
            return None
        try:
            tables = self._open(files)
        except ConfigurationError as error:  # a writer may have begun; the next listing may be good
            self._judged = is_settled
            if is_settled:
                log.warning("The tables of %s cannot be read: %s", self._export.name, error)
            return None
        self._have_logs = tables.is_complete
        if tables.version == known:
            self._judged = True
            return None
        if not (is_settled or tables.is_complete):
            return None
        self._judged = True
        return tables

    @property
    def seconds_to_settle(self) -> float:
        """How long files must not change; 0 if there is nothing to wait for."""
        return 0.0 if self._judged else self._settle.total_seconds()

    # --- The files -----------------------------------------------------------------------------------------

    def _files(self) -> Iterator[tuple[str, TableFile]]:
        """All files below the folders of the tables, by their paths."""
        for source, path in self._places():
            try:
                listing = self._source_at(source).files(path)
            except TableMissing:  # of a dated path; it may come
                continue
            for file in listing.files if listing else ():
                yield file.path, file

    def _places(self) -> Iterator[tuple[Source, str | None]]:
        """Sources with paths; None: the root."""
        export = self._export
        named = [
            (export.source, one.path)
            for one in export.segments
            if not one.is_pattern and not export.memberships
        ]
        if export.memberships:
            named.append((export.source, export.memberships.path))
        elif export.has_patterns:
            named.append((export.source, None))
        others = (*((export.profiles,) if export.profiles else ()), *export.suppress)
        named += [(other.source or export.source, other.path) for other in others]
        yield from {
            (source.connection, source.locate(), path): (source, path) for source, path in named
        }.values()

    # --- The tables ----------------------------------------------------------------------------------------

    def _open(self, files: Mapping[str, TableFile]) -> RefreshedTables:
        done = {
            posixpath.dirname(path): file.modified
            for path, file in files.items()
            if posixpath.basename(path) == _DONE and file.modified
        }
        versions, complete = [], True
        for table in self._tables():
            version = version_of(table)
            versions.append(f"{version.location}\n{version.version}\n{version.fingerprint}")
            complete = complete and (version.version is not None or _is_done(table, done))
        return RefreshedTables(_digest(sorted(versions)), len(versions), complete)

    def _tables(self) -> Iterator[Table]:
        """Open all tables that a run reads."""
        export, source = self._export, self._source_at(self._export.source)
        if export.memberships:
            one = export.memberships
            yield self._source_at(export.source.with_changes(one.changes)).open(
                one.name, one.path, "`membership`"
            )
        else:
            found = source.tables() if export.has_patterns else {}
            for segment in segments_of(export, found):
                if not segment.fault:
                    dated = self._source_at(export.source_of(segment))
                    yield dated.open(segment.table, segment.path, "the segment")
        for key, other in (
            *((("`profiles`", export.profiles),) if export.profiles else ()),
            *(("`suppress`", one) for one in export.suppress),
        ):
            dated = self._source_at((other.source or export.source).with_changes(other.changes))
            yield dated.open(other.name, other.path, key)


def _is_at_work(files: Mapping[str, TableFile], now: datetime) -> bool:
    return any(
        _AT_WORK in path and (file.modified is None or now - file.modified < _FORGOTTEN)
        for path, file in files.items()
    )


def _is_done(table: Table, done: Mapping[str, datetime]) -> bool:
    """Whether each file of a table is below a folder whose job ended after the file was written."""
    return all(
        any(
            file.path.startswith(f"{folder}/") and file.modified is not None and file.modified <= ended
            for folder, ended in done.items()
        )
        for file in table.files
    )


def _written(file: TableFile) -> str:
    return f"{file.size_bytes}\n{file.tag or file.modified}"


def _digest(lines: list[str]) -> str:
    text = "\n".join(lines).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:32]
