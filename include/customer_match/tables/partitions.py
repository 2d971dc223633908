"""Hive partitions: folders such as `country=DE/day=2026-01-01`, whose names hold the values of columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from customer_match.errors import ConfigurationError

__all__ = ["Partition", "partition_of", "partitions_of"]

Partition = Mapping[str, str | None]
"""Values of the columns that a file's folders name, in their order."""

_NULL: Final = "__HIVE_DEFAULT_PARTITION__"


def partition_of(relative: str) -> Partition:
    """The columns and values in the names of the folders above a file; other folders are ignored.

    Names and values are decoded as Hive and Spark encode them (`%2F`). Values are text, or None for null.

    Args:
        relative: The file's path below the table.

    Raises:
        ValueError: A column appears twice in the path.
    """
    values: dict[str, str | None] = {}
    for folder in relative.split("/")[:-1]:
        name, equals, value = folder.partition("=")
        if not name or not equals:
            continue
        name = unquote(name)
        if name in values:
            raise ValueError(name)
        values[name] = None if value == _NULL else unquote(value)
    return values


def partitions_of(files: Mapping[str, str], where: str) -> dict[str, Partition]:
    """The partition of each file of a table, by its path.

    Args:
        files: Path of each file below the table, by its path.
        where: The table, for messages.

    Raises:
        ConfigurationError: The files are in folders of different columns.
    """
    partitions: dict[str, Partition] = {}
    for path, relative in files.items():
        try:
            partitions[path] = partition_of(relative)
        except ValueError as error:
            raise ConfigurationError(
                f"{where}: the folders of {relative} name the column {str(error)!r} twice. Rename one of them."
            ) from None
    first = next(iter(files))
    for path, relative in files.items():
        if list(partitions[path]) != list(partitions[first]):
            raise ConfigurationError(
                f"{where} is partitioned in two ways: {files[first]} is in {_words(partitions[first])}, "
                f"{relative} is in {_words(partitions[path])}. Put every file into folders of the same columns, and "
                "move away files that do not belong to the table."
            )
    return partitions


def _words(partition: Partition) -> str:
    return f"folders of {', '.join(partition)}" if partition else "no folder of a column"
