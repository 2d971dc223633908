"""What a segment is called across runs, whatever its audience is called."""

from __future__ import annotations

from customer_match.safe_names import slug

__all__ = ["export_of", "segment_key"]


def segment_key(export: str, segment: str) -> str:
    """The key of a segment, as in `autumn/gold-1a2b3c4d5e6f`: it stays the same while the audience is renamed.

    Args:
        export: The export's name, which is a DAG id and has no slash in it.
        segment: What tells the segment from the export's others: its table's name. It is made safe.
    """
    return f"{export}/{slug(segment)}"


def export_of(key: str) -> str:
    """The name of the export whose segment a key tells."""
    return key.partition("/")[0]
