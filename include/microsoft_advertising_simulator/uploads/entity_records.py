"""UploadEntityRecords: the lines of a small Bulk file in the call itself, answered at once.

No page documents it; the shapes come from the WSDL and the SDKs. The lines are processed by the engine of
uploaded files, so that both routes judge alike.
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

_HEAD: Final = 2
"""The header line and the Format Version line; they do not count against the limit."""


@dataclass(frozen=True, slots=True)
class RecordsAnswer:
    """Answer of UploadEntityRecords.

    Args:
        records: Lines of the result file; None unless the records were processed.
        error: Why nothing was applied.
        request_id: To be polled like an upload's; None once the records were processed.
        state: RequestStatus.
    """

    records: list[str] | None
    error: UploadError | None
    request_id: str | None
    state: UploadState


class EntityRecordService:
    """Takes entity records.

    Args:
        uploads: Makes uploads of them.
        completion: Processes them.
        results: Where their results lie.
        settings: The settings in force now.
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
        """Process records, or queue them, as the settings say.

        Killed while it works, it leaves the lists as they were or as the whole of the records makes them.

        Raises:
            ServiceFault: 204 not supported, 206 no records, 3225 too many, 3227 too many uploads in work.
        """
        settings = self._settings()
        if settings.entity_records == "unsupported":
            raise ServiceFault(204)
        if not records:
            raise ServiceFault(206, "EntityRecords is null or empty.")
        if len(records) > settings.max_entity_records + _HEAD:
            raise ServiceFault(3225, f"More than {settings.max_entity_records} records.")
        upload = self._uploads.written(caller, mode, records)
        if settings.entity_records == "async":
            self._uploads.queue(upload)
            return RecordsAnswer(None, None, upload.request_id, UploadState.IN_PROGRESS)
        return self._answer(self._completion.complete(upload, lambda _: None))

    def _answer(self, done: Upload) -> RecordsAnswer:
        records = None if done.result_file is None else record_lines(self._results.folder / done.result_file)
        return RecordsAnswer(records, done.error, None, done.state)
