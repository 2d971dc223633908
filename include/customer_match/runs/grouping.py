"""Which segments of a run share a task: small ones share tasks, a large one has a task of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Final

from customer_match.export.segments import Segment

__all__ = ["LARGE_TABLE_BYTES", "group_segments", "join_names"]

LARGE_TABLE_BYTES: Final = 8 * 1024 * 1024
"""A table from this size on has a task of its own: about 250,000 profiles, which take half a second to normalise. For
such a table, the start of a task (measured: 0.2 to 1 s) no longer matters, and several workers can share the tables."""


def group_segments(
    segments: Sequence[Segment], sizes: Mapping[str, int], *, per_task: int
) -> list[tuple[Segment, ...]]:
    """Divide the segments of a run into tasks.

    Args:
        segments: The segments.
        sizes: Size of the data that a segment reads, in bytes, by audience; without a size, it counts as small.
        per_task: How many small segments share a task at most.

    Returns:
        The segments of each task. Every segment is in one task, in the order of the segments; tasks with several
        segments have nearly the same number of them.
    """
    small = [one for one in segments if sizes.get(one.audience, 0) < LARGE_TABLE_BYTES]
    large = [one for one in segments if sizes.get(one.audience, 0) >= LARGE_TABLE_BYTES]
    tasks = -(-len(small) // per_task)
    quotient, rest = divmod(len(small), tasks) if tasks else (0, 0)
    bounds = accumulate((quotient + (task < rest) for task in range(tasks)), initial=0)
    # Large segments first: they take longest.
    return [(one,) for one in large] + [tuple(small[start:end]) for start, end in pairwise(bounds)]


def join_names(names: Sequence[str], limit: int) -> str:
    """Join as many names as fit, and the number of the others.

    Args:
        names: The names; at least one.
        limit: The most characters of the result.
    """
    if len(names) == 1:
        return names[0][:limit]
    for shown in range(len(names), 0, -1):
        more = f" and {len(names) - shown} more" if shown < len(names) else ""
        text = ", ".join(names[:shown]) + more
        if len(text) <= limit:
            return text
    return f"{len(names)} segments"
