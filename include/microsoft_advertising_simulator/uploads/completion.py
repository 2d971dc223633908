"""Completes an accepted upload: records its outcome in any case, and removes its file."""

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
    """Raised by a progress callback to stop processing, which is started again later."""


class Completion:
    """Processes uploads; safe to use from several threads.

    Args:
        storage: Stores outcomes.
        files: Folder of the accepted files.
        processor: Processes a file.
        clock: For the time of failures.
        faults: Knows the injected failure of each upload.
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
        """Process an upload's file and remove it; returns the upload with its outcome.

        Args:
            upload: An upload with its file.
            progress: Called with the fraction of the file that was read.

        Raises:
            StoppedError: `progress` raised it; nothing was changed, and the file is still there.
        """
        done = self._process(upload, progress)
        # Only after the outcome was recorded: until then, a restart after a crash needs the file.
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
        except Exception:  # noqa: BLE001 - our own defect: the upload must end, and the log must say why
            _log.exception("The simulator failed to process upload %s", upload.request_id)
            error = UploadError(0, "The simulator failed; see its log.")
            return self._fail(upload, UploadState.FAILED, error)

    def _fail(self, upload: Upload, state: UploadState, error: UploadError) -> Upload:
        done = replace(upload, state=state, error=error, finished_at=self._clock.now())
        self._storage.save_upload(done)
        return done
