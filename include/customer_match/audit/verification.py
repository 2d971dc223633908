"""Verifies an audit trail: finds changed, removed, moved and added lines, and an end that was cut off."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from customer_match.audit.chain import Head, as_line, digest_of

__all__ = ["TrailFile", "Verdict", "verify"]


class TrailFile(NamedTuple):
    """A file with lines of the trail.

    Attributes:
        name: Its name, for messages.
        first: Number of its first entry, by its name; None if the name does not tell.
        content: Its content.
    """

    name: str
    first: int | None
    content: bytes


@dataclass(frozen=True)
class Verdict:
    """The result of a verification.

    Attributes:
        entries: Number of lines.
        first: Number of the first entry; None without entries.
        head: The last entry; None without entries.
        known: The entry that was compared with; None if none was.
        faults: What is wrong, in the order of the lines; empty if nothing is.
    """

    entries: int
    first: int | None
    head: Head | None
    known: Head | None
    faults: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


class _Link(NamedTuple):
    """What the chain needs of a line; of one that cannot be read, only its place."""

    place: str
    sequence: int | None = None
    previous: str | None = None
    hash: str | None = None
    through: Head | None = None
    fault: str | None = None


def verify(files: Iterable[TrailFile], *, export: str, known: Head | None = None) -> Verdict:
    """Verify all lines of a trail.

    Args:
        files: Its files, in the order of their entries.
        export: Name of the export.
        known: An entry that the trail must have, as kept elsewhere; None: a cut-off end cannot be found.
    """
    links = [link for file in files for link in _links_of(file, export)]
    # After a crash, files may be left whose deletion is recorded. The next deletion removes them.
    deleted = max(
        (link.through for link in links if link.through), key=lambda one: one.sequence, default=None
    )
    kept = [link for link in links if not (deleted and link.sequence and link.sequence <= deleted.sequence)]
    faults = [
        *(f"{link.place}: {link.fault}" for link in kept if link.fault),
        *_breaks(kept, deleted),
        *_difference(kept, deleted, known),
    ]
    return Verdict(
        entries=len(kept),
        first=next((link.sequence for link in kept if link.sequence), None),
        head=_last(kept),
        known=known,
        faults=tuple(faults),
    )


def _links_of(file: TrailFile, export: str) -> Iterator[_Link]:
    *lines, rest = file.content.split(b"\n")
    for number, line in enumerate(lines, start=1):
        place = f"{file.name}, line {number}"
        link = _link_of(line, place, export)
        if number == 1 and file.first is not None and link.sequence not in (None, file.first):
            fault = (
                f"the name of the file is that of entry {file.first}, but the line is entry {link.sequence}"
            )
            link = link._replace(fault=link.fault or fault)
        yield link
    if rest or not lines:
        yield _Link(f"{file.name}, line {len(lines) + 1}", fault="the end of the line is missing")


def _link_of(line: bytes, place: str, export: str) -> _Link:
    entry = _parsed(line)
    if entry is None:
        return _Link(place, fault="this is not an entry: it was changed, or something else wrote it")
    link = _Link(place, entry["sequence"], entry["previous"], entry["hash"], _through(entry))
    if not _is_genuine(entry, line):
        fault = f"entry {link.sequence} does not match its hash: it was changed"
        return link._replace(fault=fault, through=None)
    if entry.get("export") != export:
        return link._replace(fault=f"entry {link.sequence} belongs to another export", through=None)
    return link


def _is_genuine(entry: dict[str, Any], line: bytes) -> bool:
    try:
        return as_line(entry) == line and digest_of(entry) == entry["hash"]
    except UnicodeEncodeError:  # half of a pair of surrogates: JSON can spell it, but no entry has it
        return False


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict):
        return None
    sequence, previous, digest = (entry.get(name) for name in ("sequence", "previous", "hash"))
    is_entry = (
        type(sequence) is int
        and sequence > 0
        and isinstance(digest, str)
        and (previous is None or isinstance(previous, str))
        and "previous" in entry
    )
    return entry if is_entry else None


def _through(entry: dict[str, Any]) -> Head | None:
    """The last deleted entry, of an entry that records a deletion."""
    through, digest = entry.get("through"), entry.get("through_hash")
    is_deletion = entry.get("event") == "entries deleted"
    if is_deletion and type(through) is int and isinstance(digest, str) and 0 < through < entry["sequence"]:
        return Head(sequence=through, hash=digest)
    return None


def _breaks(links: list[_Link], deleted: Head | None) -> Iterator[str]:
    """Compare each line with the one before.

    Args:
        links: The lines.
        deleted: The last entry before them; None: they are the whole trail.
    """
    number, digest = (deleted.sequence, deleted.hash) if deleted else (0, None)
    for link in links:
        if link.sequence is None:
            number, digest = number + 1, None
            continue
        if link.sequence != number + 1:
            yield f"{link.place}: {_out_of_order(link.sequence, number)}"
        elif link.previous != digest and (digest is not None or number == 0):
            yield (
                f"{link.place}: entry {link.sequence} does not follow the entry before it: that one was replaced, or "
                "this one belongs to another trail"
            )
        number, digest = link.sequence, link.hash


def _out_of_order(sequence: int, last: int) -> str:
    if sequence <= last:
        return f"entry {sequence} comes after entry {last}: lines were moved, repeated or added"
    missing = f"entry {last + 1} is" if sequence == last + 2 else f"entries {last + 1} to {sequence - 1} are"
    return f"{missing} missing before entry {sequence}"


def _difference(links: list[_Link], deleted: Head | None, known: Head | None) -> Iterator[str]:
    """Compare the trail with an entry that is known from elsewhere."""
    if known is None or (deleted and known.sequence <= deleted.sequence):
        return
    last = _last(links)
    if last is None or last.sequence < known.sequence:
        end = f"The trail ends at entry {last.sequence}" if last else "The trail has no entry"
        yield f"{end}, but entry {known.sequence} is known to have been written: the end was cut off"
    elif all((link.sequence, link.hash) != (known.sequence, known.hash) for link in links):
        yield f"Entry {known.sequence} is not the one that was written: the trail was made again"


def _last(links: list[_Link]) -> Head | None:
    numbered = [link for link in links if link.sequence and link.hash is not None]
    return Head(sequence=numbered[-1].sequence or 0, hash=numbered[-1].hash or "") if numbered else None
