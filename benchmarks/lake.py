"""Reading one column of a table in Azure storage (Azurite): ours, and pyarrow's own reading over the same adlfs."""

from __future__ import annotations

import gzip
import io
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from benchmarks.measuring import Measured, compared, median, peak_rss_mb
from customer_match_demo.azurite import running
from customer_match_demo.tables import DemoTable, write_table
from customer_match_sample_lake.people import Profiles

__all__ = ["LAYOUTS", "Layout", "read_lake"]

_CONTAINER = "lake"
_COLUMN = "Email"


@dataclass(frozen=True)
class Layout:
    """How a table is cut into files: of Parquet with so many rows in a row group (or of Delta Lake), or of CSV."""

    files: int
    row_group: int = 0
    extension: str = "parquet"

    @property
    def path(self) -> str:
        """Of the table in the lake."""
        return f"{_CONTAINER}/table-{self.extension}-{self.files}-{self.row_group}"

    @property
    def words(self) -> str:
        """For people."""
        groups = f"row groups of {self.row_group:,}" if self.row_group else self.extension
        of_delta = " of Delta Lake" if self.extension == "delta" else ""
        return f"{self.files} files{of_delta}, {groups}"

    @property
    def baseline(self) -> str:
        """What it is compared with."""
        reader = "pyarrow.parquet.read_table" if self.row_group else "pyarrow.csv.read_csv"
        return f"{reader} over adlfs"


LAYOUTS = (
    Layout(files=4, row_group=62_500),
    Layout(files=4, row_group=12_500),
    Layout(files=20, row_group=25_000),
    Layout(files=200, row_group=2_500),
    Layout(files=20, row_group=25_000, extension="delta"),
    Layout(files=4, extension="csv"),
    Layout(files=4, extension="csv.gz"),
    Layout(files=20, extension="csv"),
)


def ours(filesystem: Any, path: str) -> int:
    """Rows, as the task that normalises reads them."""
    from customer_match.tables.opening import open_table

    return sum(batch.num_rows for batch in open_table(filesystem, path).batches([_COLUMN]))


def baseline(filesystem: Any, path: str) -> int:
    """Rows, as pyarrow reads a column; of CSV file by file, which is faster than its dataset of files."""
    if "-parquet-" in path:
        return int(pq.read_table(path, columns=[_COLUMN], filesystem=filesystem).num_rows)
    files = filesystem.find(path)
    if "-delta-" in path:
        data = [file for file in files if file.endswith(".parquet")]
        return int(pq.read_table(data, columns=[_COLUMN], filesystem=filesystem).num_rows)
    return sum(_csv_rows(filesystem, file) for file in files)


def _csv_rows(filesystem: Any, path: str) -> int:
    options = pa_csv.ConvertOptions(include_columns=[_COLUMN])
    with filesystem.open(path, "rb") as file:
        plain = pa.CompressedInputStream(pa.PythonFile(file, "r"), "gzip") if path.endswith(".gz") else file
        return int(pa_csv.read_csv(plain, convert_options=options).num_rows)


JOBS: dict[str, Callable[[Any, str], int]] = {"ours": ours, "baseline": baseline}


def read_lake(size: int, rounds: int) -> list[dict[str, Any]]:
    """One entry of the results for each layout; rounds in turns, so that both meet the same noise."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as endpoint:
        _write(size, Path(folder), endpoint.connection_string)
        return [_compare(size, layout, endpoint.connection_string, rounds) for layout in LAYOUTS]


def _open(connection_string: str) -> Any:
    import adlfs

    return adlfs.AzureBlobFileSystem(connection_string=connection_string, use_listings_cache=False)


def _write(size: int, folder: Path, connection_string: str) -> None:
    table = pq.read_table(write_table(str(folder / "table"), DemoTable("t", Profiles.first(size))))
    lake = _open(connection_string)
    lake.mkdir(_CONTAINER)
    for layout in LAYOUTS:
        rows = -(-size // layout.files)
        kind = "parquet" if layout.row_group else layout.extension
        parts = {
            f"part-{number:03}.{kind}": _content(table.slice(number * rows, rows), layout)
            for number in range(layout.files)
        }
        for name, content in parts.items():
            lake.pipe_file(f"{layout.path}/{name}", content)
        if layout.extension == "delta":
            lake.pipe_file(f"{layout.path}/_delta_log/{0:020}.json", _first_commit(parts))


def _content(table: pa.Table, layout: Layout) -> bytes:
    buffer = io.BytesIO()
    if layout.row_group:
        pq.write_table(table, buffer, row_group_size=layout.row_group)
        return buffer.getvalue()
    pa_csv.write_csv(table, buffer)
    return gzip.compress(buffer.getvalue(), 6) if layout.extension == "csv.gz" else buffer.getvalue()


def _first_commit(parts: Mapping[str, bytes]) -> bytes:
    """The log of a Delta table that consists of these files; its schema has only the column that is read."""
    column = {"name": _COLUMN, "type": "string", "nullable": True, "metadata": {}}
    metadata = {
        "id": "bench",
        "format": {"provider": "parquet", "options": {}},
        "schemaString": json.dumps({"type": "struct", "fields": [column]}),
        "partitionColumns": [],
        "configuration": {},
    }
    added = {"partitionValues": {}, "modificationTime": 0, "dataChange": True}
    actions: list[dict[str, Any]] = [
        {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}},
        {"metaData": metadata},
        *({"add": {"path": name, "size": len(content), **added}} for name, content in parts.items()),
    ]
    return "\n".join(map(json.dumps, actions)).encode()


def _compare(size: int, layout: Layout, connection_string: str, rounds: int) -> dict[str, Any]:
    pairs = [[measure(job, size, layout, connection_string) for job in JOBS] for _ in range(rounds)]
    found, other = (median([pair[side] for pair in pairs]) for side in (0, 1))
    case = f"one column from Azurite ({layout.words})"
    return compared(case, size, found, layout.baseline, other, rounds=rounds, ratio_of="seconds")


def measure(job: str, size: int, layout: Layout, connection_string: str) -> Measured:
    """Read once in a fresh process, after a first reading that imports everything."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(job, size, layout, connection_string, sender))
    process.start()
    sender.close()
    measured: Measured = receiver.recv()
    process.join()
    return measured


def _work(
    job: str, size: int, layout: Layout, connection_string: str, sender: multiprocessing.connection.Connection
) -> None:
    lake = _open(connection_string)
    JOBS[job](lake, layout.path)
    wall, cpu = time.perf_counter(), time.process_time()
    rows = JOBS[job](lake, layout.path)
    measured = Measured(
        seconds=time.perf_counter() - wall,
        cpu_seconds=time.process_time() - cpu,
        peak_rss_mb=peak_rss_mb(),
    )
    if rows != size:
        raise RuntimeError(f"{job} read {rows:,} rows of {size:,}")
    sender.send(measured)
