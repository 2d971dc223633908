"""What is sent to the service: parts of a plan, and how far each has come."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from customer_match.ledger.actions import Action
from customer_match.members.files import MembersFile
from customer_match.routes import Route

__all__ = ["Part", "Progress", "Request"]


class Progress(StrEnum):
    """How far a part has come. From `SENT` on, the service may have it."""

    PLANNED = "planned"
    SENT = "sent"
    CONFIRMED = "confirmed"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Request(_Model):
    """A bulk upload that the service knows, recorded before the file is posted.

    Attributes:
        id: The service's request id.
        upload_url: Where its file goes; of no use without credentials, but never shown.
        requested_at: When the service gave it.
    """

    id: str
    upload_url: str = Field(repr=False)
    requested_at: datetime


class Part(_Model):
    """One upload file, or some calls: members of one audience and one action.

    Attributes:
        action: What it does.
        members: Which members.
        route: How it travels.
        progress: How far it has come.
        request: The upload that carries it; None before one was asked for, and after one came to nothing.
            Calls have none: a part that was sent by them and is not confirmed is sent again.
        lands_until: When none of its calls that were made last can live any more; None while none is under way.
        refused: Members that the service refused, once confirmed; None where there are none.
    """

    action: Action
    members: MembersFile
    route: Route = Route.BULK
    progress: Progress = Progress.PLANNED
    request: Request | None = None
    lands_until: datetime | None = None
    refused: MembersFile | None = None
