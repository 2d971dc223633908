"""The data path and joins: jobs that read tables of e-mail addresses and leave their result in a folder."""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.joining import write_join
from benchmarks.measuring import Comparison, Job
from customer_match_demo.tables import DemoTable, write_table
from customer_match_sample_lake.people import Profiles

__all__ = ["DATA_PATH", "JOIN", "engine", "write_profiles"]

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PLAIN = re.compile(rf"(?=.{{1,254}}\Z)[a-z0-9._'+-]{{1,64}}@(?:{_LABEL}\.)+(?![0-9]+\Z){_LABEL}")


def engine(table: Path, folder: Path, policy: str = "basic") -> None:
    """Ours: normalise, chunk and write the upload files, as the tasks do; a ledger that is empty."""
    from customer_match.addresses.definition import Policy
    from customer_match.ledger.state import State
    from customer_match.members.files import read_members
    from customer_match.planning.plan import plan_parts
    from customer_match.profiles.reading import ReadSpec
    from customer_match.profiles.staging import stage_members
    from customer_match.tables.opening import open_table
    from customer_match.workspace.workspace import Workspace
    from microsoft_advertising.bulk import file as bulk_file

    lake = fsspec.filesystem("file")
    workspace = Workspace(lake, str(folder))
    batches = open_table(lake, str(table)).batches(["Email"])
    staged = stage_members(batches, ReadSpec(emails=("Email",)), Policy(policy), workspace, "members.parquet")
    part_size = min(500_000, bulk_file.max_members_per_file(sandbox=False))
    plan = plan_parts(
        workspace, State(audience="a"), staged.members, plan_id="p", folder="parts", part_size=part_size
    )
    for number, part in enumerate(plan.parts):
        members = read_members(workspace, part.members)
        action = bulk_file.Action(part.action.value.title())
        bulk_file.write_bulk_file(folder / f"{number}.zip", audience_id="1", action=action, members=members)


def sdk(table: Path, folder: Path) -> None:
    """The baseline: hashlib, the official SDK's entities and its file writer, Python's zipfile.

    It makes the same members as ours (a test holds this), row by row.
    """
    from bingads.v13.bulk import BulkFileWriter  # noqa: TID251 (measured, not used)
    from bingads.v13.bulk.entities.audiences import BulkCustomerListItem  # noqa: TID251

    path = folder / "upload.csv"
    seen: set[str] = set()
    with BulkFileWriter(str(path)) as writer:
        for digest in _digests(table):
            if digest not in seen:
                seen.add(digest)
                writer.write_entity(BulkCustomerListItem(parent_id=1, sub_type="Email", text=digest))
    with zipfile.ZipFile(folder / "upload.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, path.name)


def _digests(table: Path) -> Iterator[str]:
    """Hex digests of all usable addresses; only those that are not plain go the long way."""
    from customer_match.addresses.definition import Policy, judge

    for value in _values(table):
        address = (value or "").strip().lower()
        if _PLAIN.fullmatch(address):
            yield hashlib.sha256(address.encode()).hexdigest()
        else:
            yield from (digest.hex() for digest in judge(value, Policy.BASIC).digests)


def _values(table: Path) -> Iterator[str | None]:
    for file in sorted(table.glob("*.parquet")):
        for batch in pq.ParquetFile(file).iter_batches(columns=["Email"]):
            yield from batch.column(0).to_pylist()


def join(tables: Path, folder: Path) -> None:
    """Ours: join a segment that only lists customers to the profiles, and stage its members, as `normalise` does."""
    from benchmarks.joining import MEMBERSHIPS, PROFILES
    from customer_match.profiles.join import Join, MembershipReading
    from customer_match.tables.opening import open_table

    lake = fsspec.filesystem("file")
    memberships, profiles = (open_table(lake, str(tables / name)) for name in (MEMBERSHIPS, PROFILES))
    with Join(MembershipReading("CustomerId"), MEMBERSHIPS) as joining:
        joining.read(memberships.batches(["CustomerId"]))
        found = joining.profiles(lambda: profiles.batches(["Email", "CustomerId"]), "CustomerId")
        _stage(found, folder)


def join_in_memory(tables: Path, folder: Path) -> None:
    """The baseline: polars reads both tables whole and joins them; members are staged as ours are."""
    import polars as pl

    from benchmarks.joining import MEMBERSHIPS, PROFILES

    memberships, profiles = (pl.read_parquet(tables / name / "*.parquet") for name in (MEMBERSHIPS, PROFILES))
    found = profiles.join(memberships, on="CustomerId", how="semi").select("Email").to_arrow()
    _stage(found.to_batches(), folder)


def _stage(batches: Iterable[pa.RecordBatch], folder: Path) -> None:
    from customer_match.addresses.definition import Policy
    from customer_match.profiles.reading import ReadSpec
    from customer_match.profiles.staging import stage_members
    from customer_match.workspace.workspace import Workspace

    workspace = Workspace(fsspec.filesystem("file"), str(folder))
    staged = stage_members(batches, ReadSpec(emails=("Email",)), Policy.BASIC, workspace, "members.parquet")
    (folder / "count").write_text(str(staged.members.count))


def write_profiles(folder: Path, size: int) -> Path:
    """Write a table of so many profiles, in two Parquet files."""
    return Path(write_table(str(folder), DemoTable("t", Profiles.first(size), files=2)))


DATA_PATH = Comparison(
    case="normalise, chunk and write upload files",
    ours=Job(engine),
    baseline="hashlib + bingads BulkFileWriter + zipfile",
    other=Job(sdk),
    prepare=write_profiles,
)
JOIN = Comparison(
    case="join a segment's ids with so many profiles, and stage the members",
    ours=Job(join),
    baseline="polars, in memory",
    other=Job(join_in_memory),
    prepare=write_join,
)
