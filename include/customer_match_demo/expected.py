"""Expected members of an audience, computed in plain Python.

It reads the written table row by row and judges each value with the plain-Python definition. It uses nothing of the
engine that the demo checks; for the same reason CSV is read with the standard library.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import fsspec
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from customer_match.addresses.definition import Policy, judge

__all__ = ["Expected", "expected", "expected_from_values"]

Reader = Callable[[BinaryIO, str], Iterator[str | None]]


@dataclass(frozen=True)
class Expected:
    """Expected result of one table.

    Attributes:
        members: Lower-case hex digests, sorted, without duplicates.
        profiles: Rows of the table.
        valid: Rows with a usable address; `profiles - valid` were rejected.
        rejected: Rows without one, by reason (only reasons that occur).
        duplicates: Digests that an earlier row had already.
    """

    members: list[str]
    profiles: int
    valid: int
    rejected: dict[str, int]
    duplicates: int


def expected(
    table_path: str,
    email_column: str = "Email",
    policy: Policy | str = Policy.BASIC,
    filesystem: fsspec.AbstractFileSystem | None = None,
) -> Expected:
    """Compute the expected audience of a table.

    Args:
        table_path: Folder with the table's Parquet or CSV files, without a protocol.
        email_column: Column that holds the e-mail.
        policy: How addresses are normalised.
        filesystem: Any fsspec file system; default: the local one.

    Raises:
        ValueError: The folder is empty, or holds a file of another format.
    """
    return expected_from_values(_values(filesystem or LocalFileSystem(), table_path, email_column), policy)


def expected_from_values(values: Iterable[str | None], policy: Policy | str) -> Expected:
    """Compute the expected audience from the values of the e-mail column."""
    policy = Policy(policy)
    members: set[bytes] = set()
    rejected: Counter[str] = Counter()
    profiles = contributed = 0
    for value in values:
        profiles += 1
        verdict = judge(value, policy)
        if verdict.rejection is not None:
            rejected[verdict.rejection.value] += 1
        contributed += len(verdict.digests)
        members.update(verdict.digests)
    return Expected(
        members=sorted(digest.hex() for digest in members),
        profiles=profiles,
        valid=profiles - rejected.total(),
        rejected=dict(rejected),
        duplicates=contributed - len(members),
    )


def _values(filesystem: fsspec.AbstractFileSystem, folder: str, column: str) -> Iterator[str | None]:
    paths = sorted(filesystem.find(folder))
    if not paths:
        raise ValueError(
            f"{folder} contains no file. Write the demo's tables first: python -m customer_match_demo.tables"
        )
    for path in paths:
        with filesystem.open(path, "rb") as file:
            yield from _reader(path)(file, column)


def _reader(path: str) -> Reader:
    for ending, reader in _READERS.items():
        if path.endswith(ending):
            return reader
    raise ValueError(f"{path} is neither Parquet nor CSV. The demo reads only tables that it wrote")


def _parquet(file: BinaryIO, column: str) -> Iterator[str | None]:
    for batch in pq.ParquetFile(file).iter_batches(columns=[column]):
        yield from batch.column(0).to_pylist()


def _csv(file: BinaryIO, column: str) -> Iterator[str | None]:
    with io.TextIOWrapper(file, "utf-8-sig", newline="") as text:
        for row in csv.DictReader(text):
            yield row[column]


_READERS = {".parquet": _parquet, ".csv": _csv}
