"""An export with the required keys, as a model and as a file; tests add the keys that they check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from customer_match.export.loading import InvalidExport, load_export
from customer_match.export.model import Export

_REQUIRED: dict[str, Any] = {
    "cid": 1234567,
    "aid": "7654321",
    "source": "lake",
    "segments": "all",
    "email": "Email",
}


def export(**keys: Any) -> Export:
    """An export with the required keys and others."""
    return Export.model_validate({"name": "autumn"} | _REQUIRED | keys)


def file_text(**keys: str | None) -> str:
    """A file with the required keys in lines 1 to 5 and others after them; None leaves a key out."""
    return "".join(f"{key}: {value}\n" for key, value in (_REQUIRED | keys).items() if value is not None)


def save(folder: Path, content: str, name: str = "autumn.yaml") -> Path:
    """Write an export file."""
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def refusal(folder: Path, content: str) -> InvalidExport:
    """The error that is raised for a wrong file."""
    with pytest.raises(InvalidExport) as caught:
        load_export(save(folder, content))
    return caught.value
