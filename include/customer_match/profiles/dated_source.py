"""A source for one run, with the dates of its paths filled in."""

from __future__ import annotations

import math
import posixpath
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from difflib import get_close_matches
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any, Self, cast
from unicodedata import normalize

from propcache.api import cached_property

from customer_match.change_logs.table import latest_rows
from customer_match.date_templates import RunDates, is_template, parse_latest, render
from customer_match.errors import ConfigurationError
from customer_match.export.sources import Source
from customer_match.profiles.reading import dialect_of
from customer_match.storage.location_paths import path_of
from customer_match.tables.dated import nearest_days, newest_dated
from customer_match.tables.discovery import Tables, discover, remains_of
from customer_match.tables.listing import Listing, find_files, is_being_written
from customer_match.tables.opening import open_table
from customer_match.tables.table import Table, TableMissing

if TYPE_CHECKING:
    import fsspec

    from customer_match.tables.csv.dialect import CsvDialect

__all__ = ["DatedSource", "Listings"]

OpenFileSystem = Callable[[str | None, str], "tuple[fsspec.AbstractFileSystem, str]"]
"""Opens a location: takes the name of its connection and its path or URL; returns the file system and the path."""

Listings = dict[tuple[str | None, str, str], tuple[float, Tables]]
"""The tables that listings found, and when (seconds of the monotonic clock), by connection, root and format."""

_RECENT_SECONDS = 60.0


