"""Counts of a table that are kept from one run to the next, to detect that it has shrunk."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, NonNegativeInt

__all__ = ["TableFacts"]


class TableFacts(BaseModel):
    """Counts of a table from one run.

    Attributes:
        profiles: Number of rows.
        missing: Number of rows without a value in the e-mail columns.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    profiles: NonNegativeInt
    missing: NonNegativeInt = 0

    @property
    def filled(self) -> int:
        """Number of rows with a value in the e-mail columns, usable or not."""
        return self.profiles - self.missing
