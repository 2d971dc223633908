"""Everything that a folder holds, as text: files, members of archives, columns of Parquet files, cells of databases."""

from __future__ import annotations

import gzip
import io
import os
import sqlite3
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.fernet import Fernet, InvalidToken

__all__ = ["leftovers"]


def leftovers(folder: Path, fernet_key: bytes | None = None) -> dict[str, str]:
    """Read each file's path and content, and what is packed or encrypted in it; bytes are as in Latin-1.

    Args:
        folder: Searched with all folders below.
        fernet_key: Airflow's key, to read what it encrypts in its metadata database.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        name = os.fsencode(path.relative_to(folder)).decode("latin-1")
        found[name].append(name)
        if path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        found[name].append(content.decode("latin-1"))
        for part, packed in _packed(path, content, fernet_key):
            found[f"{name}: {part}" if part else name].append(packed.decode("latin-1"))
    return {name: "\n".join(texts) for name, texts in found.items()}


def _packed(path: Path, content: bytes, key: bytes | None) -> Iterator[tuple[str, bytes]]:
    if content.startswith(b"\x1f\x8b"):
        with suppress(OSError, EOFError):
            yield "", gzip.decompress(content)
    elif content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                yield member, archive.read(member)
    elif content.startswith(b"PAR1"):
        yield from _columns(content)
    elif content.startswith(b"SQLite format 3\0"):
        yield from _cells(path, key)


def _columns(content: bytes) -> Iterator[tuple[str, bytes]]:
    for name, column in zip(*_table(content), strict=True):
        values = [str(value).encode() if isinstance(value, str) else value for value in column.to_pylist()]
        yield name, b"\n".join(value for value in values if isinstance(value, bytes))


def _table(content: bytes) -> tuple[list[str], list[pa.ChunkedArray]]:
    table = pq.read_table(io.BytesIO(content))
    return table.column_names, table.columns


def _cells(path: Path, key: bytes | None) -> Iterator[tuple[str, bytes]]:
    """The cells of a database by table and column: a file of SQLite may hold a cell in several pieces."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        tables = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
        for table in tables:
            rows = database.execute(f'select * from "{table}"')
            columns = [column[0] for column in rows.description]
            for row in rows:
                for column, cell in zip(columns, row, strict=True):
                    for content in _spread(cell, key):
                        yield f"{table}.{column}", content


def _spread(cell: object, key: bytes | None) -> Iterator[bytes]:
    if not isinstance(cell, str | bytes):
        return
    content = cell.encode("utf-8", "surrogatepass") if isinstance(cell, str) else cell
    yield content
    with suppress(zlib.error):
        yield zlib.decompress(content)
    if key and content.startswith(b"gAAAA"):
        with suppress(InvalidToken):
            yield Fernet(key).decrypt(content)
