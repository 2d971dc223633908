"""The location of a sample: its folder, the profiles in its segments, and writers of files in every format."""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any, BinaryIO, Final, cast

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from customer_match_sample_lake.csv_text import Csv
from customer_match_sample_lake.people import SCHEMA, Profiles

__all__ = ["COLUMNS", "DAYS", "Batches", "Lake", "Row", "customers"]

Row = dict[str, Any]
Batches = Iterable[list[Row]]

COLUMNS: Final[tuple[str, ...]] = tuple(SCHEMA.names)

DAYS: Final = tuple(datetime(2026, 1, day, tzinfo=UTC) for day in (5, 6, 7))
"""The days of samples with a history: in the past, so that a run of today reads the last one."""

_BATCH_ROWS: Final = 8_000
_REPEAT_EVERY: Final = 40  # one of so many rows has the address of the row before it
_FIRST: Final = 1_000  # number of the first profile; some profiles before it have the same addresses


def customers(profiles: Profiles) -> Iterator[list[Row]]:
    """Yield profiles as rows of `people.SCHEMA`, in batches; in every forty rows, two share an address."""
    for batch in profiles.batches(_BATCH_ROWS):
        rows = batch.to_pylist()
        for place in range(_REPEAT_EVERY - 1, len(rows), _REPEAT_EVERY):
            before = rows[place - 1]["Email"]
            rows[place]["Email"] = before and f" {before} "
        yield rows


@dataclass(frozen=True)
class Lake:
    """The location of one sample.

    Attributes:
        filesystem: Any fsspec file system.
        root: Folder of the sample in it, without a protocol.
        shape: Name of the shape.
        profiles: Rows of its largest segment.
        seed: Selects the sample customers.
    """

    filesystem: fsspec.AbstractFileSystem
    root: str
    shape: str
    profiles: int
    seed: int

    def people(self, share: float = 1.0, *, start: float = 0.0) -> Profiles:
        """Return the profiles of a segment.

        Args:
            share: Its size, as a share of the largest segment.
            start: Offset of its first profile, in the same unit: segments with overlapping ranges share profiles.
        """
        size = max(1, round(self.profiles * share))
        return Profiles.first(size, start=_FIRST + round(self.profiles * start), seed=self.seed)

    def segments(self, *tables: str) -> list[dict[str, str]]:
        """Return tables as an export file names them; no other sample has audiences of these names."""
        return [{"table": table, "audience": f"{table} ({self.shape})"} for table in tables]

    def ids(self, purpose: str) -> Callable[[], uuid.UUID]:
        """Return a function that makes ids that look random but are the same in every run."""
        numbers = count()
        return lambda: uuid.uuid5(uuid.NAMESPACE_OID, f"{self.seed} {self.shape} {purpose} {next(numbers)}")

    def path(self, relative: str) -> str:
        """Return a path in the sample's folder, as the file system names it."""
        return f"{self.root}/{relative}"

    @contextmanager
    def open(self, relative: str, *, compressed: bool = False) -> Iterator[BinaryIO]:
        """Open a new file; optionally compress it by gzip."""
        path = self.path(relative)
        self.filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
        with self.filesystem.open(path, "wb") as file:
            if not compressed:
                yield file
                return
            with gzip.GzipFile(
                "", "wb", 6, file, mtime=0
            ) as member:  # no name and no time: the same bytes each time
                yield cast(BinaryIO, member)

    def file(self, relative: str, content: bytes) -> None:
        """Write a file."""
        with self.open(relative) as file:
            file.write(content)

    def parquet(self, relative: str, batches: Batches, schema: pa.Schema = SCHEMA) -> None:
        """Write a Parquet file, with one row group for each batch."""
        with self.writing(relative, schema) as write:
            for rows in batches:
                write(rows)

    @contextmanager
    def writing(self, relative: str, schema: pa.Schema) -> Iterator[Callable[[list[Row]], None]]:
        """Open a new Parquet file; yields a function that writes a batch as one row group."""
        with self.open(relative) as file, pq.ParquetWriter(file, schema) as writer:
            yield lambda rows: writer.write_batch(pa.RecordBatch.from_pylist(rows, schema))

    def csv(
        self,
        relative: str,
        batches: Batches,
        style: Csv,
        columns: Sequence[str] = COLUMNS,
    ) -> None:
        """Write a CSV file."""
        with self.open(relative, compressed=relative.endswith(".gz")) as file:
            style.write(file, columns, cast(Iterable[Iterable[Mapping[str, Any]]], batches))
