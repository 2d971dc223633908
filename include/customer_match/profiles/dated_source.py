"""A source as it is for one run: the dates of its paths filled in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import get_close_matches
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
from customer_match.tables.listing import is_being_written
from customer_match.tables.opening import open_table
from customer_match.tables.table import Table, TableMissing

if TYPE_CHECKING:
    import fsspec

    from customer_match.tables.csv.dialect import CsvDialect

__all__ = ["DatedSource"]

OpenFileSystem = Callable[[str | None, str], "tuple[fsspec.AbstractFileSystem, str]"]
"""Opens a location: gets the name of its connection and its path or URL; gives the file system and the path there."""


@dataclass(frozen=True)
class DatedSource:
    """The tables of a source that a run can see.

    Attributes:
        source: As the export file has it.
        dates: What the run's templates stand for.
        as_of: The moment whose state is read, where formats keep older ones.
        open_file_system: Opens the folders of the source.
    """

    source: Source
    dates: RunDates
    as_of: datetime
    open_file_system: OpenFileSystem

    @classmethod
    def at(cls, source: Source, moment: datetime, timezone: str, open_file_system: OpenFileSystem) -> Self:
        """As a run sees it that stands for one moment.

        Args:
            source: As the export file has it.
            moment: Such as the present time.
            timezone: The export's, in which days begin.
            open_file_system: Opens the folders of the source.
        """
        return cls(source, RunDates.at(moment, timezone), moment, open_file_system)

    def is_dated(self, path: str | None) -> bool:
        """Whether the table of this path, or else the source as a whole, is that of the run's day."""
        return is_template(path if path and "://" in path else f"{self.source.root}/{path or ''}")

    @cached_property
    def root(self) -> str:
        """The root, filled in.

        Raises:
            TableMissing: No folder that `latest` could mean.
        """
        return self._fill_in(self.source.root, lambda path: path)

    def tables(self, known: Callable[[str], bool] = lambda _: False) -> Tables:
        """Where each table of the source lies, by name.

        Args:
            known: Whether somebody wants a table of a name, or has delivered it before: it then counts as one, whatever
                its files are by now.

        Raises:
            TableMissing: The run's day has no such folder.
        """
        lake, root = self._open_folder(self.root)
        with_days = is_template(self.source.root)
        try:
            return discover(lake, root, format=self.source.format, known=known)
        except TableMissing as error:
            if not with_days:
                raise
            raise self._of_other_days(error, self.source.root, lambda path: path) from None

    def is_being_written(self, name: str) -> bool:
        """Whether a table that is not there is away only while it is overwritten."""
        lake, root = self._open_folder(self.root)
        return is_being_written(lake, f"{root.rstrip('/')}/{name}")

    def remains_of(self, name: str) -> str | None:
        """Where files lie of a table that is not there any more; None if there are none."""
        lake, root = self._open_folder(self.root)
        return remains_of(lake, root, name)

    def open(self, name: str, path: str | None, key: str) -> Table:
        """A table by its path, or by its name.

        Args:
            name: Of the table.
            path: As the export file has it; None: it lies under its name.
            key: Where the export file names it, for people.

        Raises:
            TableMissing: It is not there; where it is called by dates, the message says what other days have.
            ConfigurationError: It cannot be read.
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
        name = normalize("NFC", name)  # as the names of tables are told
        tables = self.tables(known=lambda found: normalize("NFC", found) == name)
        if name not in tables:
            near = get_close_matches(name, tables, 1)
            raise TableMissing(
                f"There is no table {name!r} in {self.root}: neither a folder nor a file of this name"
                f"{f' (there is {near[0]!r})' if near else ''}. Correct {key} in the export file, or give its `path`."
            )
        if fault := tables.faults.get(name):
            raise ConfigurationError(fault)
        lake, _ = self._open_folder(self.root)
        table = open_table(lake, tables[name], self.source.format, as_of=self.as_of, dialect=self._dialect)
        return self._of_the_day(table, None)

    def _of_the_day(self, table: Table, path: str | None) -> Table:
        """The table, which knows whether it is that of the run's day; of a log of changes, its newest rows."""
        if self.is_dated(path):
            table = cast("Table", replace(cast("Any", table), by_time=True))
        return latest_rows(table, self.source.changes)

    @property
    def _dialect(self) -> CsvDialect:
        return dialect_of(self.source.csv)

    def _locate(self, path: str) -> str:
        """The whole location of a path below the root."""
        return self.source.model_copy(update={"root": self.root}).locate(path)

    def _open_folder(self, location: str) -> tuple[fsspec.AbstractFileSystem, str]:
        return self.open_file_system(self.source.connection, self._whole(location))

    def _whole(self, location: str) -> str:
        return self.source.model_copy(update={"root": location}).locate()

    def _fill_in(self, template: str, located: Callable[[str], str]) -> str:
        """The location of a template, with what `latest` found in the lake."""
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
        """The same fault, with what other days have."""
        if parse_latest(render(template, self.dates)):
            return error
        lake, _ = self._open_folder(located(render(template, self.dates)))

        def of_day(shift: int) -> str:
            return path_of(lake, self._whole(located(render(template, self.dates.shifted(shift)))))

        earlier, later = nearest_days(lake, of_day)
        known = [
            f"{words} is {where}"
            for words, where in (("nearest before it", earlier), ("nearest after it", later))
            if where
        ]
        others = f"The {' and the '.join(known)}" if known else "No other day within a year has one"
        return TableMissing(
            f"The run of {self.dates.logical:%Y-%m-%d %H:%M} UTC has no table by the path {template!r}: "
            f"{str(error).partition('. ')[0]}. {others}. Check the job that writes it, and clear this task once it is "
            "there; `{{ latest }}` in place of the date would take the newest one up to the run's interval."
        )
