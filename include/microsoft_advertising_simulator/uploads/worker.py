"""The threads that process the files of accepted uploads."""

from __future__ import annotations

import threading
from typing import Final

from microsoft_advertising_simulator.clock import Clock
from microsoft_advertising_simulator.control.upload_faults import UploadFaults
from microsoft_advertising_simulator.model import Upload
from microsoft_advertising_simulator.storage import Storage
from microsoft_advertising_simulator.uploads.completion import Completion, StoppedError
from microsoft_advertising_simulator.uploads.service import UploadService

__all__ = ["Worker"]

_THREADS: Final = 2


class Worker:
    """Threads that process accepted uploads when they are due; unfinished ones are resumed at the start.

    Args:
        storage: Knows the unfinished uploads.
        uploads: Knows when an upload is due.
        completion: Processes an upload.
        clock: Wakes the threads when it is moved.
        faults: Knows which uploads to hold in progress.
    """

    def __init__(
        self,
        storage: Storage,
        uploads: UploadService,
        completion: Completion,
        clock: Clock,
        faults: UploadFaults,
    ) -> None:
        self._storage = storage
        self._uploads = uploads
        self._completion = completion
        self._clock = clock
        self._faults = faults
        self._taken: set[str] = set()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._work, name=f"upload-{number}", daemon=True)
            for number in range(_THREADS)
        ]
        clock.on_advance(self._wake)

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float = 20.0) -> None:
        """Stop the threads. A file being read is left for the next start; a commit is finished."""
        self._stopping = True
        self._wake()
        for thread in self._threads:
            thread.join(timeout)

    def _wake(self) -> None:
        with self._uploads.accepted:
            self._uploads.accepted.notify_all()

    def _work(self) -> None:
        while (upload := self._next()) is not None:
            try:
                self._process(upload)
            finally:
                self._uploads.progress.pop(upload.request_id, None)
                with self._uploads.accepted:
                    self._taken.discard(upload.request_id)

    def _next(self) -> Upload | None:
        """Wait for an upload that is due; None if the worker stops."""
        with self._uploads.accepted:
            while not self._stopping:
                waiting = [u for u in self._storage.unfinished_uploads() if u.request_id not in self._taken]
                now = self._clock.now()
                waits = []
                for upload in waiting:
                    wait = self._wait(upload, now)
                    if wait <= 0:
                        self._taken.add(upload.request_id)
                        return upload
                    waits.append(wait)
                self._uploads.accepted.wait(min(waits, default=None))
        return None

    def _wait(self, upload: Upload, now: float) -> float:
        """Seconds until an upload is to be processed."""
        wait = self._uploads.due_at(upload) - now
        return wait if wait > 0 else self._faults.held_until(upload.request_id) - now

    def _process(self, upload: Upload) -> None:
        def progress(fraction: float) -> None:
            if self._stopping:
                raise StoppedError
            self._uploads.progress[upload.request_id] = fraction

        try:
            self._completion.complete(upload, progress)
        except StoppedError:
            return  # the file stays, for the next start
