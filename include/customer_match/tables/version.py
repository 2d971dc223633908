"""Which state of a table was read, so that it can be told apart from every other one later."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from customer_match.redaction import without_addresses
from customer_match.tables.listing import TableFile
from customer_match.tables.table import Table

__all__ = ["TableVersion", "version_of"]


class TableVersion(BaseModel):
    """The state of a table when it was read.

    Attributes:
        location: Its location, without addresses.
        version: Its version, if its format numbers them (Delta); otherwise None.
        modified: When it was written, UTC; None if the storage does not know it.
        files: Number of its data files.
        size_bytes: Their size.
        fingerprint: SHA-256, in base64url, of the names, sizes, and ETags or times of the data files. States with the
            same version and fingerprint have the same content.
    """

    model_config = ConfigDict(frozen=True)

    location: str
    version: str | None = None
    modified: datetime | None = None
    files: NonNegativeInt
    size_bytes: NonNegativeInt
    fingerprint: str


def version_of(table: Table) -> TableVersion:
    """Return the state of an opened table."""
    return TableVersion(
        location=without_addresses(table.location),
        version=table.version,
        modified=table.modified,
        files=len(table.files),
        size_bytes=sum(file.size_bytes for file in table.files),
        fingerprint=_fingerprint(table.files),
    )


def _fingerprint(files: Iterable[TableFile]) -> str:
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda one: one.path):
        written = file.tag or (file.modified.isoformat() if file.modified else "")
        digest.update(f"{file.path}\n{file.size_bytes}\n{written}\n".encode("utf-8", "surrogatepass"))
    return urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
