"""Writes Bulk files: the members of one audience with one action, as CSV in a zip, in constant memory.

The file contains only the columns that the service needs (the official SDK writes 442). All item rows have the same
width, so numpy fills a template and no text is formatted per row. Source of the format: `bulk-file-schema`,
`bulk-service/customer-list` and `customer-list-item` (documented). A list row with an id and an action type is enough
(observed: LIVE23).
"""

from __future__ import annotations

import binascii
import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Final

import numpy as np
import numpy.typing as npt

from customer_match.errors import TerminalError
from microsoft_advertising.bulk.deflating import MakePiece, deflate
from microsoft_advertising.bulk.zip_file import write_zip
from microsoft_advertising.limits import (
    FORMAT_VERSION,
    MAX_FILE_BYTES,
    MAX_ID,
    MAX_ROWS,
    SANDBOX_MAX_ROWS,
)
from microsoft_advertising.models import Action

__all__ = [
    "Action",
    "BulkFileInfo",
    "index_of",
    "max_members_per_file",
    "write_bulk_file",
]

Digests = npt.NDArray[np.uint8]
"""Shape (n, 32): one row a SHA-256 digest."""

DIGEST_BYTES: Final = 32
CLIENT_ID_DIGITS: Final = 6
"""Enough for every file within `MAX_FILE_BYTES`; a test checks this."""

_COLUMNS: Final = "Type,Id,Parent Id,Name,Action Type,Sub Type,Client Id,Text"
"""In an order in which equal values of all rows stand together, because that compresses best."""
_COLUMNS_WITH_TERMS: Final = _COLUMNS.replace("Name", "Accept Customer Match Term,Name")
"""Columns of an upload that accepts the terms (documented: customer-list). The additional column is before Client Id,
so that the values of an item row keep their positions from its end."""
_OTHER_ROWS: Final = 3
"""Header, Format Version and list row: counted as rows, in case the service counts them."""

_BLOCK: Final = 16_384
"""Rows created at once: about 2 MB, which fits the processor's cache."""


@dataclass(frozen=True)
class BulkFileInfo:
    """Size of a file.

    Attributes:
        rows: Number of members.
        raw_bytes: Size of the CSV.
        zip_bytes: Size of the file.
    """

    rows: int
    raw_bytes: int
    zip_bytes: int


def index_of(identifier: str) -> int:
    """The member's index within its file, from a Client Id in the results.

    Raises:
        TerminalError: It is not one of our Client Ids.
    """
    if not (len(identifier) == CLIENT_ID_DIGITS and identifier.isascii() and identifier.isdigit()):
        raise TerminalError("The upload's results name a Client Id that was not sent.")
    return int(identifier)


