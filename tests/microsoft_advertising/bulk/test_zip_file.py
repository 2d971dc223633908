"""The zip is what Python's zipfile would have written, but for the deflated bytes."""

from __future__ import annotations

import zipfile
import zlib
from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st

from microsoft_advertising.bulk.deflating import Deflated
from microsoft_advertising.bulk.zip_file import write_zip


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_zipfile_reads_it(contents: list[bytes]) -> None:
    written = BytesIO()
    size = write_zip(written, "upload.csv", map(_deflated, contents))
    whole = b"".join(contents)
    assert size == len(whole)
    with zipfile.ZipFile(written) as archive:
        assert archive.testzip() is None
        (entry,) = archive.infolist()
        assert archive.read(entry) == whole
        assert (entry.file_size, entry.CRC) == (len(whole), zlib.crc32(whole))
        assert archive.comment == b""


def test_the_headers_are_those_of_zipfile() -> None:
    ours, theirs = BytesIO(), BytesIO()
    write_zip(ours, "upload.csv", [_deflated(b"a" * 1_000)])
    with zipfile.ZipFile(theirs, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        entry = zipfile.ZipInfo("upload.csv")
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, b"a" * 1_000)
    with zipfile.ZipFile(ours) as one, zipfile.ZipFile(theirs) as other:
        assert _facts(one.infolist()[0]) == _facts(other.infolist()[0])
        assert ours.getvalue()[:14] == theirs.getvalue()[:14], "the local header up to the checksum"


def _facts(entry: zipfile.ZipInfo) -> list[object]:
    names = ["filename", "date_time", "compress_type", "create_system", "create_version", "extract_version"]
    names += ["flag_bits", "volume", "internal_attr", "external_attr", "header_offset", "CRC", "file_size"]
    return [getattr(entry, name) for name in [*names, "extra", "comment"]]


def _deflated(content: bytes) -> Deflated:
    compressor = zlib.compressobj(wbits=-15)
    return Deflated(
        compressor.compress(content) + compressor.flush(zlib.Z_FULL_FLUSH), zlib.crc32(content), len(content)
    )
