"""Names of the table formats, in the export file and in the readers."""

from __future__ import annotations

from typing import Literal

__all__ = ["Format", "FormatChoice"]

Format = Literal["parquet", "csv", "delta", "cdm"]
FormatChoice = Literal["auto", Format]
"""What an export file may name; `auto` detects the format from the files."""
