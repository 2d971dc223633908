"""UploadEntityRecords: the lines of a small Bulk file in the call itself, answered at once.

No page documents it; the shapes come from the WSDL and the SDKs. The lines are processed like an uploaded file, so
the same rules apply.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from microsoft_advertising_simulator.bulk.results import record_lines
from microsoft_advertising_simulator.codes import ServiceFault
from microsoft_advertising_simulator.model import Caller, ResponseMode, Upload, UploadError, UploadState
from microsoft_advertising_simulator.settings import Settings
from microsoft_advertising_simulator.uploads.completion import Completion
from microsoft_advertising_simulator.uploads.result_links import ResultLinks
from microsoft_advertising_simulator.uploads.service import UploadService

__all__ = ["EntityRecordService"]

_HEADER_LINES: Final = 2
"""The header line and the Format Version line; they do not count for the limit."""


@dataclass(frozen=True, slots=True)
class RecordsAnswer:
    """Answer of UploadEntityRecords.

    Args:
        records: Lines of the result file; None unless the records were processed.
        error: Why nothing was applied.
        request_id: Polled like that of an upload; None if the records were processed.
        state: RequestStatus.
    """

    records: list[str] | None
    error: UploadError | None
    request_id: str | None
    state: UploadState


class EntityRecordService:
    """Accepts entity records.

    Args:
        uploads: Creates an upload from them.
        completion: Processes that upload.
        results: Stores its results.
        settings: Returns the current settings.
    """

    def __init__(
        self,
        uploads: UploadService,
        completion: Completion,
        results: ResultLinks,
        settings: Callable[[], Settings],
    ) -> None:
        self._uploads = uploads
        self._completion = completion
        self._results = results
        self._settings = settings

    def upload(self, caller: Caller, mode: ResponseMode, records: Sequence[str] | None) -> RecordsAnswer:
        """Process or queue records, depending on the settings.

        If the process is killed, either all of the records take effect, or none.

        Raises:
            ServiceFault: 204 not supported, 206 no records, 3225 too many, 3227 too many uploads in progress.
        """
        settings = self._settings()
        if settings.entity_records == "unsupported":
            raise ServiceFault(204)
        if not records:
            raise ServiceFault(206, "EntityRecords is null or empty.")
        if len(records) > settings.max_entity_records + _HEADER_LINES:
            raise ServiceFault(3225, f"More than {settings.max_entity_records} records.")
        upload = self._uploads.write_records(caller, mode, records)
        if settings.entity_records == "async":
            self._uploads.queue(upload)
            return RecordsAnswer(None, None, upload.request_id, UploadState.IN_PROGRESS)
        return self._answer(self._completion.complete(upload, lambda _: None))

    def _answer(self, done: Upload) -> RecordsAnswer:
        records = None if done.result_file is None else record_lines(self._results.folder / done.result_file)
        return RecordsAnswer(records, done.error, None, done.state)
