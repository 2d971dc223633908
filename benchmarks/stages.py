"""The data path stage by stage, each beside the least that the same libraries need for it.

A baseline here is a limit: work that the stage cannot do without, done plainly with everything in memory and without
any check. What makes the input is not measured.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, Final

import fsspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.cases import write_profiles
from benchmarks.measuring import Comparison, Job

__all__ = ["LIBRARIES", "STAGES"]

_COLUMN = "Email"
_CHURN = 50  # of so many members one leaves, and as many come
_PART = 500_000

Batches = list[pa.RecordBatch]
Bytes = npt.NDArray[np.uint8]


def _write_members(folder: Path, size: int) -> Path:
    """Write the file `new` of so many sorted members, and `old`, which lacks some of these and has others."""
    from customer_match.members.digests import sorted_distinct
    from customer_match.members.files import write_members

    workspace = _workspace(folder)
    everyone = np.frombuffer(np.random.default_rng(3).bytes(32 * size), np.uint8).reshape(-1, 32)
    others = np.frombuffer(np.random.default_rng(4).bytes(32 * (size // _CHURN)), np.uint8).reshape(-1, 32)
    for name, members in (
        ("new", everyone),
        ("old", np.concatenate([everyone[len(others) :], others])),
    ):
        reference = write_members(workspace, f"{name}.parquet", [sorted_distinct(members)])
        workspace.write_bytes(f"{name}.json", reference.model_dump_json().encode())
    return folder


def _workspace(folder: Path) -> Any:
    from customer_match.workspace.workspace import Workspace

    folder.mkdir(parents=True, exist_ok=True)
    return Workspace(fsspec.filesystem("file"), str(folder))


def read(table: Path, _: Path) -> None:
    """Ours: open the table, and read the column."""
    from customer_match.tables.opening import open_table

    _consume(open_table(fsspec.filesystem("file"), str(table)).batches([_COLUMN]))


def decode(table: Path, _: Path) -> None:
    """The limit: pyarrow decodes the column in one thread."""
    for file in sorted(table.glob("*.parquet")):
        _consume(pq.ParquetFile(file, pre_buffer=False).iter_batches(columns=[_COLUMN], use_threads=False))


def _consume(results: Iterable[object]) -> None:
    for _ in results:
        pass


def batches_of(table: Path) -> Batches:
    """The table as the stage before hands it over."""
    from customer_match.tables.opening import open_table

    return list(open_table(fsspec.filesystem("file"), str(table)).batches([_COLUMN]))


def judge_and_hash(batches: Batches, _: Path) -> None:
    """Ours: normalise, judge and hash."""
    from customer_match.addresses.definition import Policy
    from customer_match.addresses.engine import digest_batches

    _consume(digest_batches(batches, [_COLUMN], Policy.BASIC))


def hash_only(batches: Batches, _: Path) -> None:
    """The limit: stringzilla, of the values as they are."""
    import polars as pl

    from customer_match.addresses.hashing import hash_texts

    for batch in batches:
        hash_texts(pl.DataFrame({"value": pl.from_arrow(batch.column(0))}).to_series().fill_null(""))


def hash_with_hashlib(batches: Batches, _: Path) -> None:
    """What Python does without libraries."""
    for batch in batches:
        for value in batch.column(0).to_pylist():
            hashlib.sha256((value or "").encode()).digest()


def digests_of(table: Path) -> list[Bytes]:
    """The digests of the table, as the stage before hands them over."""
    from customer_match.addresses.definition import Policy
    from customer_match.addresses.engine import digest_batches

    return [outcome.digests for _, outcome in digest_batches(batches_of(table), [_COLUMN], Policy.BASIC)]


def stage(digests: list[Bytes], folder: Path) -> None:
    """Ours: sort, keep each once, and write the members to the workspace."""
    from customer_match.members.distinct import DistinctMembers
    from customer_match.members.files import write_members

    with DistinctMembers() as distinct:
        for array in digests:
            distinct.add(array)
        write_members(_workspace(folder), "members.parquet", distinct.sorted())


def sort_in_memory(digests: list[Bytes], folder: Path) -> None:
    """The limit: numpy sorts by the first eight bytes, gathers once, and writes the bytes."""
    everything = np.concatenate(digests)
    prefixes = np.ascontiguousarray(everything[:, :8]).view(">u8").reshape(-1).astype(np.uint64)
    everything[np.argsort(prefixes)].tofile(folder / "members")


def find_difference(folder: Path, output: Path) -> None:
    """Ours: plan the parts that lead from the old members to the new ones."""
    _plan(folder, output, known=True)


def plan_everything(folder: Path, output: Path) -> None:
    """Ours: plan the parts of an audience that is empty."""
    _plan(folder, output, known=False)


def _plan(folder: Path, _: Path, *, known: bool) -> None:
    from customer_match.ledger.state import Settled, State
    from customer_match.members.files import MembersFile
    from customer_match.planning.plan import plan_parts

    workspace = _workspace(folder)
    old, new = (
        MembersFile.model_validate_json(workspace.read_bytes(f"{name}.json")) for name in ("old", "new")
    )
    state = State(audience="a")
    if known:
        settled = Settled(certain=old, possible=old, known=True)
        state = State(audience="a", audience_id="1", settled=settled)
    plan_parts(workspace, state, new, plan_id="p", folder="parts", part_size=_PART)


def compare_in_memory(folder: Path, _: Path) -> None:
    """The limit: pyarrow reads both files, and numpy compares the first eight bytes of sorted members."""
    old, new = (_prefixes(folder / f"{name}.parquet") for name in ("old", "new"))
    for some, others in ((old, new), (new, old)):
        places = np.minimum(np.searchsorted(others, some), len(others) - 1)
        some[others[places] != some].tofile(folder / "difference")


def _prefixes(path: Path) -> npt.NDArray[np.uint64]:
    column = pq.read_table(path).column(0).combine_chunks()
    members = np.frombuffer(column.buffers()[1], np.uint8)[: 32 * len(column)].reshape(-1, 32)
    return np.ascontiguousarray(members[:, :8]).view(">u8").reshape(-1).astype(np.uint64)


def copy_members(folder: Path, output: Path) -> None:
    """The limit: read all members and write their bytes."""
    members = pq.read_table(folder / "new.parquet").column(0)
    for chunk in members.chunks:
        (output / "copy").write_bytes(chunk.buffers()[1])


def members_of(folder: Path) -> list[Bytes]:
    """The members, in arrays of at most one part."""
    column = pq.read_table(folder / "new.parquet").column(0).combine_chunks()
    members = np.frombuffer(column.buffers()[1], np.uint8)[: 32 * len(column)].reshape(-1, 32)
    return [members[start : start + _PART] for start in range(0, len(members), _PART)]


def write_files(members: list[Bytes], folder: Path) -> None:
    """Ours: write the upload files."""
    from microsoft_advertising.bulk.file import Action, write_bulk_file

    for number, part in enumerate(members):
        write_bulk_file(folder / f"{number}.zip", audience_id="1", action=Action.ADD, members=[part])


def rows_of(folder: Path) -> list[bytes]:
    """The rows of the upload files as bytes: prefix, number and hex digits, as long as real ones."""
    head = b"Customer List Item,,1,"
    return [
        b"".join(
            head + b"%06d,,,Email,%s\r\n" % (number, bytes(member).hex().encode())
            for number, member in enumerate(part)
        )
        for part in members_of(folder)
    ]


def deflate(rows: list[bytes], _: Path) -> None:
    """The limit: isal deflates rows that are there already."""
    from isal import isal_zlib

    for part in rows:
        isal_zlib.compress(part, 1)


def deflate_with_zlib(rows: list[bytes], _: Path) -> None:
    """What Python does without libraries, at its fastest."""
    for part in rows:
        zlib.compress(part, 1)


def checksum(rows: list[bytes], _: Path) -> None:
    """CRC-32 by isal."""
    from isal import isal_zlib

    for part in rows:
        isal_zlib.crc32(part)


def checksum_with_zlib(rows: list[bytes], _: Path) -> None:
    """CRC-32 by zlib."""
    for part in rows:
        zlib.crc32(part)


_of_table = partial(Comparison, prepare=write_profiles)
_of_members = partial(Comparison, prepare=_write_members)

STAGES: Final[dict[str, Comparison]] = {
    "read": _of_table("read", Job(read), "pyarrow decodes the column", Job(decode)),
    "judge": _of_table(
        "normalise, judge and hash",
        Job(judge_and_hash, batches_of),
        "stringzilla alone",
        Job(hash_only, batches_of),
    ),
    "distinct": _of_table(
        "sort, keep each member once, and write them",
        Job(stage, digests_of),
        "numpy sorts by 8 bytes in memory",
        Job(sort_in_memory, digests_of),
    ),
    "parts": _of_members(
        "plan the parts of an empty audience",
        Job(plan_everything),
        "read and write the bytes",
        Job(copy_members),
    ),
    "difference": _of_members(
        "plan the parts of a difference: 2 % leave, 2 % come",
        Job(find_difference),
        "numpy compares 8 bytes of sorted members in memory",
        Job(compare_in_memory),
    ),
    "write": _of_members(
        "write the upload files",
        Job(write_files, members_of),
        "isal deflates the rows",
        Job(deflate, rows_of),
    ),
}
"""The stages of the data path by name, in their order."""

LIBRARIES: Final[dict[str, Comparison]] = {
    "sha256": _of_table(
        "SHA-256 by stringzilla",
        Job(hash_only, batches_of),
        "hashlib",
        Job(hash_with_hashlib, batches_of),
    ),
    "deflate": _of_members(
        "deflate by isal, level 1",
        Job(deflate, rows_of),
        "zlib, level 1",
        Job(deflate_with_zlib, rows_of),
    ),
    "crc32": _of_members("CRC-32 by isal", Job(checksum, rows_of), "zlib", Job(checksum_with_zlib, rows_of)),
}
"""What the libraries that do most of the work gain over Python's own."""
