"""The members of a part that the service refused: counted by reason, and kept as a file for the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from customer_match.errors import TerminalError
from customer_match.members.digests import Digests
from customer_match.members.files import Files, MembersFile, read_members, write_members
from microsoft_advertising.faults import ServiceError

__all__ = ["Refusals"]


class Refusals:
    """Collects the service's errors about single members of one part.

    Args:
        members: The part's members; the service reports errors by their position.
    """

    def __init__(self, members: MembersFile) -> None:
        self.reasons: Counter[str] = Counter()
        self._members = members
        self._positions: set[int] = set()

    def __len__(self) -> int:
        return len(self._positions)

    def add(self, position: int, error: ServiceError) -> None:
        """Add a refused member; if it has several errors, the first counts.

        Raises:
            TerminalError: The part has no member at this position.
        """
        if not 0 <= position < self._members.count:
            raise TerminalError(
                "The service refuses a member that was not sent. Please report this with the log."
            )
        if position not in self._positions:
            self._positions.add(position)
            self.reasons[error.entry.name] += 1

    def write(self, files: Files, path: str) -> MembersFile | None:
        """Write the refused members to a file; None if there are none."""
        return write_members(files, path, self._refused_members(files)) if self._positions else None

    def _refused_members(self, files: Files) -> Iterator[Digests]:
        positions = np.fromiter(sorted(self._positions), dtype=np.int64, count=len(self._positions))
        start = 0
        for array in read_members(files, self._members):
            inside = positions[(positions >= start) & (positions < start + len(array))] - start
            yield array[inside]
            start += len(array)
