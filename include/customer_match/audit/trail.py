"""The audit trail of an export in the workspace: `audit/<export>/`, files of JSON lines that never change.

A file has the entries that were written together, and the number of its first entry as its name. Writers read the last
entry, and create the file that follows it. Creating a file succeeds for one of several writers on any storage; the
others read the end again. So runs that end at the same time need no lock, and make one chain.

The last entry is also stored outside of the workspace (`HeadStore`): without it, nobody could see that the end of a
trail was cut off.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Final, Protocol

from pydantic import AwareDatetime

from customer_match.audit.chain import Head, head_of, lines_of
from customer_match.audit.events import EntriesDeleted, Event
from customer_match.audit.verification import TrailFile, Verdict, verify
from customer_match.errors import TransientError
from customer_match.ledger.numbered_files import Numbered, file_name, numbered
from customer_match.redaction import logger
from customer_match.safe_names import slug

__all__ = ["HeadStore", "Trail"]

log = logger(__name__)

_SUFFIX: Final = ".jsonl"
_TRIES: Final = 50  # each one that fails is another writer's success
_FILES_AT_ONCE: Final = 16  # in Azure each read is a round trip
_WINDOW: Final = 256  # files in memory


class Files(Protocol):
    """The part of a workspace that a trail needs."""

    def read_bytes(self, relative: str, /) -> bytes:
        """Read a small file, or raise FileNotFoundError."""

    def create(self, relative: str, data: bytes, /) -> None:
        """Write a small file durably, or raise FileExistsError."""

    def list(self, relative: str, /) -> list[str]:
        """Names in a folder; none if there is no such folder."""

    def delete(self, relative: str, /) -> None:
        """Delete a file, if it is there."""


class HeadStore(Protocol):
    """Stores the last entry of a trail outside of the workspace. Its methods raise nothing."""

    def load(self) -> Head | None:
        """Return the entry that was stored last; None if there is none, or if it cannot be read."""

    def store(self, head: Head, /) -> None:
        """Store an entry, unless a later one is stored."""


class Trail:
    """The audit trail of an export.

    Args:
        files: The workspace.
        export: Name of the export.
        heads: Where the last entry is stored outside of the workspace.
    """

    def __init__(self, files: Files, export: str, heads: HeadStore) -> None:
        self._files = files
        self._export = export
        self._heads = heads
        self.folder = f"audit/{slug(export)}"

    def append(self, events: Iterable[Event], now: datetime) -> Head:
        """Write entries durably at the end of the trail.

        Args:
            events: At least one event.
            now: The present time.

        Returns:
            The last of them.

        Raises:
            CustomerMatchError: The workspace refuses; nothing was written.
        """
        events, known = list(events), self._heads.load()
        for _ in range(_TRIES):
            end = self._end()
            lines = list(lines_of(events, export=self._export, after=end, now=now))
            content = b"".join(line + b"\n" for line in lines)
            if self._create(end.sequence + 1 if end else 1, content):
                head = head_of(lines[-1])
                self._note(head, known, end)
                return head
        raise TransientError(
            f"Too many runs want to write the audit trail {self.folder} at once. Trying again later."
        )

    def delete_before(self, day: date, now: datetime, *, audit_days: int) -> None:
        """Delete the entries of the months that had ended before a day, and record that.

        Args:
            day: The day.
            now: The present time.
            audit_days: For how many days the export keeps entries, for the record.
        """
        numbers, old, last = self._numbers(), [], None
        for number in numbers[:-1]:
            end = _last_entry(self._files.read_bytes(self._path(number)))
            if end is None or f"{end.time:%Y-%m}" >= f"{day:%Y-%m}":
                break
            old.append(number)
            last = end
        if last is None:
            return
        self.append(
            [EntriesDeleted(through=last.sequence, through_hash=last.hash, audit_days=audit_days)], now
        )
        for number in old:
            self._files.delete(self._path(number))

    def read(self, *, newest: int | None = None) -> Iterator[TrailFile]:
        """Read the files, in the order of their entries.

        Args:
            newest: Only those with at least this many of the newest entries; None: all.
        """
        numbers = self._numbers()
        if newest is not None and numbers:
            first = max((one for one in numbers if one <= numbers[-1] - newest + 1), default=numbers[0])
            numbers = [one for one in numbers if one >= first]
        with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
            for start in range(0, len(numbers), _WINDOW):
                yield from pool.map(self._read, numbers[start : start + _WINDOW])

    def verify(self) -> Verdict:
        """Verify all entries, and compare them with the one that is stored outside of the workspace."""
        known = self._heads.load()  # first: what is appended meanwhile comes after it
        return verify(self.read(), export=self._export, known=known)

    def foreign(self) -> list[str]:
        """Names of files in the folder that are not part of the trail."""
        return self._listed().foreign

    def _create(self, number: int, content: bytes) -> bool:
        """Create the file of the next entries; False if another writer was faster."""
        path = self._path(number)
        try:
            self._files.create(path, content)
        except FileExistsError:
            return self._files.read_bytes(path) == content  # ours: in Azure, the answer may have been lost
        return True

    def _end(self) -> Head | None:
        """The last entry; None without entries."""
        numbers = self._numbers()
        if not numbers:
            return None
        content = self._files.read_bytes(self._path(numbers[-1]))
        if end := _last_entry(content):
            return Head(sequence=end.sequence, hash=end.hash)
        log.error(
            "The last entry of the audit trail, in %s, is damaged. The trail continues after it. Look into it: "
            "customer-match audit verify",
            self._path(numbers[-1]),
        )
        return Head(sequence=numbers[-1] + max(0, content.count(b"\n") - 1), hash="unknown")

    def _note(self, head: Head, known: Head | None, end: Head | None) -> None:
        """Store the new last entry, unless the trail lacks the one that was stored before."""
        if known is None or known == end or self._has(known):
            self._heads.store(head)
            return
        log.error(
            "The audit trail %s lacks its entry %d, which was written before: it was cut off or made again. Look into "
            "it: customer-match audit verify",
            self.folder,
            known.sequence,
        )

    def _has(self, wanted: Head) -> bool:
        numbers = [number for number in self._numbers() if number <= wanted.sequence]
        if not numbers:
            return False
        lines = self._files.read_bytes(self._path(numbers[-1])).splitlines()
        place = wanted.sequence - numbers[-1]
        try:
            return place < len(lines) and head_of(lines[place]) == wanted
        except ValueError:
            return False

    def _read(self, number: int) -> TrailFile:
        path = self._path(number)
        try:
            return TrailFile(path, number, self._files.read_bytes(path))
        except FileNotFoundError:
            raise TransientError(f"{path} was deleted while the audit trail was read. Try again.") from None

    def _numbers(self) -> Sequence[int]:
        return self._listed().numbers

    def _listed(self) -> Numbered:
        return numbered(self._files.list(self.folder), _SUFFIX)

    def _path(self, number: int) -> str:
        return f"{self.folder}/{file_name(number, _SUFFIX)}"


class _Dated(Head):
    """An entry and its time."""

    time: AwareDatetime


def _last_entry(content: bytes) -> _Dated | None:
    """The last entry in the content of a file; None if it cannot be read."""
    lines = content.splitlines()
    try:
        return _Dated.model_validate_json(lines[-1]) if lines else None
    except ValueError:
        return None
