"""Bulk uploads: URL, file, status and results. The service's logic, without HTTP."""

from __future__ import annotations

import os
import threading
import uuid
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from microsoft_advertising_simulator.audiences.members import sync_folder
from microsoft_advertising_simulator.clock import Clock
from microsoft_advertising_simulator.codes import ServiceFault
from microsoft_advertising_simulator.model import Caller, ResponseMode, Status, Upload, UploadState
from microsoft_advertising_simulator.settings import Settings
from microsoft_advertising_simulator.storage import Storage
from microsoft_advertising_simulator.throttle import SlidingWindow
from microsoft_advertising_simulator.uploads.result_links import ResultLinks

__all__ = ["UploadService"]

_EXTENSIONS: Final = (".csv", ".tsv", ".zip")


class UploadService:
    """Requests and accepts uploads, and reports their status.

    Args:
        storage: Stores uploads.
        files: Folder of the accepted files; created if it is missing.
        results: Returns result URLs.
        clock: For expiry.
        settings: Returns the current settings.
    """

    def __init__(
        self,
        storage: Storage,
        files: Path,
        results: ResultLinks,
        clock: Clock,
        settings: Callable[[], Settings],
    ) -> None:
        self._storage = storage
        self._results = results
        self._clock = clock
        self._settings = settings
        self.files = files
        self.files.mkdir(parents=True, exist_ok=True)
        wanted = {upload.file for upload in storage.unfinished_uploads()}
        for path in self.files.iterdir():
            if path.name not in wanted:
                path.unlink()  # received but not accepted before a crash
        self._url_window = SlidingWindow(900)
        self._post_window = SlidingWindow(60)
        self._accepting = threading.Lock()
        self.accepted = threading.Condition()
        self.progress: dict[str, float] = {}
        """Fraction read of files being processed, by request id."""

    def request_url(self, caller: Caller, mode: ResponseMode) -> Upload:
        """GetBulkUploadUrl.

        Raises:
            ServiceFault: 4204 if the account requested too many URLs.
        """
        now = self._clock.now()
        settings = self._settings()
        limit = settings.upload_urls_per_15_minutes
        if not self._url_window.admit(caller.account_id, now=now, limit=limit):
            raise ServiceFault(4204, http_status=settings.http_status(4204))
        upload = _new_upload(caller, mode, now)
        self._storage.save_upload(upload)
        return upload

    def check_url(self, url_id: str) -> Upload:
        """The upload that a URL belongs to, if a file may be posted to it now.

        Raises:
            ServiceFault: 3220 unknown, 3224 used, 3226 expired.
        """
        upload = self._storage.upload_by_url(url_id)
        if upload is None:
            raise ServiceFault(3220)
        if upload.state is not UploadState.PENDING:
            raise ServiceFault(3224)
        if self._clock.now() >= upload.created_at + self._settings().upload_url_seconds:
            raise ServiceFault(3226)
        return upload

    def admit_post(self, caller: Caller) -> None:
        """Count a file post.

        Raises:
            ServiceFault: 3227 if there are too many posts, or uploads in progress.
        """
        settings = self._settings()
        limit = settings.file_posts_per_minute
        if not self._post_window.admit(caller.customer_id, now=self._clock.now(), limit=limit):
            raise ServiceFault(3227)
        self._check_parallel()

    def accept(self, url_id: str, file: Path, file_name: str) -> Upload:
        """Accept a received file, which is already durable; the upload is durable when this returns.

        Args:
            url_id: From the upload URL.
            file: The received file; it is moved.
            file_name: The client's name of the file.

        Raises:
            ServiceFault: 3220, 3222, 3223, 3224, 3226, 3227.
        """
        suffix = Path(file_name).suffix.lower()
        if suffix not in _EXTENSIONS:
            raise ServiceFault(3223)
        if suffix == ".zip":
            _check_zip(file, self._unzipped_limit())
        with self._accepting:
            upload = self.check_url(url_id)
            self._check_parallel()
            name = f"{upload.request_id}{suffix}"
            file.replace(self.files / name)
            sync_folder(self.files)
            upload = replace(upload, state=UploadState.UPLOADED, file=name, accepted_at=self._clock.now())
            self._storage.save_upload(upload)
        with self.accepted:
            self.accepted.notify_all()
        return upload

    def write_records(self, caller: Caller, mode: ResponseMode, records: Sequence[str]) -> Upload:
        """Write records to a durable file; returns its upload, which is neither stored nor queued yet.

        A restart after a crash removes such a file.
        """
        now = self._clock.now()
        upload = _new_upload(caller, mode, now)
        name = f"{upload.request_id}.csv"
        with (self.files / name).open("wb") as stream:
            stream.write(b"\xef\xbb\xbf" + "\n".join(records).encode())
            stream.flush()
            os.fsync(stream.fileno())
        sync_folder(self.files)
        return replace(upload, state=UploadState.UPLOADED, file=name, accepted_at=now)

    def queue(self, upload: Upload) -> None:
        """Queue a written upload for the worker; it is durable when this returns.

        Raises:
            ServiceFault: 3227 if there are too many in progress.
        """
        with self._accepting:
            try:
                self._check_parallel()
            except ServiceFault:
                (self.files / str(upload.file)).unlink()
                raise
            self._storage.save_upload(upload)
        with self.accepted:
            self.accepted.notify_all()

    def status(self, caller: Caller, request_id: str) -> Status:
        """GetBulkUploadStatus; a finished upload gets a new result token at every call.

        Raises:
            ServiceFault: 4201 for an unknown request id, or one of another user.
        """
        upload = self._storage.upload(request_id)
        if upload is None or upload.user_id != caller.user_id or upload.account_id != caller.account_id:
            raise ServiceFault(4201)
        state, percent = self.progress_of(upload)
        token = None if upload.finished_at is None else self._result_token(upload)
        return Status(state, percent, token, upload.error)

    def due_at(self, upload: Upload) -> float:
        """When processing may start: after the times for which the upload is queued and in progress."""
        settings = self._settings()
        return (upload.accepted_at or 0.0) + settings.queue_seconds + settings.processing_seconds

    def progress_of(self, upload: Upload) -> tuple[UploadState, int]:
        """The current RequestStatus and PercentComplete of an upload."""
        if upload.finished_at is not None:
            return upload.state, 0 if upload.result_file is None else 100
        if upload.accepted_at is None:
            return UploadState.PENDING, 0
        settings = self._settings()
        waited = self._clock.now() - upload.accepted_at - settings.queue_seconds
        if waited < 0:
            return UploadState.UPLOADED, 0
        shown = min(waited / settings.processing_seconds, 1.0) if settings.processing_seconds else 1.0
        read = self.progress.get(upload.request_id, 0.0)
        return UploadState.IN_PROGRESS, min(99, int(10 * shown + 89 * read))

    def _unzipped_limit(self) -> int | None:
        settings = self._settings()
        return settings.max_file_bytes if settings.file_size_counts == "unzipped" else None

    def _result_token(self, upload: Upload) -> str | None:
        if upload.result_file is None:
            return None
        settings = self._settings()
        start = upload.finished_at if settings.results_kept_from == "end" else upload.accepted_at
        return self._results.issue(upload.result_file, (start or 0.0) + settings.result_file_seconds)

    def _check_parallel(self) -> None:
        if len(self._storage.unfinished_uploads()) >= self._settings().parallel_limit:
            raise ServiceFault(3227)


def _new_upload(caller: Caller, mode: ResponseMode, now: float) -> Upload:
    return Upload(
        request_id=str(uuid.uuid4()),
        url_id=str(uuid.uuid4()),
        customer_id=caller.customer_id,
        account_id=caller.account_id,
        user_id=caller.user_id,
        response_mode=mode,
        created_at=now,
    )


def _check_zip(path: Path, max_unzipped: int | None) -> None:
    """Raise 3223 for a zip without a valid directory or with too much data, 3221 / 3222 for no or several files."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [entry for entry in archive.infolist() if not entry.is_dir()]
    except zipfile.BadZipFile as error:
        raise ServiceFault(3223, "The zip file has no valid directory.") from error
    if not members:
        raise ServiceFault(3221, "The zip file is empty.")
    if len(members) > 1:
        raise ServiceFault(3222, "The zip file contains more than one file.")
    if Path(members[0].filename).suffix.lower() not in (".csv", ".tsv"):
        raise ServiceFault(3223, "The file inside the zip must be .csv or .tsv.")
    if max_unzipped is not None and members[0].file_size > max_unzipped:
        raise ServiceFault(3223, f"The unzipped file is larger than {max_unzipped} bytes.", http_status=413)
