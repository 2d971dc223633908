"""All shapes by name. A new shape is a function in a module of `shapes`; a new module needs one line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from customer_match_sample_lake.shape import Shape
from customer_match_sample_lake.shapes import (
    addresses,
    cdm_folders,
    change_logs,
    csv_files,
    customer_lists,
    days,
    delta_tables,
    kept_out,
    parquet_files,
)

__all__ = ["SHAPES"]

_MODULES: Final = (
    parquet_files,
    csv_files,
    delta_tables,
    cdm_folders,
    change_logs,
    customer_lists,
    days,
    addresses,
    kept_out,
)

SHAPES: Final[Mapping[str, Shape]] = MappingProxyType(
    {shape.name: shape for module in _MODULES for shape in vars(module).values() if isinstance(shape, Shape)}
)
