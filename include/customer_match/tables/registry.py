"""All table formats. To add one, write its module, add its name to `table_formats.py`, and add it here."""

from __future__ import annotations

from typing import Final

from customer_match.tables.cdm import incremental as cdm_incremental
from customer_match.tables.cdm import table as cdm_entities
from customer_match.tables.csv import table as csv_files
from customer_match.tables.delta import table as delta
from customer_match.tables.formats import FileFormat, FolderFormat
from customer_match.tables.parquet import table as parquet_files

__all__ = ["FILE_FORMATS", "FOLDER_FORMATS"]

FILE_FORMATS: Final[tuple[FileFormat, ...]] = (parquet_files.FORMAT, csv_files.FORMAT)
"""The last one takes all files that the first bytes of no other format match."""

FOLDER_FORMATS: Final[tuple[FolderFormat, ...]] = (delta.FORMAT, cdm_incremental.FORMAT, cdm_entities.FORMAT)
"""In the order in which they are tried; a table that one of them finds is not offered to the ones after it."""
