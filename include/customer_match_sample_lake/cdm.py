"""Write CDM folders as Customer Insights exports them, and as manifests describe them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from customer_match_sample_lake.csv_text import Csv, Row

__all__ = ["CdmSample", "Csv", "parquet_content"]


def parquet_content(columns: Sequence[str], rows: Sequence[Row]) -> bytes:
    """Return rows as the content of a Parquet file."""
    buffer = io.BytesIO()
    pq.write_table(pa.table({name: [row.get(name) for row in rows] for name in columns}), buffer)
    return buffer.getvalue()


@dataclass
class CdmSample:
    """Writer of a CDM folder.

    Attributes:
        filesystem: Its file system.
        folder: Folder of the model.
        address: Prefix of locations in the model: the URL of the folder in the lake where it was written.
        key: Key of the entities in `model.json`: `entities`, or the newer `tables`.
    """

    filesystem: fsspec.AbstractFileSystem
    folder: str
    address: str = "https://acme.dfs.core.windows.net/lake/CustomerInsights_1/LakeExport"
    key: str = "entities"
    entities: dict[str, dict[str, Any]] = field(default_factory=dict)

    def run(
        self,
        entity: str,
        columns: Sequence[str],
        parts: Iterable[Iterable[Row]],
        time: str,
        style: Csv | None = None,
    ) -> None:
        """Write one run of an export of one table: files of older runs stay, the model names the new ones.

        Args:
            entity: Name of the table.
            columns: Its columns.
            parts: Rows of each of its files.
            time: Time of the run, as in folder names: `2026/11/22/0215`.
            style: Format of the files.
        """
        style = style or Csv()
        partitions = []
        for number, rows in enumerate(parts, 1):
            path = f"{entity}/{time}/{entity}_{number}.csv{'.gz' if style.compressed else ''}"
            self.file(path, style.content(columns, rows))
            partitions.append(self.partition(path, style))
        self.entity(entity, columns, partitions)

    def entity(self, name: str, columns: Sequence[str], partitions: Sequence[Mapping[str, Any]]) -> None:
        """Describe an entity in `model.json`."""
        self.entities[name] = {
            "$type": "LocalEntity",
            "name": name,
            "annotations": [{"name": "c360:PrimaryKey", "value": columns[0]}],
            "attributes": [{"name": column, "dataType": "string"} for column in columns],
            "partitions": list(partitions),
        }
        model = {"name": "LakeExport", "version": "1.0", self.key: list(self.entities.values())}
        self.file("model.json", json.dumps(model).encode())

    def partition(self, path: str, style: Csv | None = None) -> dict[str, Any]:
        """Describe a file for `model.json`, by its full URL."""
        location = f"{self.address}/{quote(path)}" if self.address else path
        settings = {"fileFormatSettings": style.settings()} if style else {}
        return {"name": path.rsplit("/", 1)[-1], "location": location, **settings}

    def manifest(self, entities: Sequence[Mapping[str, Any]], name: str = "default") -> None:
        """Write a manifest."""
        content = {"manifestName": name, "jsonSchemaSemanticVersion": "1.0.0", "entities": list(entities)}
        self.file(f"{name}.manifest.cdm.json", json.dumps(content).encode())

    def definition(self, name: str, columns: Sequence[str]) -> str:
        """Write the definition of an entity, with its attributes in a group as writers do; return its path."""
        members = [{"name": column, "dataType": "string"} for column in columns]
        group = {"attributeGroupReference": {"attributeGroupName": "all", "members": members}}
        content = {"definitions": [{"entityName": name, "hasAttributes": [group]}]}
        self.file(f"{name}.cdm.json", json.dumps(content).encode())
        return f"{name}.cdm.json/{name}"

    def file(self, path: str, content: bytes) -> None:
        """Write a file into the folder."""
        whole = f"{self.folder}/{path}"
        self.filesystem.makedirs(whole.rpartition("/")[0], exist_ok=True)
        self.filesystem.pipe_file(whole, content)
