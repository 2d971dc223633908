"""The names of the formats of tables: in the export file, and of the readers."""

from __future__ import annotations

from typing import Literal

__all__ = ["Format", "FormatChoice"]

Format = Literal["parquet", "csv", "delta", "cdm"]
FormatChoice = Literal["auto", Format]
"""What an export file may say; with `auto` the lake tells."""
