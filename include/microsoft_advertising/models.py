"""Results of the client's calls: audiences, upload tickets, upload states, refused rows, identity."""

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
"""Who can use an audience: all accounts of the customer, or one account."""

RecordType = Literal["Customer List", "Customer List Item"]
"""The two kinds of rows of our Bulk files."""


class Action(StrEnum):
    """What to do with the members of a file or call; the service's own terms."""

    ADD = "Add"
    REMOVE = "Remove"
    REPLACE = "Replace"


@dataclass(frozen=True)
class Audience:
    """A customer list.

    Attributes:
        id: The service's identifier, digits.
        name: Compared exactly (whether the service ignores case is not documented).
        description: Free text, up to 1,024 characters.
        scope: Customer or Account.
        membership_duration: Days; -1 never expires; None if the service does not report it.
        search_size: Matched members in search; None for up to 48 hours after a change (documented).
        network_size: Matched members in the audience network; None likewise.
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
        """The larger of the two sizes; None unless both are known."""
        if self.search_size is None or self.network_size is None:
            return None
        return max(self.search_size, self.network_size)


@dataclass(frozen=True)
class UploadTicket:
    """The right to send one file: its request id (record it first) and the secret URL to send the file to."""

    request_id: str
    upload_url: str = field(repr=False)


class UploadState(StrEnum):
    """The state of an upload, by the service's names."""

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
    """A state that this program does not know. Not treated as final, because a later state may be."""

    @property
    def final(self) -> bool:
        """Whether the state will not change any more."""
        return self not in _IN_PROGRESS

    @property
    def succeeded(self) -> bool:
        """Whether the file was processed; individual rows may have been refused."""
        return self in {UploadState.COMPLETED, UploadState.COMPLETED_WITH_ERRORS}

    @classmethod
    def _missing_(cls, _: object) -> UploadState:
        return cls.UNRECOGNISED


_IN_PROGRESS = frozenset(
    {
        UploadState.PENDING_FILE_UPLOAD,
        UploadState.FILE_UPLOADED,
        UploadState.IN_PROGRESS,
        UploadState.UNRECOGNISED,
    }
)


@dataclass(frozen=True)
class UploadStatus:
    """The status of an upload at one moment.

    Attributes:
        state: State of the upload.
        percent: 0 to 100; goes back to 0 on failure (documented).
        result_url: URL of the results, valid for some minutes; a secret.
        errors: Errors of the upload as a whole; refused rows are in the results.
    """

    state: UploadState
    percent: int = 0
    result_url: str | None = field(default=None, repr=False)
    errors: tuple[ServiceError, ...] = ()


@dataclass(frozen=True)
class RowError:
    """Why the service refused one row of a file. A row can have several errors.

    Attributes:
        record: The record type of the row.
        client_id: The Client Id that the row was sent with; empty for the list's own row.
        code: The service's error code; 0 if it gave none.
        name: The service's name of the error.
    """

    record: RecordType
    client_id: str
    code: int
    name: str


@dataclass(frozen=True)
class ItemError:
    """Why the service refused one member of a call. A member can have several errors.

    Attributes:
        index: The member's position in the call, from 0.
        code: The service's error code.
        name: The service's name of the error; empty if it gave none that is safe to show.
    """

    index: int
    code: int
    name: str


@dataclass(frozen=True)
class AccountInfo:
    """An advertiser account as the service describes it.

    Attributes:
        id: Digits.
        name: Display name.
        number: Account number in the web pages, such as X0000001.
        status: Lifecycle status, such as Active.
        customer_id: The customer that owns it, digits; empty if the service does not report it.
    """

    id: str
    name: str
    number: str = ""
    status: str = ""
    customer_id: str = ""


@dataclass(frozen=True)
class Identity:
    """The signed-in user, as the service knows them.

    Attributes:
        user_id: The signed-in user, digits.
        user_name: Their login, often an e-mail address. For the user's own screen, never for logs.
        accounts: The accounts that were looked up.
    """

    user_id: str
    user_name: str = field(repr=False)
    accounts: tuple[AccountInfo, ...] = ()
