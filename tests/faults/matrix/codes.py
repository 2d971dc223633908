"""What the service says: its codes, and the bad ends of uploads."""

from __future__ import annotations

from typing import Final

from tests.faults.matrix.row import Recovery, on

__all__ = ["ROWS"]

ROWS: Final = (
    on("GetAudiencesByIds", "117", "fault", "117, too many calls: 60 s", Recovery.ITSELF, code=117),
    on("UploadFile", "3226", "fault", "3226, the URL has expired", Recovery.ITSELF, code=3226, quick=True),
    on("UploadFile", "3227", "fault", "3227, too many uploads: 60 s", Recovery.ITSELF, code=3227),
    on("UploadFile", "109-upload", "fault", "the token expires", Recovery.ITSELF, code=109),
    on("GetBulkUploadStatus", "109-status", "fault", "the token expires", Recovery.ITSELF, code=109, times=3),
    on(
        "Token", "revoked", "fault", "the refresh token is revoked", Recovery.HUMAN, times=None,
        advice="customer-match login", quick=True,
    ),
    on("ProcessUpload", "failed", "fault", "an upload ends as Failed", Recovery.RETRY, second=True, quick=True),
    on("ProcessUpload", "failed-replace", "fault", "a Replace ends as Failed", Recovery.RETRY, code=202, times=2),
    on("DownloadResult", "results-403", "raw", "the result URL has expired", Recovery.ITSELF, status=403),
    on("GetBulkUploadStatus", "4201", "fault", "4201, an unknown request id", Recovery.ITSELF, code=4201, nth=2),
)  # fmt: skip
