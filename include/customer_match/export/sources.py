"""Where tables are: the sections `source`, `csv` and `workspace`."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from customer_match.export.base import Faults, KeyPath, Section
from customer_match.export.changes import ChangeLog, Changes
from customer_match.export.paths import DatedRoot, Root
from customer_match.export.values import Character, Columns, ConnectionId, Delimiter, Encoding, Switch
from customer_match.storage.location import Location
from customer_match.table_formats import FormatChoice

__all__ = ["Csv", "Folder", "FolderOrRoot", "Source", "SourceOrRoot"]


class Folder(Section):
    """A folder, in a lake or on this machine."""

    connection: ConnectionId | None = Field(
        default=None,
        description="Id of the Airflow connection that opens the lake; needed for `abfs://` roots, not for local "
        "ones.",
        examples=["lake"],
    )
    root: Root = Field(
        description="The folder: `abfs://container/folder`, "
        "`abfs://container@account.dfs.core.windows.net/folder`, a URL that Airflow's object storage opens "
        "(`s3://bucket/folder`), or a local one; a relative local folder begins at the project's root.",
        examples=["abfs://lake/segments"],
    )

    @model_validator(mode="after")
    def _has_a_connection_where_needed(self) -> Self:
        if self.location.is_azure and self.connection is None:
            fault = (
                "no connection is given. Write the id of the Airflow connection that opens the lake, as in "
                f"`{{connection: lake, root: {self.root}}}`"
            )
        elif self.connection is not None and not self.is_remote:
            fault = "is given, but the root is a local folder. Write the lake's URL as root, or remove it"
        else:
            return self
        raise Faults([(("connection",), fault)])

    @property
    def is_remote(self) -> bool:
        """Whether the folder is in a lake."""
        return not self.location.is_local

    @property
    def location(self) -> Location:
        """The folder, taken apart."""
        return Location.of(self.root)

    def locate(self, project: Path, path: str = "") -> str:
        """The whole location of a path in this folder, or of the folder itself.

        Args:
            project: The project's root, where relative local folders begin.
            path: Relative to the root; a URL or an absolute local path is itself the answer.
        """
        if "://" in path:
            return path
        root = self.root if "://" in self.root else str(project / self.root)
        return posixpath.join(root, path.strip("/") if self.is_remote else path) if path else root


class Csv(Section):
    """How CSV files are written, where that is not the usual way."""

    header: Switch = Field(
        default=True,
        description="Whether the first row of each file has the columns' names. Without, columns have the names that "
        '`columns` gives, else their numbers: `"1"`, `"2"` and so on.',
        examples=[False],
        json_schema_extra={"x-default": "`true`; `false` if there are `columns`"},
    )
    columns: Columns | None = Field(
        default=None,
        description="Names of all columns, in order, where the files do not have them. A first row that repeats them "
        "is passed over.",
        examples=["[Id, Email]"],
    )
    delimiter: Delimiter | None = Field(
        default=None,
        description="What stands between values: one sign, or `tab`.",
        examples=[";"],
        json_schema_extra={"x-default": "found by looking: comma, semicolon, tab or bar"},
    )
    quote: Character = Field(
        default='"',
        description="What stands around values that contain a delimiter or a line break; `none`: such marks are plain "
        "text.",
        examples=["none"],
    )
    escape: Character = Field(
        default=None,
        description="What makes the next sign a part of the value, as Spark writes it (a backslash); else a mark "
        "inside a value is doubled.",
        examples=["\\"],
    )
    encoding: Encoding = Field(
        default="utf-8",
        description="Encoding of the text, by its usual name; a byte order mark in the file goes before it.",
        examples=["cp1252"],
    )

    @model_validator(mode="after")
    def _has_names_once(self) -> Self:
        faults: list[tuple[KeyPath, str]] = [
            ((key,), "is the delimiter as well. Correct one of them")
            for key in ("quote", "escape")
            if self.delimiter is not None and getattr(self, key) == self.delimiter
        ]
        if self.columns and self.header and "header" in self.model_fields_set:
            faults.append(
                (("columns",), "are for files without a header row. Remove them, or write `header: false`")
            )
        if self.escape is not None and self.escape == self.quote:
            faults.append(
                (("escape",), "is the quotation mark as well: doubled ones are read anyway. Remove it")
            )
        if faults:
            raise Faults(faults)
        return self


class Source(Folder):
    """Where the segments' tables are."""

    root: DatedRoot = Field(
        description="The folder: `abfs://container/folder`, "
        "`abfs://container@account.dfs.core.windows.net/folder`, a URL that Airflow's object storage opens "
        "(`s3://bucket/folder`), or a local one; a relative local folder begins at the project's root. "
        "May hold dates (below), after its first folder.",
        examples=["abfs://lake/segments"],
    )
    format: FormatChoice = Field(
        default="auto",
        description="Format of the tables: `auto` tells by a Delta log, by a CDM model, and by the files' names; else "
        "`parquet`, `csv`, `delta` or `cdm`.",
        examples=["parquet"],
    )
    csv: Csv = Field(
        default=Csv(),
        description="How CSV files are written; a CDM model says it itself.",
        examples=["{header: false, delimiter: tab}"],
    )

    changes: Changes = Field(
        default=None,
        description="Whether the tables are logs of changes, of which only the newest row of each id counts, and how "
        "they are read (below); `none`: they are not, whatever their columns look like.",
        examples=["{key: Id, order: [Version], deleted: {column: Op, values: [D]}}", "none"],
        json_schema_extra={
            "x-default": "told by the columns: what Synapse Link for Dataverse writes is read; what looks like another "
            "log is refused"
        },
    )

    def with_changes(self, changes: ChangeLog | None) -> Source:
        """The same source for a table of its own; None: nothing is said of that table alone."""
        return self if changes is None else self.model_copy(update={"changes": changes})

    @model_validator(mode="after")
    def _has_csv_settings_for_csv(self) -> Self:
        if self.format not in ("auto", "csv") and self.csv != Csv():
            raise Faults([(("csv",), f"is not for `format: {self.format}`. Remove it, or correct `format`")])
        return self


def _root_as_folder(value: object) -> object:
    return {"root": value} if isinstance(value, str) else value


FolderOrRoot = Annotated[Folder, BeforeValidator(_root_as_folder, json_schema_input_type=str | Folder)]
SourceOrRoot = Annotated[Source, BeforeValidator(_root_as_folder, json_schema_input_type=str | Source)]
"""A folder as the file may have it: a mapping, or its root alone."""
