"""Bringing an accepted upload to its end: its outcome is recorded, whatever happens, and its file is gone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from microsoft_advertising_simulator.bulk.processor import Processor
from microsoft_advertising_simulator.bulk.reader import FileRejected
from microsoft_advertising_simulator.clock import Clock
from microsoft_advertising_simulator.control.upload_faults import UploadFaults
from microsoft_advertising_simulator.model import Upload, UploadError, UploadState
from microsoft_advertising_simulator.storage import Storage

__all__ = ["Completion", "StoppedError"]

_log = logging.getLogger(__name__)


class StoppedError(Exception):
    """Raised by who is told of the progress: the work must stop here, to be begun again later."""


class Completion:
    """Processes uploads; safe to use from several threads.

    Args:
        storage: Outcomes are recorded here.
        files: Folder of the accepted files.
        processor: Does the work.
        clock: Dates failures.
        faults: Asked before each file for an injected failure.
    """

    def __init__(
        self,
        storage: Storage,
        files: Path,
        processor: Processor,
        clock: Clock,
        faults: UploadFaults,
    ) -> None:
        self._storage = storage
        self._files = files
        self._processor = processor
        self._clock = clock
        self._faults = faults

    def complete(self, upload: Upload, progress: Callable[[float], None]) -> Upload:
        """Process an upload's file; returns what was recorded of it.

        Args:
            upload: With its file, which is removed in the end.
            progress: Told the fraction of the file that was read.

        Raises:
            StoppedError: `progress` raised it; nothing was done, and the file is still there.
        """
        done = self._process(upload, progress)
        # Only now that the outcome is recorded: until then the file is needed after a crash.
        (self._files / str(upload.file)).unlink(missing_ok=True)
        self._faults.forget(upload.request_id)
        return done

    def _process(self, upload: Upload, progress: Callable[[float], None]) -> Upload:
        failure = self._faults.failure(upload.request_id)
        if failure is not None and failure.applied is None:
            return self._fail(upload, failure.state, failure.error)
        try:
            return self._processor.process(upload, progress, failure)
        except StoppedError:
            raise
        except FileRejected as refusal:
            return self._fail(upload, refusal.state, UploadError(refusal.number, refusal.details))
        except Exception:  # noqa: BLE001 - a defect of ours: the upload must end, and the log must say why
            _log.exception("The simulator failed to process upload %s", upload.request_id)
            error = UploadError(0, "The simulator failed; see its log.")
            return self._fail(upload, UploadState.FAILED, error)

    def _fail(self, upload: Upload, state: UploadState, error: UploadError) -> Upload:
        done = replace(upload, state=state, error=error, finished_at=self._clock.now())
        self._storage.save_upload(done)
        return done