def max_members_per_file(*, sandbox: bool) -> int:
    """Maximum members of one file, by the limits on rows and on bytes.

    Holds for an audience id of any length, with or without the terms, so that a plan stays valid if the connection
    changes.
    """
    rows = (SANDBOX_MAX_ROWS if sandbox else MAX_ROWS) - _OTHER_ROWS
    longest = str(MAX_ID)
    room = MAX_FILE_BYTES - max(len(_head(longest, action, accept_terms=True)) for action in Action)
    return min(rows, room // _template(longest, accept_terms=True).size)


def write_bulk_file(
    path: Path, *, audience_id: str, action: Action, members: Iterable[Digests], accept_terms: bool = False
) -> BulkFileInfo:
    """Write the members of one audience with one action as a zip with one CSV.

    The file gets its name only when it is complete.

    Args:
        path: Target file, ending in .zip. Overwritten if it exists.
        audience_id: The audience's id at the service.
        action: What to do with the members.
        members: Arrays of shape (n, 32), dtype uint8; the members' indexes run through all of them.
        accept_terms: Whether the upload accepts the Customer Match terms. If not, the column is left out: "False"
            would make the upload fail (documented), and without the column an earlier acceptance applies.

    Raises:
        TerminalError: There are more members than one file may contain; no file is left.
        ValueError: An array or the id does not have the form above; no file is left.
    """
    if not (audience_id.isascii() and audience_id.isdigit() and int(audience_id) <= MAX_ID):
        raise ValueError("the audience id must be a signed 64-bit number in digits")
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            head = _head(audience_id, action, accept_terms=accept_terms)
            template = _template(audience_id, accept_terms=accept_terms)
            rows, raw_bytes = _write_zip(file, head, template, members)
            zip_bytes = file.seek(0, os.SEEK_END)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return BulkFileInfo(rows, raw_bytes, zip_bytes)


def _write_zip(
    file: IO[bytes], head: bytes, template: npt.NDArray[np.uint8], members: Iterable[Digests]
) -> tuple[int, int]:
    """Write the zip; returns the number of rows and raw bytes."""
    with closing(deflate(_pieces(head, template, members))) as pieces:
        raw_bytes = write_zip(file, "upload.csv", pieces)
    return (raw_bytes - len(head)) // template.size, raw_bytes


def _pieces(head: bytes, template: npt.NDArray[np.uint8], members: Iterable[Digests]) -> Iterator[MakePiece]:
    """The content of the file, in pieces that threads make."""
    limit = min(MAX_ROWS - _OTHER_ROWS, (MAX_FILE_BYTES - len(head)) // template.size)
    yield lambda: head
    rows = 0
    for block in _blocks(members):
        if rows + len(block) > limit:
            raise TerminalError(f"A Bulk file may contain at most {limit} members: use smaller parts.")
        yield partial(_item_rows, template, block, first=rows)
        rows += len(block)


def _head(audience_id: str, action: Action, *, accept_terms: bool) -> bytes:
    extra = "," if accept_terms else ""
    lines = (
        _COLUMNS_WITH_TERMS if accept_terms else _COLUMNS,
        f"Format Version,,,{extra}{FORMAT_VERSION},,,,",
        f"Customer List,{audience_id},,{'True,' if accept_terms else ''},{action},,,",
    )
    return b"\xef\xbb\xbf" + "".join(line + "\r\n" for line in lines).encode("ascii")


def _template(audience_id: str, *, accept_terms: bool) -> npt.NDArray[np.uint8]:
    """One item row as bytes, with placeholders for Client Id and Text."""
    extra = "," if accept_terms else ""
    row = f"Customer List Item,,{audience_id},{extra},,Email,{'0' * CLIENT_ID_DIGITS},{'0' * 2 * DIGEST_BYTES}\r\n"
    return np.frombuffer(row.encode("ascii"), dtype=np.uint8)


def _blocks(members: Iterable[Digests]) -> Iterator[Digests]:
    for digests in members:
        if digests.ndim != 2 or digests.shape[1] != DIGEST_BYTES or digests.dtype != np.uint8:  # noqa: PLR2004 (a table)
            raise ValueError(
                f"members must be of shape (n, 32) and dtype uint8, not {digests.shape}, {digests.dtype}"
            )
        for start in range(0, len(digests), _BLOCK):
            yield digests[start : start + _BLOCK]


def _item_rows(template: npt.NDArray[np.uint8], digests: Digests, *, first: int) -> memoryview:
    """The rows of some members as bytes."""
    rows = np.empty((len(digests), template.size), dtype=np.uint8)
    rows[:] = template
    text_end = template.size - len("\r\n")
    text_start = text_end - 2 * DIGEST_BYTES
    id_end = text_start - len(",")
    index = np.arange(first, first + len(digests), dtype=np.uint32)
    for column in range(id_end - 1, id_end - CLIENT_ID_DIGITS - 1, -1):
        index, digit = np.divmod(index, 10)
        rows[:, column] = digit + ord("0")
    digits = np.frombuffer(binascii.hexlify(np.ascontiguousarray(digests).data), dtype=np.uint8)
    rows[:, text_start:text_end] = digits.reshape(len(digests), 2 * DIGEST_BYTES)
    return rows.data
