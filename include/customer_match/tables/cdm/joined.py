"""A table that consists of other tables: an entity of its files, or a change log of its folders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from propcache.api import cached_property

from customer_match.tables.columns import Columns
from customer_match.tables.listing import TableFile
from customer_match.tables.table import Table

__all__ = ["JoinedTable"]

_PARTS_AT_ONCE: Final = 8


@dataclass(frozen=True)
class JoinedTable(ABC):
    """Several tables as one.

    Attributes:
        location: The table's location, for messages.
        parts: Its parts, in the order in which they are read.
        by_time: Whether it is the state at a requested time.
    """

    location: str
    parts: Sequence[Table]
    by_time: bool = field(default=False, kw_only=True)

    @property
    def files(self) -> tuple[TableFile, ...]:
        """Its data files, in the order in which they are read."""
        return tuple(file for part in self.parts for file in part.files)

    @property
    def modified(self) -> datetime | None:
        """Time of the newest file (UTC); None if the storage does not know."""
        return max((part.modified for part in self.parts if part.modified), default=None)

    @property
    def version(self) -> str | None:
        """None: these tables have no log of versions."""
        return None

    def columns(self) -> Columns:
        """Names and types of the columns of all parts together."""
        return self._columns

    def profiles(self) -> int | None:
        """Number of rows; None if it is known only after reading."""
        counts = [part.profiles() for part in self.parts]
        return None if None in counts else sum(count or 0 for count in counts)

    @cached_property
    def _columns(self) -> Columns:
        with ThreadPoolExecutor(_PARTS_AT_ONCE) as pool:  # in a lake each read is a round trip or three
            found = list(pool.map(lambda part: part.columns(), self.parts))
        return self._merge(found)

    @abstractmethod
    def _merge(self, found: Sequence[Columns]) -> Columns:
        """Merge the columns of all parts."""
