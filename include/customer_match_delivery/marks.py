"""How an audience shows whose it is: a mark in its description, as in `[customer-match:autumn/gold-1a2b3c4d5e6f]`.

Pure. The mark names the export and the segment's table, so that a list is known again whatever it is called.
Marks from before the table stood in them (`[customer-match:autumn]`) count as the export's. Behind the mark stands
the audience's generation (`include/customer_match/ledger/generation.py`), in brackets of its own: versions that do not
know it read the mark all the same, and keep it as people's words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from microsoft_advertising.limits import MAX_DESCRIPTION

__all__ = ["Mark", "described", "generation_in", "mark_in"]

_MARK: Final = re.compile(r"\[customer-match:([A-Za-z0-9_.-]+)(?:/([a-z0-9-]+))?\]")
_GENERATION: Final = re.compile(r"\[customer-match-generation:([0-9a-f]{8}-[0-9a-f]{12})\]")
_SENTENCE: Final = "Kept by an Airflow export; changes by hand are overwritten."


@dataclass(frozen=True)
class Mark:
    """Whose an audience is.

    Attributes:
        export: Name of the export.
        key: Key of the segment; None in old marks.
    """

    export: str
    key: str | None = None

    @classmethod
    def of(cls, text: str) -> Self:
        """The mark that a text is.

        Raises:
            ValueError: It is none.
        """
        found = _MARK.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no mark: it must look like [customer-match:name]")
        return cls(found[1], f"{found[1]}/{found[2]}" if found[2] else None)

    def __str__(self) -> str:
        return f"[customer-match:{self.key or self.export}]"


def mark_in(description: str) -> Mark | None:
    """The mark in a description; the first one if somebody has put in several."""
    found = _MARK.search(description)
    if found is None:
        return None
    return Mark(found[1], f"{found[1]}/{found[2]}" if found[2] else None)


def generation_in(description: str) -> str | None:
    """The token of the generation that a description tells; None if it tells none."""
    found = _GENERATION.search(description)
    return found[1] if found else None


def described(description: str, mark: Mark, generation: str | None = None) -> str:
    """A description with our sentence and mark at its end, and what people wrote before it, as far as it fits.

    Lengths are counted as .NET does (assumed), in UTF-16 units.

    Args:
        description: What is there.
        mark: Whose the audience is.
        generation: The token of its new generation; None: the one that is there stays.
    """
    token = generation or generation_in(description)
    tail = f"{_SENTENCE} {mark}" + (f" [customer-match-generation:{token}]" if token else "")
    others = _GENERATION.sub("", _MARK.sub("", description)).replace(_SENTENCE, "")
    words = " ".join(others.split())
    room = (MAX_DESCRIPTION - len(tail) - 1) * 2
    kept = words.encode("utf-16-le", "surrogatepass")[:room].decode("utf-16-le", "ignore").rstrip()
    return f"{kept} {tail}" if kept else tail
