"""The parts of the service's answers that are kept: codes, counts and states; never texts."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

__all__ = ["Answer", "UploadOutcome", "read_answer", "read_results"]

_WHOLE = ("Errors", "OperationErrors", "BatchErrors")


@dataclass(frozen=True)
class Answer:
    """An answer to a call or to a posted file.

    Attributes:
        status: HTTP status.
        codes: Error codes of the call as a whole.
        partial: (Index, code) of each refused item.
        body: The JSON; do not record it.
    """

    status: int
    codes: tuple[int, ...]
    partial: tuple[tuple[int, int], ...]
    body: Mapping[str, Any] = field(repr=False)

    def __str__(self) -> str:
        partial = ", ".join(str(code) for _, code in self.partial)
        whole = ", ".join(map(str, self.codes))
        return (
            f"HTTP {self.status}"
            + (f", {whole}" if whole else "")
            + (f", items {partial}" if partial else "")
        )


@dataclass(frozen=True)
class UploadOutcome:
    """The result of an upload.

    Attributes:
        state: RequestStatus.
        codes: Error codes of the upload as a whole.
        rows: Rows of the result file, without empty columns; do not record them.
        result_url: A secret.
    """

    state: str
    codes: tuple[int, ...] = ()
    rows: tuple[Mapping[str, str], ...] = field(default=(), repr=False)
    result_url: str | None = field(default=None, repr=False)

    @property
    def errors(self) -> dict[str, list[int]]:
        """Codes of refused rows by their Client Id, in the order of the file."""
        found: dict[str, list[int]] = {}
        for row in self.rows:
            if row.get("Type", "").endswith(" Error"):
                found.setdefault(row.get("Client Id", ""), []).append(_number(row.get("Error Number")))
        return found

    def of(self, client_id: str) -> list[int]:
        """Return the codes of one row."""
        return self.errors.get(client_id, [])

    def __str__(self) -> str:
        return self.state + "".join(f", {code}" for code in self.codes)


def read_answer(response: httpx.Response) -> Answer:
    """Parse an answer; an answer that is not a JSON object has no codes."""
    try:
        body = json.loads(response.content)
    except ValueError:
        body = {}
    body = body if isinstance(body, dict) else {}
    errors = [error for key in _WHOLE for error in body.get(key) or () if isinstance(error, dict)]
    codes = [_number(error.get("Code")) for error in [*errors, body] if "Code" in error]
    items = [error for error in body.get("PartialErrors") or () if isinstance(error, dict)]
    partial = tuple((_number(error.get("Index")), _number(error.get("Code"))) for error in items)
    return Answer(response.status_code, tuple(codes), partial, body)


def read_results(content: bytes) -> tuple[Mapping[str, str], ...]:
    """Return the rows of a result zip after its Format Version row."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        text = archive.read(archive.namelist()[0]).decode("utf-8-sig")
    rows = csv.DictReader(io.StringIO(text, newline=""))
    kept = ({key: value for key, value in row.items() if value} for row in rows)
    return tuple(row for row in kept if row.get("Type") != "Format Version")


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | str) and str(value).lstrip("-").isdigit() else -1
