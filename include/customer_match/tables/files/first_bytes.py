"""Classifies files by their first bytes."""

from __future__ import annotations

import re
import zlib
from typing import Final

from customer_match.tables.csv.streams import is_gzip

__all__ = ["FIRST_BYTES", "decompress_start", "foreign", "is_text"]

FIRST_BYTES: Final = 4096
"""Number of bytes that is enough for all checks here."""

_GZIP_WINDOW: Final = 31  # deflate's largest, with gzip's header
_MAGIC: Final = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"PAR1": "a Parquet file",
    b"PARE": "an encrypted Parquet file",
    b"Obj\x01": "an Avro file",
    b"%PDF-": "a PDF file",
    b"ARROW1\0\0": "an Arrow file",
    b"FEA1": "a Feather file",
    b"SQLite format 3\0": "a SQLite database",
    **{b"SEQ" + bytes([version]): "a Hadoop sequence file" for version in range(1, 8)},
    b"RCF\x01": "an RCFile of Hive",
    **{b"BZh%d1AY&SY" % level: "compressed with bzip2" for level in range(1, 10)},
    b"\x28\xb5\x2f\xfd": "compressed with Zstandard",
    b"\xfd7zXZ": "compressed with xz",
    b"\xff\x06\0\0sNaPpY": "compressed with Snappy",
    b"\x04\x22\x4d\x18": "compressed with LZ4",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a RAR archive",
}
# `{` may start a GUID in braces, `[` a column's name in brackets: it is JSON only if the next characters fit.
_JSON: Final = re.compile(
    rb'\s*(?:\{\s*(?:"|\}|\Z)|\[\s*(?:[\[{"\]]|\Z|(?:-?\d[^,;|\t]*|true|false|null)\s*[,\]]))'
)
_MARKUP: Final = re.compile(rb"\s*<(?:\?xml|!DOCTYPE|html\b)", re.IGNORECASE)
_UTF_8_MARK: Final = b"\xef\xbb\xbf"
_UTF_16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")
# Allowed are line breaks, tabs, delimiters of Hive (\x01 to \x03) and others (\x1c to \x1f), and DOS's end of file.
_CONTROL: Final = re.compile(rb"[\0\x04-\x08\x0e-\x1a\x7f]")
_DOS_END: Final = b"\x1a"


def foreign(start: bytes) -> str | None:
    """The kind of a file that is certainly not CSV, for messages; None if it may be CSV.

    Args:
        start: Its first bytes, decompressed.
    """
    if what := next((what for magic, what in _MAGIC.items() if start.startswith(magic)), None):
        return what
    if start.startswith(b"ORC") and _CONTROL.search(start):
        return "an ORC file"
    text = start.removeprefix(_UTF_8_MARK)
    if _JSON.match(text):
        return "JSON"
    return "XML or HTML" if _MARKUP.match(text) else None


def is_text(start: bytes) -> bool:
    """Whether a file may be text: UTF-8, an encoding of one byte a character, or UTF-16 with a byte order mark."""
    return start.startswith(_UTF_16_MARKS) or not _CONTROL.search(start.rstrip(_DOS_END))


def decompress_start(start: bytes) -> bytes:
    """Decompress the first bytes if they are gzip; otherwise return them unchanged. Empty if they are damaged."""
    if not is_gzip(start):
        return start
    try:
        return zlib.decompressobj(wbits=_GZIP_WINDOW).decompress(start, FIRST_BYTES)
    except zlib.error:
        return b""
