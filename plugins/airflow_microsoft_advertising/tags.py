"""The tags of the DAGs of exports, by which pages and users find them."""

from __future__ import annotations

from typing import Final

__all__ = ["BROKEN_TAG", "TAG"]

TAG: Final = "customer match"
"""Tag of every DAG that was made of an export file."""
BROKEN_TAG: Final = "broken"
"""Tag of those whose file is not valid."""
