"""What the first bytes of files tell."""

import gzip

import pytest

from customer_match.tables.files.first_bytes import decompress_start, foreign, is_text


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b'{"Email":"x"}', "JSON"),
        (b'\xef\xbb\xbf \n[{"Email": "x"}]', "JSON"),
        (b"[\n", "JSON"),
        (b"{\n", "JSON"),
        (b'["a", "b"]', "JSON"),
        (b"[1, 2]", "JSON"),
        (b"<?xml version='1.0'?>", "XML or HTML"),
        (b"<HTML>", "XML or HTML"),
        (b"ORC\x0a\0\x03", "an ORC file"),
        (b"Obj\x01", "an Avro file"),
        (b"SEQ\x06org", "a Hadoop sequence file"),
        (b"PAR1", "a Parquet file"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    ],
)
def test_what_is_surely_no_csv(start: bytes, what: str) -> None:
    assert foreign(start) == what


@pytest.mark.parametrize(
    "start",
    [
        b"Id,Email\n",
        b"[Id],[Email]\n",
        b"{0f8fad5b-d9cb-469f-a165-70867728950e},ann\n",
        b"ORCID,Email\n",
        b"",
        b"<none>;x",
        "Straße".encode("cp1252"),
    ],
)
def test_what_may_be_csv(start: bytes) -> None:
    assert foreign(start) is None


def test_text_is_told_from_binary_data() -> None:
    for start in (
        b"a,b\n\x01\x02\x1f",
        "Größe".encode("cp1252"),
        "a,b".encode("utf-16"),
        b"a\r\n\x1a",
        b"a\tb\x0c",
    ):
        assert is_text(start), start
    for start in (b"a\0b", b"\x00\x01", b"\x89PNG\r\n\x1a\n\0", b"\x7fELF"):
        assert not is_text(start), start


def test_gzip_is_unpacked_as_far_as_the_first_bytes() -> None:
    assert decompress_start(gzip.compress(b'{"a": 1}' * 10_000)).startswith(b'{"a": 1}')
    assert len(decompress_start(gzip.compress(bytes(10**6)))) <= 4096
    assert decompress_start(b"plain") == b"plain"
    assert decompress_start(b"\x1f\x8bdamaged") == b""
