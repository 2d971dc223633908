"""The section `guards`: limits that stop a segment before it harms its audience."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from customer_match.export.base import Section
from customer_match.export.values import Hours, Share, Switch, Whole

__all__ = ["Guards"]


class Guards(Section):
    """Limits that stop a segment before it harms its audience. `null` turns a guard off."""

    allow_empty: Switch = Field(
        default=False,
        description="Whether a segment without any usable address may empty its audience.",
        examples=[True],
    )
    max_rejected: Share | None = Field(
        default=0.5,
        description="Maximum share (0 to 1) of a segment's profiles that may have no usable address.",
        examples=[0.2],
    )
    max_suppress_unusable: Share | None = Field(
        default=0.1,
        description="Maximum share (0 to 1) of a suppression list's rows that may have no usable address or hash.",
        examples=[0.3],
    )
    max_removed: Share | None = Field(
        default=0.5,
        description="Maximum share (0 to 1) of an audience's members that one run may remove.",
        examples=[0.2],
    )
    max_removed_members: Annotated[Whole, Field(ge=0)] | None = Field(
        default=None,
        description="Maximum number of members that one run may remove from an audience.",
        examples=[10_000],
    )
    max_profiles_lost: Share | None = Field(
        default=0.5,
        description="Maximum share (0 to 1) of its profiles that a table may have lost since the last delivery.",
        examples=[0.2],
    )
    max_emails_lost: Share | None = Field(
        default=0.5,
        description="Maximum share (0 to 1) of the filled values in the e-mail column that may have become empty "
        "since the last delivery.",
        examples=[0.2],
    )
    max_vanished: Share | None = Field(
        default=0.5,
        description="Maximum share (0 to 1) of the delivered tables of patterns that may have vanished at once. "
        "If more have vanished, no audience is emptied or deleted (`vanished`). A single table may always vanish.",
        examples=[0.2],
    )
    max_refused: Share | None = Field(
        default=0.01,
        description="Maximum share (0 to 1) of a segment's members that the service may refuse. Up to this "
        "share, the segment succeeds with a warning.",
        examples=[0.05],
    )
    max_age_hours: Hours | None = Field(
        default=None,
        description="Maximum age of a table, in hours since its newest file was written. It is measured now or, "
        "if the run reads the table of its own day (dates in the path, Delta, folders of runs), at the end of "
        "the data interval.",
        examples=[48],
    )
