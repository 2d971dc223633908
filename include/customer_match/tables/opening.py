"""Opens the table at a path: decides which format it has, and which of its files hold data."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import fsspec

from customer_match.errors import ConfigurationError
from customer_match.storage.files import format_location
from customer_match.table_formats import FormatChoice
from customer_match.tables.csv.dialect import CsvDialect
from customer_match.tables.files.choosing import choose_format, only_format
from customer_match.tables.files.names import (
    is_bookkeeping,
)
from customer_match.tables.formats import FolderFormat, Place
from customer_match.tables.inside import is_link_to_folder, leads_out
from customer_match.tables.listing import (
    Listing,
    TableFile,
    find_files,
    newest_run,
    run_folders,
    visible,
)
from customer_match.tables.logs import databricks, spark_sink
from customer_match.tables.logs.detection import refuse_logs
from customer_match.tables.partitions import partitions_of
from customer_match.tables.registry import FILE_FORMATS, FOLDER_FORMATS
from customer_match.tables.table import Table, TableMissing

__all__ = ["open_table"]

_REMEDY: Final = (
    "Correct the segment's table or path in the export file, or check the job that writes the table."
)


def open_table(
    filesystem: fsspec.AbstractFileSystem,
    path: str,
    format: FormatChoice = "auto",  # noqa: A002 (the export file's own key)
    as_of: datetime | None = None,
    dialect: CsvDialect | None = None,
) -> Table:
    """Open a table: a Delta table, an entity of a CDM folder, one file, or a folder of files at any depth.

    Known bookkeeping files are ignored (`files/names.py`). Any other file is read, or the table is rejected with a
    message that names the file. A table whose files are governed by an unsupported log is rejected too
    (`logs/detection.py`). If the folder keeps several runs of a Customer Insights export and no model says which one
    counts, the newest one is the table; with `as_of`, the newest one that is not after it.

    Args:
        filesystem: The file system.
        path: File or folder, or an entity as `folder/model.json/Entity`, without a protocol.
        format: Format of the table. `auto` decides by a Delta log, by a CDM model next to it, by the files'
            extensions, and for a file without one by its first bytes.
        as_of: The time (with a time zone) whose state is read, if older states are kept: versions of a Delta table,
            folders of export runs.
        dialect: How CSV files are written, as far as it is known; a CDM model says so itself.

    Raises:
        TableMissing: The table was not found.
        ConfigurationError: No data files, an empty file, mixed or unreadable formats, or no version that old.
        TransientError: The storage failed.
    """
    path = path.rstrip("/")
    place = Place(filesystem, path, find_files(filesystem, path), as_of)
    folder_formats = [own for own in FOLDER_FORMATS if format in ("auto", own.name)]
    for own in folder_formats:
        if (table := own.open(place)) is not None:
            return table
    if place.listing is None:
        raise TableMissing(f"There is no file or folder {place.where}. {_REMEDY}")
    if format not in ("auto", *(own.name for own in FILE_FORMATS)):
        raise _wrong_format(folder_formats[-1], place.where)
    return _files_table(place, place.listing, format, dialect)


def _wrong_format(wanted: FolderFormat, where: str) -> ConfigurationError:
    return ConfigurationError(
        f"{where} does not have the format {wanted.title}, although `format` of the source in the export file is "
        f"`{wanted.name}`: it has no {wanted.marker}. Correct `format`, or the segment's table or path."
    )


def _files_table(
    place: Place,
    listing: Listing,
    format: FormatChoice,  # noqa: A002
    dialect: CsvDialect | None,
) -> Table:
    filesystem, where, by_time = place.filesystem, place.where, False
    refuse_logs(place)
    if listing.is_file:
        chosen, files = only_format(filesystem, listing.files[0], format, dialect), listing.files
    else:
        run, files = _newest(place, listing, _data_files(filesystem, listing, where))
        where, by_time = (f"{where}/{run}", place.as_of is not None) if run else (where, False)
        chosen, files = choose_format(filesystem, files, format, dialect, where)
    partitions = partitions_of({file.path: listing.relative(file) for file in files}, where)
    known = {"dialect": dialect} if dialect and chosen.name == "csv" else {}
    return chosen.table(filesystem, where, files, partitions=partitions, by_time=by_time, **known)


def _data_files(filesystem: fsspec.AbstractFileSystem, listing: Listing, where: str) -> tuple[TableFile, ...]:
    for own in FOLDER_FORMATS:
        if own.forbids_plain(listing):
            raise ConfigurationError(
                f"{where} is a table of the format {own.title}, or contains one. Its folder also keeps files that no "
                f"longer count, so it cannot be read as plain files. Set `format: {own.name}` of the source in "
                "the export file (or leave it out), and name that table itself."
            )
    files = _visible_files(filesystem, listing)
    if not files:
        others = len(listing.files)
        seen = f" ({others} other files; names that start with `_` or `.` do not count)" if others else ""
        raise ConfigurationError(f"The folder {where} holds no Parquet or CSV files{seen}. {_REMEDY}")
    counted = spark_sink.logged_files(
        filesystem, listing.files, databricks.committed_files(filesystem, listing.files, files)
    )
    if not counted:
        raise ConfigurationError(
            f"{where} has no committed file: the log next to the files (`_committed_…` or `_spark_metadata`) lists "
            "none of them. Run the export after the table is written."
        )
    return counted


def _visible_files(filesystem: fsspec.AbstractFileSystem, listing: Listing) -> tuple[TableFile, ...]:
    """All files that may hold data. A link to a folder is listed as a file without content; it must not lead out."""
    files = []
    for file in listing.files:
        relative = listing.relative(file)
        if visible(relative) and leads_out(filesystem, listing.root, file.path):
            raise _link(format_location(filesystem, file.path))
        if not is_bookkeeping(relative, file.size_bytes) and not is_link_to_folder(filesystem, file.path):
            files.append(file)
    return tuple(files)


def _newest(
    place: Place, listing: Listing, files: tuple[TableFile, ...]
) -> tuple[str | None, tuple[TableFile, ...]]:
    """The folder of the export run that counts, and its files; None and all files if there are no such folders."""
    try:
        runs = run_folders(listing.relative(file) for file in files)
    except ValueError as error:  # reading all of them would bring back members who left
        raise ConfigurationError(
            f"{place.where} has folders of export runs (year/month/day/time), of which only the newest one counts, and "
            f"other files next to them: {error}. Move the other files away, or set the segment's `path` in the export "
            "file to the right folder."
        ) from None
    if not runs:
        return None, files
    run = newest_run(runs, place.as_of)
    if run is None:
        raise TableMissing(
            f"{place.where} has no export run up to {place.as_of:%Y-%m-%d %H:%M} UTC, the end of the data interval: "
            f"the first one is {runs[0]}. Run the export for a later data interval, or have the table exported."
        )
    return run, tuple(f for f in files if listing.relative(f).startswith(f"{run}/"))


def _link(where: str) -> ConfigurationError:
    return ConfigurationError(
        f"{where} is a link that leads out of the table's folder; such links are not followed. Put the file itself "
        "into the folder, or set the segment's `path` in the export file to where it is."
    )
