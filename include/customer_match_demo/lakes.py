"""Storage of the demo's tables and workspace: a local folder, or the storage emulator Azurite."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import adlfs
import fsspec
import yaml
from fsspec.implementations.local import LocalFileSystem

from customer_match.export.loading import load_export
from customer_match.export.model import Export
from customer_match.project import PROJECT
from customer_match.runs.report import RunReport
from customer_match.safe_names import slug
from customer_match_demo import azurite
from customer_match_demo.tables import DemoTable, write_tables

__all__ = ["DEMO_EXPORT", "DemoLake"]

DEMO_EXPORT = PROJECT / "include" / "exports" / "demo.yaml"
_CONTAINER = "lake"


@dataclass(frozen=True)
class DemoLake:
    """Storage for the demo's data, with the export file that reads it.

    Attributes:
        title: Its name for users.
        filesystem: Its file system.
        root: Folder of the segment tables in the file system.
        workspace: Folder of the workspace in the file system.
        exports: Folder with the export file.
        settings: Environment variables that Airflow needs to use it.
    """

    title: str
    filesystem: fsspec.AbstractFileSystem
    root: str
    workspace: str
    exports: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def open(cls, kind: str, folder: Path, changes: Mapping[str, Any] | None = None) -> Iterator[Self]:
        """Open a lake while the context is open.

        Args:
            kind: `local` or `azurite`.
            folder: Folder for local data and the emulator's data.
            changes: Keys to set in the export file.
        """
        if kind == "local":
            locations = {"source": {"root": str(folder / "lake")}, "workspace": str(folder / "workspace")}
            exports = _write_export(folder, locations | dict(changes or {}))
            paths = (str(folder / "lake"), str(folder / "workspace"))
            yield cls("a local folder", LocalFileSystem(), *paths, exports, _exports_setting(exports))
            return
        with azurite.running(folder / "azurite") as endpoint:
            yield cls._in_azurite(endpoint, folder, dict(changes or {}))

    @classmethod
    def _in_azurite(cls, endpoint: azurite.AzuriteEndpoint, folder: Path, changes: dict[str, Any]) -> Self:
        lake = adlfs.AzureBlobFileSystem(connection_string=endpoint.connection_string)
        lake.mkdir(_CONTAINER)
        locations = {
            name: {"connection": "lake", "root": f"abfs://{_CONTAINER}/{path}"}
            for name, path in (("source", "segments"), ("workspace", "workspace"))
        }
        exports = _write_export(folder, locations | changes)
        connection = {
            "conn_type": "wasb",
            "login": endpoint.account_name,
            "extra": {"connection_string": endpoint.connection_string},
        }
        settings = {**_exports_setting(exports), "AIRFLOW_CONN_LAKE": json.dumps(connection)}
        paths = (f"{_CONTAINER}/segments", f"{_CONTAINER}/workspace")
        return cls("Azure storage (Azurite)", lake, *paths, exports, settings)

    @property
    def export(self) -> Export:
        """The export that Airflow runs."""
        return load_export(self.exports / DEMO_EXPORT.name)

    def write(self, tables: Sequence[DemoTable]) -> None:
        """Write the tables; replace existing ones."""
        write_tables(self.root, tables, self.filesystem)

    def path(self, table: DemoTable) -> str:
        """Return the path of a table in the file system."""
        return f"{self.root}/{table.table}"

    def report(self, run_id: str) -> RunReport:
        """Read the report of a run from the workspace."""
        return RunReport.model_validate_json(
            self.read(f"runs/{slug(self.export.name)}/{slug(run_id)}/report.json")
        )

    def read(self, relative: str) -> bytes:
        """Read a file of the workspace."""
        self.filesystem.invalidate_cache()
        content: bytes = self.filesystem.cat_file(f"{self.workspace}/{relative}")
        return content


def _write_export(folder: Path, changes: Mapping[str, Any]) -> Path:
    """Write the demo's export file, with changed values for some keys, to a separate folder."""
    values = yaml.safe_load(DEMO_EXPORT.read_text(encoding="utf-8")) | changes
    exports = folder / "exports"
    exports.mkdir(parents=True, exist_ok=True)
    (exports / DEMO_EXPORT.name).write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return exports


def _exports_setting(exports: Path) -> dict[str, str]:
    return {"CUSTOMER_MATCH_EXPORTS": str(exports)}
