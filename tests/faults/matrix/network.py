"""The way to the service: lost answers, broken connections, broken answers."""

from __future__ import annotations

from typing import Final

from tests.faults.matrix.row import Recovery, on

__all__ = ["ROWS"]

ROWS: Final = (
    on("AddAudiences", "lost-create", "drop_after_accept", "the answer is lost", Recovery.ITSELF, quick=True),
    on("GetBulkUploadUrl", "lost-url", "drop_after_accept", "the answer is lost", Recovery.ITSELF),
    on("UploadFile", "lost-upload", "drop_after_accept", "the answer is lost: 3224", Recovery.ITSELF, quick=True),
    on("UploadFile", "reset-upload", "drop", "connection reset in the middle", Recovery.ITSELF, second=True),
    on("UploadFile", "hang-upload", "hang", "hangs for 20 s, then closes", Recovery.ITSELF, seconds=20),
    on("GetBulkUploadStatus", "hang-status", "hang", "hangs for 20 s, then closes", Recovery.ITSELF, seconds=20),
    on("GetBulkUploadStatus", "cut-status", "truncate", "JSON is cut off", Recovery.ITSELF, bytes=20),
    on("GetBulkUploadUrl", "cut-url", "truncate", "JSON is cut off", Recovery.ITSELF, bytes=20),
    on("DownloadResult", "cut-results", "truncate", "the zip is cut off", Recovery.ITSELF, bytes=60, quick=True),
    *(
        on("*", f"http-{status}", "raw", f"HTTP {status}, three times", Recovery.ITSELF, nth=4, times=3, status=status)
        for status in (500, 502, 503)
    ),
)  # fmt: skip
