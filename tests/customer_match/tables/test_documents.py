import gzip
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from customer_match.errors import ConfigurationError
from customer_match.tables.documents import read_document

LOCAL = LocalFileSystem()
TEXT = b'{"commitInfo": {}}\n' * 1_000


@pytest.mark.parametrize(
    "content",
    [TEXT, gzip.compress(TEXT), gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:])],
    ids=["plain", "compressed", "compressed in two members"],
)
def test_documents_are_read_compressed_or_not(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.json"
    path.write_bytes(content)
    assert read_document(LOCAL, str(path)) == TEXT
    assert read_document(LOCAL, str(path), size=len(content)) == TEXT
    assert read_document(LOCAL, str(path), limit=150) == TEXT[:150]


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "content",
    [gzip.compress(TEXT)[:-9], gzip.compress(TEXT)[:1] + b"\x8b", gzip.compress(TEXT)[:30] + b"\xff" * 30],
    ids=["truncated", "header alone", "damaged"],
)
def test_damaged_documents_are_errors(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.json"
    path.write_bytes(content)
    with pytest.raises(
        ConfigurationError, match=r"model\.json is compressed with gzip, but truncated or damaged"
    ):
        read_document(LOCAL, str(path))


def test_a_missing_document_is_reported(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_document(LOCAL, str(tmp_path / "model.json"))
