"""The section `guards`: limits that stop an export before it harms an audience."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from customer_match.export.base import Section
from customer_match.export.values import Hours, Share, Switch, Whole

__all__ = ["Guards"]


class Guards(Section):
    """What stops an export before it harms an audience. `null` takes a guard off."""

    allow_empty: Switch = Field(
        default=False,
        description="Whether a segment without a single usable address may empty its audience.",
        examples=[True],
    )
    max_rejected: Share | None = Field(
        default=0.5,
        description="Largest share (0 to 1) of a segment's profiles that may be without a usable address.",
        examples=[0.2],
    )
    max_suppress_unusable: Share | None = Field(
        default=0.1,
        description="Largest share (0 to 1) of a suppression list's rows that may be without a usable address or hash.",
        examples=[0.3],
    )
    max_removed: Share | None = Field(
        default=0.5,
        description="Largest share (0 to 1) of an audience's members that one run may remove.",
        examples=[0.2],
    )
    max_removed_members: Annotated[Whole, Field(ge=0)] | None = Field(
        default=None,
        description="Most members that one run may remove from an audience, as a number.",
        examples=[10_000],
    )
    max_profiles_lost: Share | None = Field(
        default=0.5,
        description="Largest share (0 to 1) of its profiles that a table may have lost since the last one that was "
        "delivered.",
        examples=[0.2],
    )
    max_emails_lost: Share | None = Field(
        default=0.5,
        description="Largest share (0 to 1) of the filled e-mail column that may have become empty since the last "
        "table that was delivered.",
        examples=[0.2],
    )
    max_vanished: Share | None = Field(
        default=0.5,
        description="Largest share (0 to 1) of the tables that patterns have taken before which may have vanished at "
        "once, for their audiences to be emptied or deleted (`vanished`). One table alone may always.",
        examples=[0.2],
    )
    max_refused: Share | None = Field(
        default=0.01,
        description="Largest share (0 to 1) of a segment's members that the service may refuse; with fewer the "
        "segment ends well, with a warning.",
        examples=[0.05],
    )
    max_age_hours: Hours | None = Field(
        default=None,
        description="Oldest that a table may be, in hours since its newest file was written: now, or at the end of the "
        "data interval where the run reads the table of its own day (dates in the path, Delta, folders of runs).",
        examples=[48],
    )
