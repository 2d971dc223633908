"""The parts of a plan that are sent to the service, and the progress of each."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from customer_match.ledger.actions import Action
from customer_match.members.files import MembersFile
from customer_match.routes import Route

__all__ = ["Part", "Progress", "Request"]


class Progress(StrEnum):
    """The progress of a part. From `SENT` on, the service may have it."""

    PLANNED = "planned"
    SENT = "sent"
    CONFIRMED = "confirmed"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Request(_Model):
    """A Bulk upload that the service knows, recorded before the file is posted.

    Attributes:
        id: The service's request id.
        upload_url: The URL to post the file to; useless without credentials, but never shown.
        requested_at: When the service returned it.
    """

    id: str
    upload_url: str = Field(repr=False)
    requested_at: datetime


class Part(_Model):
    """One upload file, or several calls of the synchronous API: members of one audience and one action.

    Attributes:
        action: What the part does to its members.
        members: The members.
        route: The route by which it is sent.
        progress: Its progress.
        request: The Bulk upload; None before one was requested, and after one failed. Calls have none: a part that was
            sent by calls and is not confirmed is sent again.
        lands_until: The latest time at which its last calls may take effect; None if none are in flight.
        refused: Members that the service refused, once confirmed; None if there are none.
    """

    action: Action
    members: MembersFile
    route: Route = Route.BULK
    progress: Progress = Progress.PLANNED
    request: Request | None = None
    lands_until: datetime | None = None
    refused: MembersFile | None = None
