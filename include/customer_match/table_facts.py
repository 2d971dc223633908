"""What is remembered of a table from one run to the next: enough to notice that it has collapsed."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, NonNegativeInt

__all__ = ["TableFacts"]


class TableFacts(BaseModel):
    """Counts of a table as one run has read it.

    Attributes:
        profiles: Rows.
        missing: Rows without anything where the e-mail should be.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    profiles: NonNegativeInt
    missing: NonNegativeInt = 0

    @property
    def filled(self) -> int:
        """Rows with something where the e-mail should be, usable or not."""
        return self.profiles - self.missing
