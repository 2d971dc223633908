"""CSV formats: delimiters, quotation marks, encodings, and their names in CDM models."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

__all__ = ["Csv", "Row"]

Row = Mapping[str, Any]
"""Values by column; None is written as empty text."""


@dataclass(frozen=True)
class Csv:
    r"""How CSV files are written, in terms of CDM models.

    Attributes:
        header: Whether there is a header row.
        delimiter: Character between values.
        quoted: Whether values are quoted where necessary.
        encoding: Encoding by its Python name; `utf-8-sig` and `utf-16` begin with a byte order mark.
        escape: Character before a quotation mark in a value, as Spark writes it (a backslash); None: the mark is
            doubled.
        compressed: Whether whole files (`content`) are compressed by gzip, which a model does not mention.
    """

    header: bool = False
    delimiter: str = ","
    quoted: bool = True
    encoding: str = "UTF-8"
    escape: str | None = None
    compressed: bool = False

    def write(self, file: BinaryIO, columns: Sequence[str], batches: Iterable[Iterable[Row]]) -> None:
        """Write rows to a file, batch by batch; the file stays open."""
        # Not io.TextIOWrapper: it omits the UTF-16 byte order mark if it cannot seek (observed, CPython 3.11).
        encoder = codecs.getincrementalencoder(self.encoding)()
        if self.header:
            file.write(encoder.encode(self._text([columns])))
        for rows in batches:
            lines = ([row.get(name, "") for name in columns] for row in rows)
            file.write(encoder.encode(self._text(lines)))

    def content(self, columns: Sequence[str], rows: Iterable[Row]) -> bytes:
        """Return rows as the content of a file."""
        file = io.BytesIO()
        self.write(file, columns, [rows])
        return gzip.compress(file.getvalue(), mtime=0) if self.compressed else file.getvalue()

    def settings(self) -> dict[str, Any]:
        """Return the format as `fileFormatSettings`."""
        return {
            "$type": "CsvFormatSettings",
            "columnHeaders": self.header,
            "delimiter": self.delimiter,
            "quoteStyle": "QuoteStyle.Csv" if self.quoted else "QuoteStyle.None",
            "encoding": self.encoding,
        }

    def trait(self) -> dict[str, Any]:
        """Return the format as a trait of a manifest."""
        arguments = {
            "columnHeaders": str(self.header).lower(),
            "delimiter": self.delimiter,
            "quoteStyle": "QuoteStyle.Csv" if self.quoted else "QuoteStyle.None",
            "encoding": self.encoding,
        }
        pairs = [{"name": name, "value": value} for name, value in arguments.items()]
        return {"traitReference": "is.partition.format.CSV", "arguments": pairs}

    def _text(self, lines: Iterable[Sequence[Any]]) -> str:
        text = io.StringIO(newline="")
        if self.quoted:
            quoting = csv.writer(
                text, delimiter=self.delimiter, escapechar=self.escape, doublequote=self.escape is None
            )
            quoting.writerows(lines)
        else:
            plain = csv.writer(text, delimiter=self.delimiter, quoting=csv.QUOTE_NONE, quotechar=None)
            plain.writerows(lines)
        return text.getvalue()
