"""The data of the simulated service: accounts, audiences, uploads. Frozen records without behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = [
    "ACCOUNT_NAME",
    "Account",
    "Action",
    "Audience",
    "Caller",
    "Download",
    "DownloadState",
    "Failure",
    "Refusal",
    "ResponseMode",
    "Scope",
    "Status",
    "Upload",
    "UploadError",
    "UploadState",
]


ACCOUNT_NAME: Final = "Simulated account"


class Action(StrEnum):
    """What the items of a list do to its members (Bulk column ``Action Type``)."""

    ADD = "Add"
    REMOVE = "Remove"
    REPLACE = "Replace"


class Scope(StrEnum):
    """Which accounts may use a list."""

    ACCOUNT = "Account"
    CUSTOMER = "Customer"


class ResponseMode(StrEnum):
    """Which rows the result file contains."""

    ERRORS_ONLY = "ErrorsOnly"
    ERRORS_AND_RESULTS = "ErrorsAndResults"


class UploadState(StrEnum):
    """``RequestStatus`` of an upload. Only SDKs know the last two, and only an injected fault sets them."""

    PENDING = "PendingFileUpload"
    UPLOADED = "FileUploaded"
    IN_PROGRESS = "InProgress"
    COMPLETED = "Completed"
    WITH_ERRORS = "CompletedWithErrors"
    FAILED = "Failed"
    ROWS_EXCEEDED = "UploadFileRowCountExceeded"
    FORMAT_NOT_SUPPORTED = "UploadFileFormatNotSupported"
    EXPIRED = "Expired"
    ABORTED = "Aborted"


class DownloadState(StrEnum):
    """``RequestStatus`` of a download (documented values)."""

    IN_PROGRESS = "InProgress"
    COMPLETED = "Completed"
    FAILED = "Failed"
    FULL_SYNC_REQUIRED = "FailedFullSyncRequired"


@dataclass(frozen=True, slots=True)
class Account:
    """The predefined account and the applications that may sign in to it; ``repr`` shows no secrets.

    Args:
        client_id: Id of the web application, which has a secret.
        public_client_id: Id of the native application, which has none.
    """

    developer_token: str
    client_id: str
    client_secret: str
    user_id: str
    customer_id: str
    account_id: str
    public_client_id: str = ""

    def __repr__(self) -> str:
        return f"Account(customer_id={self.customer_id}, account_id={self.account_id})"


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller, after the credentials were checked."""

    user_id: str
    customer_id: str
    account_id: str


@dataclass(frozen=True, slots=True)
class Audience:
    """One customer list.

    Args:
        members_file: Name of the file of sorted 32-byte digests; None while the list has no members.
        data_at: When the members last changed; None before the first change.
        associated: Whether an ad group uses the list, which then cannot be deleted.
    """

    id: int
    name: str
    description: str
    scope: Scope
    parent_id: str
    membership_duration: int
    created_at: float
    modified_at: float
    data_at: float | None = None
    members: int = 0
    members_file: str | None = None
    deleted: bool = False
    associated: bool = False


@dataclass(frozen=True, slots=True)
class UploadError:
    """Why a whole upload or download failed: a code of the service, and details."""

    number: int
    details: str


@dataclass(frozen=True, slots=True)
class Failure:
    """An injected failure of an upload.

    Args:
        state: Final state of the upload.
        error: Error in the status call.
        applied: Share of the file's items that take effect nevertheless, after a Replace has emptied its list;
            None = nothing of the file takes effect.
    """

    state: UploadState
    error: UploadError
    applied: float | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """An injected refusal of valid items.

    Args:
        number: Error code of each refused item.
        share: Share of all hashes, 0 to 1; always those with the lowest first 8 digits.
    """

    number: int
    share: float

    @property
    def below(self) -> float:
        """Hashes whose first 8 digits are below this number are refused."""
        return self.share * 16**8


@dataclass(frozen=True, slots=True)
class Upload:
    """One Bulk upload from the request for its URL to its results.

    Args:
        file: Name of the accepted file; None until it is accepted.
        result_file: Name of the result zip; None until the file was processed.
    """

    request_id: str
    url_id: str
    customer_id: str
    account_id: str
    user_id: str
    response_mode: ResponseMode
    created_at: float
    state: UploadState = UploadState.PENDING
    file: str | None = None
    accepted_at: float | None = None
    finished_at: float | None = None
    rows: int = 0
    failed_rows: int = 0
    error: UploadError | None = None
    result_file: str | None = None


@dataclass(frozen=True, slots=True)
class Download:
    """One Bulk download. Its file is written at the request, and available when it is due.

    Args:
        result_file: Name of the compressed file; None if the download failed.
    """

    request_id: str
    customer_id: str
    account_id: str
    user_id: str
    created_at: float
    result_file: str | None = None
    error: UploadError | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """Answer of GetBulkUploadStatus and GetBulkDownloadStatus.

    Args:
        state: RequestStatus.
        percent: 0-100; back to 0 after a failure.
        result_token: Token of a new result URL, if there are results.
        error: Why the whole upload or download failed.
    """

    state: UploadState | DownloadState
    percent: int
    result_token: str | None = None
    error: UploadError | None = None
