"""Creates and connects the parts of one running simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from microsoft_advertising_simulator.audiences.apply import ApplyService
from microsoft_advertising_simulator.audiences.members import MemberFiles
from microsoft_advertising_simulator.audiences.service import AudienceService
from microsoft_advertising_simulator.bulk.processor import ProcessingContext, Processor
from microsoft_advertising_simulator.clock import Clock
from microsoft_advertising_simulator.codes import code
from microsoft_advertising_simulator.control.injection import (
    JUDGE_ITEMS,
    PROCESS_DOWNLOAD,
    FaultRules,
    refusal_of,
)
from microsoft_advertising_simulator.control.request_log import RequestLog
from microsoft_advertising_simulator.control.upload_faults import UploadFaults
from microsoft_advertising_simulator.identity.service import Identity
from microsoft_advertising_simulator.model import Refusal, UploadError
from microsoft_advertising_simulator.settings import Settings
from microsoft_advertising_simulator.storage import Storage
from microsoft_advertising_simulator.throttle import SlidingWindow
from microsoft_advertising_simulator.uploads.completion import Completion
from microsoft_advertising_simulator.uploads.downloads import DownloadService
from microsoft_advertising_simulator.uploads.entity_records import EntityRecordService
from microsoft_advertising_simulator.uploads.result_links import ResultLinks
from microsoft_advertising_simulator.uploads.service import UploadService
from microsoft_advertising_simulator.uploads.worker import Worker

__all__ = ["Service"]


class Service:
    """The simulated service: storage, clock, settings, and the parts that work with them.

    Args:
        folder: The simulator's data; it must exist, and no other process may use it.
        sandbox: Whether to simulate the sandbox environment.
    """

    def __init__(self, folder: Path, *, sandbox: bool = False) -> None:
        self.storage = Storage(folder / "simulator.sqlite")
        self.clock = Clock(float(self.storage.get("clock_offset") or 0.0))
        self._settings = Settings.model_validate({**(self.storage.get("settings") or {}), "sandbox": sandbox})
        self.identity = Identity(self.storage, self.clock)
        self.member_files = MemberFiles(folder / "members")
        self.member_files.remove_except(
            [audience.members_file for audience in self.storage.audiences() if audience.members_file]
            + self.storage.addition_files()
        )
        self.faults = FaultRules()
        self.upload_faults = UploadFaults(self.faults, self.clock, self.settings)
        self.audiences = AudienceService(self.storage, self.member_files, self.clock, self.settings)
        self.apply = ApplyService(
            self.audiences,
            self.storage,
            self.member_files,
            self.clock,
            settings=self.settings,
            refusal=self._refusal,
        )
        self.clock.on_advance(self.audiences.expire_members)
        self.audiences.expire_members()
        self.results = ResultLinks(self.storage, folder / "results", self.clock, self.settings)
        self.results.remove_except(self.storage.result_files())
        self.uploads = UploadService(
            self.storage, folder / "uploads", self.results, self.clock, self.settings
        )
        self.log = RequestLog()
        self.calls = SlidingWindow(60)
        completion = self._completion()
        self.entity_records = EntityRecordService(self.uploads, completion, self.results, self.settings)
        self.downloads = DownloadService(
            self.storage,
            self.audiences,
            self.results,
            self.clock,
            self.settings,
            failure=self._download_failure,
        )
        self.worker = Worker(self.storage, self.uploads, completion, self.clock, self.upload_faults)

    def settings(self) -> Settings:
        """The current settings."""
        return self._settings

    def change_settings(self, changes: dict[str, Any]) -> Settings:
        """Change some settings and store them.

        Raises:
            pydantic.ValidationError: Unknown name or invalid value; nothing is changed.
        """
        self._settings = Settings.model_validate({**self._settings.model_dump(), **changes})
        self.storage.put("settings", self._settings.model_dump())
        self.clock.advance(0)  # times may be shorter now: wake the waiting threads
        return self._settings

    def advance_clock(self, seconds: float) -> float:
        """Move the clock forward and store its offset; returns the simulated time."""
        self.storage.put("clock_offset", self.clock.advance(seconds))
        return self.clock.now()

    def clear_faults(self) -> None:
        """Remove all fault rules; held uploads continue."""
        self.faults.clear()
        self.upload_faults.release_all()
        self.clock.advance(0)

    def start(self) -> None:
        """Start processing uploads, unfinished ones first."""
        self.worker.start()

    def stop(self) -> None:
        """Stop the threads and close the storage."""
        self.worker.stop()
        self.storage.close()

    def _completion(self) -> Completion:
        processing = ProcessingContext(
            storage=self.storage,
            files=self.member_files,
            audiences=self.audiences,
            incoming=self.uploads.files,
            folder=self.results.folder,
            settings=self.settings,
            now=self.clock.now,
            refusal=self._refusal,
        )
        return Completion(
            self.storage,
            self.uploads.files,
            Processor(processing),
            self.clock,
            self.upload_faults,
        )

    def _download_failure(self) -> UploadError | None:
        rule = self.faults.take(PROCESS_DOWNLOAD)
        return None if rule is None else UploadError(rule.code, code(rule.code).message)

    def _refusal(self) -> Refusal | None:
        return refusal_of(self.faults.take(JUDGE_ITEMS))