@dataclass(frozen=True)
class DatedSource:
    """The tables of a source for one run.

    Attributes:
        source: The source as in the export file.
        dates: The values of the date templates for the run.
        as_of: The time whose state is read, for formats that keep older states.
        open_file_system: Opens the folders of the source.
        listings: The tables of recent listings, which sources of one run share.
    """

    source: Source
    dates: RunDates
    as_of: datetime
    open_file_system: OpenFileSystem
    listings: Listings = field(default_factory=dict)

    @classmethod
    def at(cls, source: Source, moment: datetime, timezone: str, open_file_system: OpenFileSystem) -> Self:
        """The source for one point in time.

        Args:
            source: The source as in the export file.
            moment: The time, for example the present time.
            timezone: The export's time zone, which decides when days begin.
            open_file_system: Opens the folders of the source.
        """
        return cls(source, RunDates.at(moment, timezone), moment, open_file_system)

    def is_dated(self, path: str | None) -> bool:
        """Whether the table's path, or the root of the source, contains the run's date."""
        return is_template(path if path and "://" in path else f"{self.source.root}/{path or ''}")

    @cached_property
    def root(self) -> str:
        """The root with dates filled in.

        Raises:
            TableMissing: There is no folder that `latest` could stand for.
        """
        return self._fill_in(self.source.root, lambda path: path)

    def tables(self, known: Callable[[str], bool] = lambda _: False) -> Tables:
        """The location of each table of the source, by name.

        Args:
            known: Whether a table of this name is requested or was delivered before. It then counts as a table,
                whatever files it has now.

        Raises:
            TableMissing: The folder does not exist for the run's day.
        """
        lake, root = self._open_folder(self.root)
        with_days = is_template(self.source.root)
        try:
            return discover(lake, root, format=self.source.format, known=known)
        except TableMissing as error:
            if not with_days:
                raise
            raise self._of_other_days(error, self.source.root, lambda path: path) from None

    def files(self, path: str | None) -> Listing | None:
        """List all files at a path, or below the root; None if there is nothing.

        Of an entity in a CDM model, those are the files of the model's folder.

        Args:
            path: The path in the export file; None: the root.

        Raises:
            TableMissing: There is no folder that `latest` could stand for.
            CustomerMatchError: The storage failed.
        """
        location = self.root if path is None else self._fill_in(path, self._locate)
        before, model, _ = location.rpartition(".json/")
        lake, there = self._open_folder(posixpath.dirname(before) if model else location)
        return find_files(lake, there)

    def sizes(self, tables: Iterable[tuple[str, str | None]]) -> dict[tuple[str, str | None], int]:
        """The size of the files of tables, in bytes. It lists the root once, and tables outside the root one by one.

        Args:
            tables: The name and the path of each table, as in `open`.

        Returns:
            Sizes by name and path. Tables that are not found are left out, and entities of CDM models if their files
            are in another folder.

        Raises:
            CustomerMatchError: The storage failed.
        """
        lake, root = self._open_folder(self.root)
        below = _Sizes(find_files(lake, root))
        sizes = {}
        for name, path in tables:
            try:
                where = (
                    f"{root.rstrip('/')}/{name}"
                    if path is None
                    else self._open_folder(self._fill_in(path, self._locate))[1]
                )
            except TableMissing:
                continue
            found = below.of(where) or (None if path is None else _Sizes(find_files(lake, where)).of(where))
            if found is not None:
                sizes[name, path] = found
        return sizes

    def is_being_written(self, name: str) -> bool:
        """Whether a table is missing only because it is being overwritten."""
        lake, root = self._open_folder(self.root)
        return is_being_written(lake, f"{root.rstrip('/')}/{name}")

    def remains_of(self, name: str) -> str | None:
        """The folder with files that are left of a table that no longer exists; None if there are none."""
        lake, root = self._open_folder(self.root)
        return remains_of(lake, root, name)

    def open(self, name: str, path: str | None, key: str) -> Table:
        """Open a table by its path or by its name.

        Args:
            name: The table's name.
            path: The path in the export file; None: the table is found by its name.
            key: The key in the export file that names the table, for messages.

        Raises:
            TableMissing: The table does not exist; for dated paths, the message says which other days have one.
            ConfigurationError: The table cannot be read.
        """
        if path is None:
            return self._open_by_name(name, key)
        located = self._locate
        lake, there = self._open_folder(self._fill_in(path, located))
        try:
            return self._of_the_day(
                open_table(lake, there, self.source.format, as_of=self.as_of, dialect=self._dialect), path
            )
        except TableMissing as error:
            if not is_template(path):
                raise
            raise self._of_other_days(error, path, located) from None

    def _open_by_name(self, name: str, key: str) -> Table:
        """Open a table by its name, from a recent listing if it is in one.

        To list the whole source for each of its tables would take the square of their number.
        """
        name = normalize("NFC", name)  # as `discover` returns the names of tables
        listed, tables = self.listings.get(self._listing_key, (-math.inf, Tables({})))
        if name in tables and time.monotonic() - listed <= _RECENT_SECONDS:
            with suppress(TableMissing):  # it has gone since: the message comes from a new listing
                return self._open_listed(name, key, tables)
        tables = self.tables(known=lambda found: normalize("NFC", found) == name)
        self.listings[self._listing_key] = (time.monotonic(), tables)
        return self._open_listed(name, key, tables)

    @property
    def _listing_key(self) -> tuple[str | None, str, str]:
        return self.source.connection, self.root, self.source.format

    def _open_listed(self, name: str, key: str, tables: Tables) -> Table:
        if name not in tables:
            near = get_close_matches(name, tables, 1)
            raise TableMissing(
                f"There is no table {name!r} in {self.root}: neither a folder nor a file has this name"
                f"{f' (did you mean {near[0]!r}?)' if near else ''}. Correct {key} in the export file, or give its "
                "`path`."
            )
        if fault := tables.faults.get(name):
            raise ConfigurationError(fault)
        lake, _ = self._open_folder(self.root)
        table = open_table(lake, tables[name], self.source.format, as_of=self.as_of, dialect=self._dialect)
        return self._of_the_day(table, None)

    def _of_the_day(self, table: Table, path: str | None) -> Table:
        """The table, marked as belonging to the run's day if its path is dated; for a change log, its newest rows."""
        if self.is_dated(path):
            table = cast("Table", replace(cast("Any", table), by_time=True))
        return latest_rows(table, self.source.changes)

    @property
    def _dialect(self) -> CsvDialect:
        return dialect_of(self.source.csv)

    def _locate(self, path: str) -> str:
        """The full location of a path below the root."""
        return self.source.model_copy(update={"root": self.root}).locate(path)

    def _open_folder(self, location: str) -> tuple[fsspec.AbstractFileSystem, str]:
        return self.open_file_system(self.source.connection, self._whole(location))

    def _whole(self, location: str) -> str:
        return self.source.model_copy(update={"root": location}).locate()

    def _fill_in(self, template: str, located: Callable[[str], str]) -> str:
        """The location of a template with dates filled in, and with the folder that `latest` stands for."""
        text = render(template, self.dates)
        latest = parse_latest(text)
        if latest is None:
            return located(text)
        folder = located(latest.folder)
        lake, there = self._open_folder(folder)
        found = newest_dated(lake, there, latest, self.dates, template)
        return f"{folder.rstrip('/')}/{found.removeprefix(there.rstrip('/')).strip('/')}"

    def _of_other_days(
        self, error: TableMissing, template: str, located: Callable[[str], str]
    ) -> TableMissing:
        """The same error, with the nearest days that have the table."""
        if parse_latest(render(template, self.dates)):
            return error
        lake, _ = self._open_folder(located(render(template, self.dates)))

        def of_day(shift: int) -> str:
            return path_of(lake, self._whole(located(render(template, self.dates.shifted(shift)))))

        earlier, later = nearest_days(lake, of_day)
        known = [
            f"{words} is {where}"
            for words, where in (("nearest earlier one", earlier), ("nearest later one", later))
            if where
        ]
        others = f"The {' and the '.join(known)}" if known else "No other day within a year has one"
        return TableMissing(
            f"The run of {self.dates.logical:%Y-%m-%d %H:%M} UTC has no table at the path {template!r}: "
            f"{str(error).partition('. ')[0]}. {others}. Check the job that writes the table, and clear this task once "
            "the table exists. `{{ latest }}` instead of the date would use the newest table up to the run's data "
            "interval."
        )


class _Sizes:
    """The sizes of the folders and files of a listing."""

    def __init__(self, listing: Listing | None) -> None:
        self._files = listing.files if listing else ()
        self._paths = [file.path for file in self._files]

    def of(self, path: str) -> int | None:
        """The size of a folder, or of the files with this stem; None if there are none."""
        path = path.rstrip("/")
        start = bisect_left(self._paths, path)
        files = takewhile(lambda file: file.path.startswith(path), islice(self._files, start, None))
        sizes = [file.size_bytes for file in files if file.path[len(path) :][:1] in ("", "/", ".")]
        return sum(sizes) if sizes else None
