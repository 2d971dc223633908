"""Tables of a few addresses, written to a local folder and read back."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from customer_match.tables.table import Table

__all__ = ["LOCAL", "csv", "emails", "parquet"]

LOCAL = LocalFileSystem()


def csv(path: Path, *emails: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "\n".join(["Id,Email", *(f"{index},{email}" for index, email in enumerate(emails))]) + "\n"
    )
    return path


def parquet(path: Path, *emails: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"Email": list(emails)}), path)
    return path


def emails(table: Table) -> list[str]:
    return [value for batch in table.batches(["Email"]) for value in batch.column("Email").to_pylist()]
