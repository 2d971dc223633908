"""Bulk files that a careful client would not send: invalid rows, no byte order mark, unusual zips."""

from __future__ import annotations

import csv
import io
import secrets
import zipfile

__all__ = ["bulk_file", "item", "list_row", "made_up_hash", "make_zip"]

HEADER = [
    "Type", "Status", "Id", "Parent Id", "Client Id", "Name", "Scope", "Audience", "Description",
    "Action Type", "Accept Customer Match Term", "Membership Duration", "Sub Type", "Text",
]  # fmt: skip


def made_up_hash() -> str:
    """Return 64 random hex digits, at least one of them a letter; not the hash of any known address."""
    return f"a{secrets.token_hex(32)[1:]}"


def list_row(audience_id: str, client_id: str = "", **values: str) -> dict[str, str]:
    """Make a `Customer List` row; further columns are given with underscores for spaces."""
    named = {key.replace("_", " "): value for key, value in values.items()}
    return {"Type": "Customer List", "Id": audience_id, "Client Id": client_id, **named}


def item(audience_id: str, client_id: str, text: str, sub_type: str = "Email") -> dict[str, str]:
    """Make a `Customer List Item` row."""
    return {
        "Type": "Customer List Item", "Parent Id": audience_id, "Client Id": client_id,
        "Sub Type": sub_type, "Text": text,
    }  # fmt: skip


def bulk_file(*rows: dict[str, str], version: str = "6.0", bom: bool = True) -> bytes:
    """Make a complete file."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, HEADER)
    writer.writeheader()
    writer.writerow({"Type": "Format Version", "Name": version})
    writer.writerows(rows)
    return (b"\xef\xbb\xbf" if bom else b"") + text.getvalue().encode()


def make_zip(*files: tuple[str, bytes]) -> bytes:
    """Make a zip of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return buffer.getvalue()
