"""Which state of a table was read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from customer_match.tables.listing import TableFile
from customer_match.tables.version import TableVersion, version_of

if TYPE_CHECKING:
    from customer_match.tables.table import Table

THEN = datetime(2026, 3, 1, 5, tzinfo=UTC)
ONE = TableFile("lake/gold/1.parquet", 10, THEN, "0x8D")
TWO = TableFile("lake/gold/2.parquet", 20, THEN, "0x8E")


@dataclass(frozen=True)
class Opened:
    """What a version needs of a table."""

    files: tuple[TableFile, ...] = field(default=(ONE, TWO))
    location: str = "abfs://lake@account.dfs.core.windows.net/anna@contoso.com/gold"
    modified: datetime | None = THEN
    version: str | None = None


def version(table: Opened) -> TableVersion:
    return version_of(cast("Table", table))


def test_a_version_names_the_table_without_addresses() -> None:
    found = version(Opened(version="12"))
    assert found.location == "abfs://lake@account.dfs.core.windows.net/[address]/gold"
    assert (found.version, found.modified, found.files, found.size_bytes) == ("12", THEN, 2, 30)


def test_the_fingerprint_is_that_of_the_files_in_any_order() -> None:
    assert version(Opened()).fingerprint == version(Opened(files=(TWO, ONE))).fingerprint


def test_any_change_of_a_file_changes_the_fingerprint() -> None:
    changed = [
        (ONE,),
        (ONE, replace(TWO, tag="0x8F")),
        (ONE, replace(TWO, size_bytes=21)),
        (ONE, replace(TWO, path="lake/gold/3.parquet")),
        (ONE, replace(TWO, tag=None)),
        (ONE, replace(TWO, tag=None, modified=None)),
        (ONE, replace(TWO, tag=None, modified=datetime(2026, 3, 2, tzinfo=UTC))),
    ]
    found = {version(Opened(files=files)).fingerprint for files in [(ONE, TWO), *changed]}
    assert len(found) == len(changed) + 1
    assert all(len(one) == 43 for one in found), "no 64 hexadecimal digits, which could be an address"
