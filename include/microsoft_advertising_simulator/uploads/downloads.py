"""Bulk downloads of customer lists: the request, its file, its status. The service's logic, without HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from microsoft_advertising_simulator.audiences.members import make_durable
from microsoft_advertising_simulator.audiences.service import AudienceService
from microsoft_advertising_simulator.bulk.columns import RESULT_COLUMNS
from microsoft_advertising_simulator.bulk.results import Layout, ResultFile, line, list_columns
from microsoft_advertising_simulator.clock import Clock
from microsoft_advertising_simulator.codes import ServiceFault
from microsoft_advertising_simulator.model import (
    Audience,
    Caller,
    Download,
    DownloadState,
    Status,
    UploadError,
)
from microsoft_advertising_simulator.settings import Settings
from microsoft_advertising_simulator.storage import Storage
from microsoft_advertising_simulator.throttle import SlidingWindow
from microsoft_advertising_simulator.uploads.result_links import ResultLinks

__all__ = ["DownloadOptions", "DownloadService"]

_MONTH: Final = 30 * 86_400
_FULL_SYNC_REQUIRED: Final = 3603


@dataclass(frozen=True, slots=True)
class DownloadOptions:
    """Which lists a download contains, and the format of its file.

    Args:
        since: Only lists changed or deleted since then, in seconds since the epoch; None = all existing lists.
        tabs: Separate columns by tabs instead of commas.
        use_gzip: Compress with gzip instead of zip.
    """

    since: float | None = None
    tabs: bool = False
    use_gzip: bool = False


class DownloadService:
    """Requests downloads and reports their status.

    A file is written during the request and contains the lists of that moment; its status shows it only when it is
    due. So a download needs no thread, and a crash leaves none incomplete.

    Args:
        storage: Stores downloads.
        audiences: The lists.
        results: Stores the files, and returns their URLs.
        clock: For due times.
        settings: Returns the current settings.
        failure: Returns the injected failure of the next file, if any.
    """

    def __init__(
        self,
        storage: Storage,
        audiences: AudienceService,
        results: ResultLinks,
        clock: Clock,
        settings: Callable[[], Settings],
        *,
        failure: Callable[[], UploadError | None],
    ) -> None:
        self._storage = storage
        self._audiences = audiences
        self._results = results
        self._clock = clock
        self._settings = settings
        self._failure = failure
        self._window = SlidingWindow(900)

    def request(self, caller: Caller, options: DownloadOptions) -> Download:
        """Start a download; it is durable when this returns.

        Raises:
            ServiceFault: 3208, 3209 for a sync time in the future, or more than 30 days ago;
                4204 if the account requested too many downloads.
        """
        now = self._clock.now()
        if options.since is not None and options.since > now:
            raise ServiceFault(3208)
        if options.since is not None and options.since < now - _MONTH:
            raise ServiceFault(3209)
        limit = self._settings().downloads_per_15_minutes
        if not self._window.admit(caller.account_id, now=now, limit=limit):
            raise ServiceFault(4204)
        request_id = str(uuid.uuid4())
        error = self._failure()
        download = Download(
            request_id=request_id,
            customer_id=caller.customer_id,
            account_id=caller.account_id,
            user_id=caller.user_id,
            created_at=now,
            result_file=self._write(request_id, caller, options, now) if error is None else None,
            error=error,
        )
        self._storage.save_download(download)
        return download

    def status(self, caller: Caller, request_id: str) -> Status:
        """GetBulkDownloadStatus; a finished download gets a new result token at every call.

        Raises:
            ServiceFault: 3205 for a request id that is unknown, another user's, or two days old.
        """
        download = self._storage.download(request_id)
        if download is None or (download.user_id, download.account_id) != (caller.user_id, caller.account_id):
            raise ServiceFault(3205)
        settings = self._settings()
        age = self._clock.now() - download.created_at
        if age >= settings.download_file_seconds:
            raise ServiceFault(3205)
        due = settings.queue_seconds + settings.processing_seconds
        if age < due:
            return Status(DownloadState.IN_PROGRESS, int(100 * age / due))
        if download.result_file is None:
            return Status(_failed_state(download.error), 0, None, download.error)
        kept_until = download.created_at + settings.download_file_seconds
        return Status(DownloadState.COMPLETED, 100, self._results.issue(download.result_file, kept_until))

    def _write(self, request_id: str, caller: Caller, options: DownloadOptions, now: float) -> str:
        """Write the durable file; returns its name."""
        kind = "tsv" if options.tabs else "csv"
        member = f"Bulk-{datetime.fromtimestamp(now, UTC):%m-%d-%Y}-{request_id}.{kind}"
        final = self._results.folder / f"{request_id}.{f'{kind}.gz' if options.use_gzip else 'zip'}"
        partial = final.with_name(f"{request_id}.partial")
        layout = Layout(RESULT_COLUMNS, "\t" if options.tabs else ",")
        with ResultFile(partial, member, use_gzip=options.use_gzip) as file:
            file.start(layout)
            file.write(line(values, layout) for values in self._rows(caller, options.since, now))
        make_durable(partial, final)
        return final.name

    def _rows(self, caller: Caller, since: float | None, now: float) -> Iterator[dict[str, str]]:
        yield {
            "Type": "Account",
            "Id": caller.account_id,
            "Parent Id": caller.customer_id,
            "Sync Time": f"{datetime.fromtimestamp(now, UTC):%m/%d/%Y %H:%M:%S}",
        }
        for audience in self._audiences.listed(caller, since):
            yield self._list_row(audience)

    def _list_row(self, audience: Audience) -> dict[str, str]:
        size = self._audiences.size(audience)
        shown = "" if size is None or audience.deleted else str(size)
        modified = datetime.fromtimestamp(audience.modified_at, UTC)
        return {
            "Type": "Customer List",
            **list_columns(audience),
            "Description": audience.description,
            "Modified Time": f"{modified:%m/%d/%Y %H:%M:%S}.{modified.microsecond // 1000:03}",
            "Audience Search Size": shown,
            "Audience Network Size": shown,
        }


def _failed_state(error: UploadError | None) -> DownloadState:
    full_sync = error is not None and error.number == _FULL_SYNC_REQUIRED
    return DownloadState.FULL_SYNC_REQUIRED if full_sync else DownloadState.FAILED
