"""Where tables and the workspace are: the sections `source`, `csv` and `workspace`."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from customer_match.export.base import Faults, KeyPath, Section
from customer_match.export.changes import ChangeLog, Changes
from customer_match.export.paths import DatedRoot, Root
from customer_match.export.values import Character, Columns, ConnectionId, Delimiter, Encoding, Switch
from customer_match.project import PROJECT
from customer_match.storage.location import Location
from customer_match.table_formats import FormatChoice

__all__ = ["BASE", "Csv", "Folder", "FolderOrRoot", "Source", "SourceOrRoot"]

BASE: Final = "base"
"""In the context of a validation: the folder in which relative local folders begin; default: `PROJECT`."""


class Folder(Section):
    """A folder, in a lake or on this machine."""

    _base: Path = PrivateAttr(default=PROJECT)

    connection: ConnectionId | None = Field(
        default=None,
        description="Id of the Airflow connection that opens the lake. Required for `abfs://` roots, not allowed "
        "for local ones.",
        examples=["lake"],
    )
    root: Root = Field(
        description="The folder: `abfs://container/folder`, "
        "`abfs://container@account.dfs.core.windows.net/folder`, another URL that Airflow's object storage can "
        "open (`s3://bucket/folder`), or a local path. A relative path starts at the project's root.",
        examples=["abfs://lake/segments"],
    )

    @model_validator(mode="after")
    def _has_a_connection_where_needed(self) -> Self:
        if self.location.is_azure and self.connection is None:
            fault = (
                "the connection is missing. Write the id of the Airflow connection that opens the lake, for example "
                f"`{{connection: lake, root: {self.root}}}`"
            )
        elif self.connection is not None and not self.is_remote:
            fault = "is set, but the root is a local folder. Write the lake's URL as `root`, or remove the connection"
        else:
            return self
        raise Faults([(("connection",), fault)])

    @property
    def is_remote(self) -> bool:
        """Whether the folder is in a lake."""
        return not self.location.is_local

    @property
    def location(self) -> Location:
        """The parts of the folder's location."""
        return Location.of(self.root)

    @property
    def base(self) -> Path:
        """The folder in which relative local folders begin."""
        return self._base

    def model_post_init(self, context: Any, /) -> None:
        """Keep the folder in which relative local folders begin."""
        if context and BASE in context:
            self._base = context[BASE]

    def locate(self, path: str = "") -> str:
        """The full location of a path in this folder, or of the folder itself.

        Args:
            path: Relative to the root; a URL or an absolute local path is returned as it is.
        """
        if "://" in path:
            return path
        root = self.root if "://" in self.root else str(self._base / self.root)
        return posixpath.join(root, path.strip("/") if self.is_remote else path) if path else root


class Csv(Section):
    """How CSV files are written, if not with the defaults."""

    header: Switch = Field(
        default=True,
        description="Whether the first row of each file contains the column names. If not, columns have the "
        'names given in `columns`, or else their numbers: `"1"`, `"2"` and so on.',
        examples=[False],
        json_schema_extra={"x-default": "`true`; `false` if `columns` is set"},
    )
    columns: Columns | None = Field(
        default=None,
        description="Names of all columns, in order, if the files do not contain them. A first row that repeats "
        "them is skipped.",
        examples=["[Id, Email]"],
    )
    delimiter: Delimiter | None = Field(
        default=None,
        description="Delimiter between values: one character, or `tab`.",
        examples=[";"],
        json_schema_extra={"x-default": "detected: comma, semicolon, tab or vertical bar"},
    )
    quote: Character = Field(
        default='"',
        description="Quotation mark around values that contain a delimiter or a line break. `none`: quotation "
        "marks are plain text.",
        examples=["none"],
    )
    escape: Character = Field(
        default=None,
        description="Escape character: the character that follows it is part of the value, as Spark writes it (a "
        "backslash). Without it, a quotation mark inside a value is doubled.",
        examples=["\\"],
    )
    encoding: Encoding = Field(
        default="utf-8",
        description="Encoding of the text, by its usual name. A byte order mark in the file takes precedence.",
        examples=["cp1252"],
    )

    @model_validator(mode="after")
    def _has_consistent_settings(self) -> Self:
        faults: list[tuple[KeyPath, str]] = [
            ((key,), "is the same as the delimiter. Correct one of them")
            for key in ("quote", "escape")
            if self.delimiter is not None and getattr(self, key) == self.delimiter
        ]
        if self.columns and self.header and "header" in self.model_fields_set:
            faults.append(
                (("columns",), "is only for files without a header row. Remove it, or write `header: false`")
            )
        if self.escape is not None and self.escape == self.quote:
            faults.append(
                (
                    ("escape",),
                    "is the same as the quotation mark. Remove it: doubled quotation marks are always read",
                )
            )
        if faults:
            raise Faults(faults)
        return self


class Source(Folder):
    """Where the segments' tables are, and how they are read."""

    root: DatedRoot = Field(
        description="The folder: `abfs://container/folder`, "
        "`abfs://container@account.dfs.core.windows.net/folder`, another URL that Airflow's object storage can "
        "open (`s3://bucket/folder`), or a local path. A relative path starts at the project's root. It may "
        "contain dates after its first folder, such as `{{ ds }}`.",
        examples=["abfs://lake/segments"],
    )
    format: FormatChoice = Field(
        default="auto",
        description="Format of the tables: `parquet`, `csv`, `delta`, `cdm`, or `auto`, which detects it from a "
        "Delta log, a CDM model, and the names of the files.",
        examples=["parquet"],
    )
    csv: Csv = Field(
        default=Csv(),
        description="How CSV files are written. In CDM folders the model defines this.",
        examples=["{header: false, delimiter: tab}"],
    )

    changes: Changes = Field(
        default=None,
        description="Whether and how the tables are read as change logs, of which only the newest row of each id "
        "counts. `none`: they are not change logs, whatever their columns look like.",
        examples=["{key: Id, order: [Version], deleted: {column: Op, values: [D]}}", "none"],
        json_schema_extra={
            "x-default": "detected from the columns: tables written by Synapse Link for Dataverse are read as "
            "change logs, and a table that looks like another change log is an error"
        },
    )

    def with_changes(self, changes: ChangeLog | None) -> Source:
        """The same source with the settings of one table; None: that table has no settings of its own."""
        return self if changes is None else self.model_copy(update={"changes": changes})

    @model_validator(mode="after")
    def _has_csv_settings_for_csv(self) -> Self:
        if self.format not in ("auto", "csv") and self.csv != Csv():
            raise Faults(
                [(("csv",), f"does not apply to `format: {self.format}`. Remove it, or correct `format`")]
            )
        return self


def _root_as_folder(value: object) -> object:
    return {"root": value} if isinstance(value, str) else value


FolderOrRoot = Annotated[Folder, BeforeValidator(_root_as_folder, json_schema_input_type=str | Folder)]
SourceOrRoot = Annotated[Source, BeforeValidator(_root_as_folder, json_schema_input_type=str | Source)]
"""A folder as written in the file: a mapping, or its root alone."""
