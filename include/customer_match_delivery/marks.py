"""The mark in an audience's description that says who owns it, as in `[customer-match:autumn/gold-1a2b3c4d5e6f]`.

Pure. The mark names the export and the segment's table, so that an audience is recognised under any name. Old marks
without the table (`[customer-match:autumn]`) mean that the audience belongs to the export. The audience's generation
(`include/customer_match/ledger/generation.py`) follows the mark in brackets of its own. Versions that do not know
generations still read the mark, and keep the generation as text that a user wrote.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from microsoft_advertising.limits import MAX_DESCRIPTION

__all__ = ["Mark", "generation_in", "mark_in", "with_mark"]

_MARK: Final = re.compile(r"\[customer-match:([A-Za-z0-9_.-]+)(?:/([a-z0-9-]+))?\]")
_GENERATION: Final = re.compile(r"\[customer-match-generation:([0-9a-f]{8}-[0-9a-f]{12})\]")
_SENTENCE: Final = "Kept by an Airflow export; changes by hand are overwritten."


@dataclass(frozen=True)
class Mark:
    """The owner of an audience.

    Attributes:
        export: Name of the export.
        key: Key of the segment; None in old marks.
    """

    export: str
    key: str | None = None

    @classmethod
    def of(cls, text: str) -> Self:
        """Parse a mark.

        Raises:
            ValueError: The text is not a mark.
        """
        found = _MARK.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is not a mark: it must look like [customer-match:name]")
        return cls(found[1], f"{found[1]}/{found[2]}" if found[2] else None)

    def __str__(self) -> str:
        return f"[customer-match:{self.key or self.export}]"


def mark_in(description: str) -> Mark | None:
    """The mark in a description; the first if there are several."""
    found = _MARK.search(description)
    if found is None:
        return None
    return Mark(found[1], f"{found[1]}/{found[2]}" if found[2] else None)


def generation_in(description: str) -> str | None:
    """The token of the generation in a description; None if there is none."""
    found = _GENERATION.search(description)
    return found[1] if found else None


def with_mark(description: str, mark: Mark, generation: str | None = None) -> str:
    """A description with our sentence and mark at its end, after the text that users wrote, as far as that fits.

    Lengths are counted as .NET does (assumed), in UTF-16 units.

    Args:
        description: The present description.
        mark: The owner of the audience.
        generation: The token of its new generation; None keeps the present one.
    """
    token = generation or generation_in(description)
    tail = f"{_SENTENCE} {mark}" + (f" [customer-match-generation:{token}]" if token else "")
    others = _GENERATION.sub("", _MARK.sub("", description)).replace(_SENTENCE, "")
    words = " ".join(others.split())
    room = (MAX_DESCRIPTION - len(tail) - 1) * 2
    kept = words.encode("utf-16-le", "surrogatepass")[:room].decode("utf-16-le", "ignore").rstrip()
    return f"{kept} {tail}" if kept else tail
