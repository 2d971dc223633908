"""What started a run, and how it ended."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["RunKind", "RunState"]


class RunKind(StrEnum):
    """What started a run."""

    SCHEDULED = "scheduled"
    MANUAL = "manual"
    BACKFILL = "backfill"
    ASSET = "asset"
    OTHER_DAG = "other DAG"
    COMMAND_LINE = "command line"


class RunState(StrEnum):
    """How a run ended.

    Attributes:
        PARTIAL: Some segments failed, or the service refused some members.
        GUARD: Segments failed, all of them because of a guard.
        FAILED: All segments failed, or none was selected.
    """

    SUCCESS = "success"
    DRY_RUN = "dry run"
    PARTIAL = "partial"
    GUARD = "stopped by a guard"
    FAILED = "failed"
    TIMED_OUT = "timed out"
