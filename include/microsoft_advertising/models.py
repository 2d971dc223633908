"""What the client hands out: audiences, upload tickets, upload states, refused rows, who we are."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from microsoft_advertising.faults import ServiceError

__all__ = [
    "AccountInfo",
    "Action",
    "Audience",
    "Identity",
    "ItemError",
    "RecordType",
    "RowError",
    "Scope",
    "UploadState",
    "UploadStatus",
    "UploadTicket",
]

Scope = Literal["Customer", "Account"]
"""Who shares an audience: all accounts of the customer, or the one account."""

RecordType = Literal["Customer List", "Customer List Item"]
"""The two kinds of rows of our Bulk files."""


class Action(StrEnum):
    """What is done with the members that are sent; the service's own words."""

    ADD = "Add"
    REMOVE = "Remove"
    REPLACE = "Replace"


@dataclass(frozen=True)
class Audience:
    """A customer list.

    Attributes:
        id: The service's identifier, digits.
        name: Compared as it is, letter by letter (whether the service ignores case is documented nowhere).
        description: Free text, up to 1,024 characters.
        scope: Customer or Account.
        membership_duration: Days; -1 never expires; None if the service does not say.
        search_size: Matched members in search; None for up to 48 hours after a change (documented).
        network_size: Matched members in the audience network; likewise.
    """

    id: str
    name: str
    description: str = ""
    scope: str = "Customer"
    membership_duration: int | None = None
    search_size: int | None = None
    network_size: int | None = None

    @property
    def matched(self) -> int | None:
        """The larger one of its sizes; None unless both are known."""
        if self.search_size is None or self.network_size is None:
            return None
        return max(self.search_size, self.network_size)


@dataclass(frozen=True)
class UploadTicket:
    """The right to send one file: its request id (write it down first) and the secret URL to send it to."""

    request_id: str
    upload_url: str = field(repr=False)


class UploadState(StrEnum):
    """How far an upload is, in the service's words."""

    PENDING_FILE_UPLOAD = "PendingFileUpload"
    FILE_UPLOADED = "FileUploaded"
    IN_PROGRESS = "InProgress"
    COMPLETED = "Completed"
    COMPLETED_WITH_ERRORS = "CompletedWithErrors"
    FAILED = "Failed"
    ROW_COUNT_EXCEEDED = "UploadFileRowCountExceeded"
    FORMAT_NOT_SUPPORTED = "UploadFileFormatNotSupported"
    EXPIRED = "Expired"
    """Observed in both SDKs, not documented; likewise Aborted."""
    ABORTED = "Aborted"
    UNRECOGNISED = "?"
    """A word that this program does not know. Not final: the next one may be."""

    @property
    def final(self) -> bool:
        """Whether it will not change any more."""
        return self not in _UNDER_WAY

    @property
    def succeeded(self) -> bool:
        """Whether the file was carried out; single rows may have been refused."""
        return self in {UploadState.COMPLETED, UploadState.COMPLETED_WITH_ERRORS}

    @classmethod
    def _missing_(cls, _: object) -> UploadState:
        return cls.UNRECOGNISED


_UNDER_WAY = frozenset(
    {
        UploadState.PENDING_FILE_UPLOAD,
        UploadState.FILE_UPLOADED,
        UploadState.IN_PROGRESS,
        UploadState.UNRECOGNISED,
    }
)


@dataclass(frozen=True)
class UploadStatus:
    """One look at an upload.

    Attributes:
        state: How far it is.
        percent: 0 to 100; falls back to 0 on failure (documented).
        result_url: Where the results are, for some minutes; a secret.
        errors: Of the upload as a whole; refused rows are in the results.
    """

    state: UploadState
    percent: int = 0
    result_url: str | None = field(default=None, repr=False)
    errors: tuple[ServiceError, ...] = ()


@dataclass(frozen=True)
class RowError:
    """Why the service refused one row of a file; several can concern the same row.

    Attributes:
        record: The kind of row.
        client_id: The Client Id that the row was sent with; empty for the list's own row.
        code: The service's number; 0 if it gave none.
        name: The service's symbol.
    """

    record: RecordType
    client_id: str
    code: int
    name: str


@dataclass(frozen=True)
class ItemError:
    """Why the service refused one member of a call; several can concern the same member.

    Attributes:
        index: The member's place in the call, from 0.
        code: The service's number.
        name: The service's symbol; empty if it gave none that is fit for messages.
    """

    index: int
    code: int
    name: str


@dataclass(frozen=True)
class AccountInfo:
    """An advertiser account as the service describes it.

    Attributes:
        id: Digits.
        name: What people call it.
        number: What people see of it in the web pages, such as X0000001.
        status: Its stage of life, such as Active.
        customer_id: The customer that owns it, digits; empty if the service does not say.
    """

    id: str
    name: str
    number: str = ""
    status: str = ""
    customer_id: str = ""


@dataclass(frozen=True)
class Identity:
    """Who the service takes us for.

    Attributes:
        user_id: The signed-in user, digits.
        user_name: Their login, often an e-mail address: for the screen of the person asking, never for logs.
        accounts: The accounts that were looked up.
    """

    user_id: str
    user_name: str = field(repr=False)
    accounts: tuple[AccountInfo, ...] = ()
