"""Parts of sentences that many messages have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

__all__ = ["counted", "did_you_mean", "listed"]


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun in the singular or the plural; None: with an `s`."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def did_you_mean(wanted: str, known: Iterable[str]) -> str:
    """The question for the most similar name, with a space before it; empty if none is similar. Case is ignored."""
    names = {name.casefold(): name for name in known}
    near = get_close_matches(wanted.casefold(), names, 1)
    return f" Did you mean {names[near[0]]!r}?" if near else ""


def listed(names: Sequence[str], most: int = 20) -> str:
    """Names for a message, not too many."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
