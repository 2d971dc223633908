"""Route 1 of a part, the Bulk API: request an upload, record it, post the file, await it, and read its results.

The ledger holds the service's request id before the file is posted. The next try therefore checks that upload, or
posts to the same single-use URL, so the same part is never sent twice at the same time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from customer_match.errors import ConfigurationError, TerminalError, TransientError
from customer_match.ledger.parts import Part, Request
from customer_match.ledger.store import Entry, Ledger, Storage
from customer_match.log_fields import log_fields
from customer_match.members.files import read_members
from customer_match.redaction import logger
from customer_match.wording import counted
from customer_match_delivery.call_tracking import may_land_until
from customer_match_delivery.private_folder import private_folder
from customer_match_delivery.refusals import Refusals
from microsoft_advertising.bulk import file as bulk_file
from microsoft_advertising.client import Client
from microsoft_advertising.error_codes import Reaction
from microsoft_advertising.faults import (
    Origin,
    ResultsExpired,
    ServiceError,
    ServiceTerminalError,
    UploadUrlExpired,
    error_of,
)
from microsoft_advertising.hosts import ForeignHost
from microsoft_advertising.models import UploadState, UploadStatus, UploadTicket

__all__ = ["BulkUploads", "Waiting"]

log = logger(__name__)

_READS: Final = (
    3  # attempts to read results whose URLs expire; after that, the task's own retries wait longer
)
_UNKNOWN_REQUEST: Final = 4201  # InvalidRequestId


class _SendAgain(TransientError):
    """The upload has ended with an unknown result: the part is sent again."""


@dataclass(frozen=True)
class Waiting:
    """An upload that the service is working on.

    Attributes:
        request_id: The service's id of it.
        since: When it was requested.
        part: Number of the part in its plan, from 1.
        parts: Number of parts of that plan.
    """

    request_id: str
    since: datetime
    part: int = 1
    parts: int = 1


@dataclass(frozen=True)
class BulkUploads:
    """The Bulk uploads of one delivery.

    Attributes:
        client: The client of the service.
        ledger: The ledger of the audience.
        files: The storage that holds the parts' members.
        audience: The audience's name.
        plan_id: Id of the plan that is delivered; an upload in flight may belong to an earlier plan.
        accept_terms: Whether files accept the Customer Match terms.
        now: Returns the present time.
        confirm: Records a finished part; receives the entry, the part's index, the refusals and the request id.
    """

    client: Client
    ledger: Ledger
    files: Storage
    audience: str
    plan_id: str
    accept_terms: bool
    now: Callable[[], datetime]
    confirm: Callable[[Entry, int, Refusals, str], Entry]

    def send(self, entry: Entry, index: int) -> tuple[Entry, Waiting | None]:
        """Request an upload, record it in the ledger, and post a part's file.

        Returns:
            The ledger's newest entry, and the upload to wait for; None if the upload URL had expired and the part must
            be sent again.

        Raises:
            CustomerMatchError: The service refuses the upload, or cannot accept it now.
        """
        ticket = self.client.request_upload()
        request = Request(id=ticket.request_id, upload_url=ticket.upload_url, requested_at=self.now())
        entry = self.ledger.write(entry, entry.state.requested(index, request))
        with log_fields(request_id=request.id):
            return self._post(entry, index, request)

    def poll(self, entry: Entry, index: int) -> tuple[Entry, Waiting | None]:
        """Ask for the status of an upload that the ledger names, and record its result if it has ended.

        Returns:
            The ledger's newest entry, and the upload to wait for; None if it has ended or its URL had expired.

        Raises:
            CustomerMatchError: The upload failed, or its result is unknown.
        """
        request = entry.state.parts[index].request
        assert request is not None  # noqa: S101 (it is in flight)
        with log_fields(request_id=request.id):
            return self._poll(entry, index, request)

    def _poll(self, entry: Entry, index: int, request: Request) -> tuple[Entry, Waiting | None]:
        try:
            status = self.client.upload_status(request.id)
        except ServiceTerminalError as error:
            if _UNKNOWN_REQUEST not in error.codes:
                raise
            log.warning(
                "Microsoft Advertising no longer knows request %s: sending the part again", request.id
            )
            return self.ledger.write(entry, entry.state.upload_failed(index)), None
        if status.state is UploadState.PENDING_FILE_UPLOAD:
            return self._post(entry, index, request)
        if not status.state.final:
            return entry, Waiting(request.id, request.requested_at, index + 1, len(entry.state.parts))
        self.client.observer.on_wait("upload", (self.now() - request.requested_at).total_seconds())
        if not status.state.succeeded:
            return self._record_failure(entry, index, request, self._error_of_status(request, status)), None
        return self._record_success(entry, index, request, status), None

    def _post(self, entry: Entry, index: int, request: Request) -> tuple[Entry, Waiting | None]:
        part = entry.state.parts[index]
        with private_folder() as folder:
            path = folder / "upload.zip"
            info = self._write_file(path, entry.state.audience_id, part)
            try:
                self.client.upload_file(UploadTicket(request.id, request.upload_url), path)
            except UploadUrlExpired:
                log.warning("The upload URL of request %s has expired: requesting a new one", request.id)
                ended = entry.state.upload_failed(index, lands_until=may_land_until(self.now()))
                return self.ledger.write(entry, ended), None
            except ForeignHost as error:  # the ledger was edited by hand: the next try requests a new URL
                return self._record_failure(entry, index, request, error), None
        log.info(
            "Audience %r: part %d of %d (%s, %s, %d bytes) sent as request %s",
            self.audience,
            index + 1,
            len(entry.state.parts),
            part.action,
            counted(part.members.count, "member"),
            info.zip_bytes,
            request.id,
        )
        return entry, Waiting(request.id, self.now(), index + 1, len(entry.state.parts))

    def _write_file(self, path: Path, audience_id: str | None, part: Part) -> bulk_file.BulkFileInfo:
        assert audience_id is not None  # noqa: S101 (start wrote it)
        return bulk_file.write_bulk_file(
            path,
            audience_id=audience_id,
            action=bulk_file.Action[part.action.name],
            members=read_members(self.files, part.members),
            accept_terms=self.accept_terms,
        )

    def _record_failure(self, entry: Entry, index: int, request: Request, error: Exception) -> Entry:
        """Record that an upload failed, and raise the reason if it belongs to our plan.

        The failure of an earlier plan's upload is only logged: our plan starts from the ledger's bounds.
        """
        is_ours = entry.state.plan_id == self.plan_id
        entry = self.ledger.write(entry, entry.state.upload_failed(index))
        if is_ours:
            raise error
        log.warning("Request %s of an earlier plan failed: %s", request.id, error)
        return entry

    def _record_success(self, entry: Entry, index: int, request: Request, status: UploadStatus) -> Entry:
        part = entry.state.parts[index]
        try:
            refusals = self._fetch_refusals(part, request, status)
        except (ConfigurationError, TerminalError, _SendAgain) as error:
            return self._record_failure(entry, index, request, error)
        log.info(
            "Request %s is done: the service accepted %d of %d members",
            request.id,
            part.members.count - len(refusals),
            part.members.count,
        )
        return self.confirm(entry, index, refusals, request.id)

    def _fetch_refusals(self, part: Part, request: Request, status: UploadStatus) -> Refusals:
        """The refused members, from the upload's results.

        Raises:
            CustomerMatchError: The list as a whole was refused, or an error is not about one member.
        """
        for _ in range(_READS):
            try:
                return self._read_refusals(part, request, status)
            except ResultsExpired:
                status = self.client.upload_status(request.id)
        if status.result_url is None:
            # Documented: results are kept for a few minutes only. The next worker may start later than that.
            raise _SendAgain(
                f"Microsoft Advertising refused members of request {request.id}, but has deleted the results that say "
                "which. The part is sent again."
            )
        raise TransientError(
            f"The result URLs of request {request.id} expire before they can be read. Trying again later."
        )

    def _read_refusals(self, part: Part, request: Request, status: UploadStatus) -> Refusals:
        refusals = Refusals(part.members)
        if status.result_url is None:
            if status.state is UploadState.COMPLETED:
                return refusals
            raise ResultsExpired("The service reports refused rows but gives no URL to read them from.")
        for row in self.client.row_errors(status.result_url):
            error = ServiceError(row.code, row.name)
            if row.record == "Customer List" or error.entry.reaction is not Reaction.REJECT_ROW:
                raise self._error_of_row(request, error)
            refusals.add(bulk_file.index_of(row.client_id), error)
        return refusals

    def _error_of_row(self, request: Request, error: ServiceError) -> Exception:
        """The exception for an error that affects the whole upload; its results no longer change."""
        fault = error_of((error,), self._origin(request))
        if isinstance(fault, TransientError):
            return _SendAgain(str(fault), retry_after=fault.retry_after)
        return fault

    def _error_of_status(self, request: Request, status: UploadStatus) -> Exception:
        if status.errors:
            return error_of(status.errors, self._origin(request))
        message = (
            f"The upload {request.id} of audience {self.audience!r} ended with the status {status.state.value}; "
            "Microsoft Advertising gave no reason."
        )
        if status.state in {UploadState.FAILED, UploadState.EXPIRED, UploadState.ABORTED}:
            return TransientError(f"{message} It is sent again.")
        return TerminalError(
            f"{message} The file exceeds a limit of the service: lower `profiles_per_part` in the export file."
        )

    def _origin(self, request: Request) -> Origin:
        return Origin(f"Upload {request.id}", audience=self.audience)
