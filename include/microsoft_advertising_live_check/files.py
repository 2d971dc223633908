"""Bulk files that a careful client would not send: odd rows, no byte order mark, strange zips."""

from __future__ import annotations

import csv
import io
import secrets
import zipfile

__all__ = ["bulk_file", "item", "list_row", "made_up_hash", "zipped"]

HEADER = [
    "Type", "Status", "Id", "Parent Id", "Client Id", "Name", "Scope", "Audience", "Description",
    "Action Type", "Accept Customer Match Term", "Membership Duration", "Sub Type", "Text",
]  # fmt: skip


def made_up_hash() -> str:
    """64 random hex digits, one of them a letter: the hash of nobody's address."""
    return f"a{secrets.token_hex(32)[1:]}"


def list_row(audience_id: str, client_id: str = "", **values: str) -> dict[str, str]:
    """A `Customer List` row; further columns with underscores for spaces."""
    named = {key.replace("_", " "): value for key, value in values.items()}
    return {"Type": "Customer List", "Id": audience_id, "Client Id": client_id, **named}


def item(audience_id: str, client_id: str, text: str, sub_type: str = "Email") -> dict[str, str]:
    """A `Customer List Item` row."""
    return {
        "Type": "Customer List Item", "Parent Id": audience_id, "Client Id": client_id,
        "Sub Type": sub_type, "Text": text,
    }  # fmt: skip


def bulk_file(*rows: dict[str, str], version: str = "6.0", bom: bool = True) -> bytes:
    """A whole file."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, HEADER)
    writer.writeheader()
    writer.writerow({"Type": "Format Version", "Name": version})
    writer.writerows(rows)
    return (b"\xef\xbb\xbf" if bom else b"") + text.getvalue().encode()


def zipped(*files: tuple[str, bytes]) -> bytes:
    """A zip of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return buffer.getvalue()
