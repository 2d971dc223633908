"""Answers of the service: error codes, failed uploads, and their results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tests.faults.matrix.row import Recovery, Row, both, on, rule
from tests.faults.world import World

__all__ = ["ROWS"]

_PROCESS: Final = "ProcessUpload"


def _settings(**values: Any) -> Callable[[World], None]:
    """Return a setup that changes the behaviour of the service."""
    return lambda world: world.service.api.control("settings", values)


_refuse_some: Final = rule("JudgeItems", "refuse", code=8004, share=0.015)
"""Twelve of an audience's 1,500: more than a handful, and less than the 1% that `max_refused` allows."""
_refuse_many: Final = rule("JudgeItems", "refuse", code=8004, share=0.05)
"""Forty of them: more than it allows."""

_CODES: Final = (
    on("GetAudiencesByIds", "117", "fault", "117, too many calls: 60 s", Recovery.ITSELF, code=117),
    on("AddAudiences", "117-create", "fault", "117, too many calls: 60 s", Recovery.ITSELF, code=117),
    on("GetBulkUploadStatus", "117-status", "fault", "117, too many calls: 60 s", Recovery.ITSELF, code=117),
    on(
        "GetBulkUploadUrl", "4204", "fault", "4204, too many uploads requested: 15 min", Recovery.ITSELF, code=4204,
        patience=1300,
    ),
    on("UploadFile", "3226", "fault", "3226, the URL has expired", Recovery.ITSELF, code=3226),
    on("UploadFile", "3227", "fault", "3227, too many uploads: 60 s", Recovery.ITSELF, code=3227),
    on(
        "GetBulkUploadStatus", "4201", "fault", "4201, an unknown request id", Recovery.ITSELF, code=4201, nth=2,
        repeats=1,
    ),
    on("UploadFile", "109-upload", "fault", "the token expires during the upload", Recovery.ITSELF, code=109),
    on("UploadFile", "401-upload", "raw", "401 without a code during the upload", Recovery.ITSELF, status=401),
    on("GetBulkUploadStatus", "109-status", "fault", "the token expires", Recovery.ITSELF, code=109, times=3),
    on(
        "Token", "revoked", "fault", "the refresh token is revoked", Recovery.HUMAN, times=None,
        advice="customer-match login",
    ),
    Row(
        "terms", "the terms are not accepted: 8003", "results", Recovery.HUMAN,
        before=_settings(terms_accepted=False), after=_settings(terms_accepted=True), advice="I ACCEPT",
        repeats=4,
    ),
)  # fmt: skip

_ENDS: Final = (
    on(_PROCESS, "failed", "fault", "an upload ends as Failed", Recovery.RETRY, repeats=1, second=True, quick=True),
    on(
        _PROCESS, "failed-half", "fault", "an upload ends as Failed after half of its items", Recovery.RETRY,
        second=True, applied=0.5, repeats=1,
    ),
    on(_PROCESS, "failed-replace", "fault", "a Replace ends as Failed", Recovery.RETRY, repeats=2, code=202, times=2),
    on(_PROCESS, "expired", "fault", "an upload ends as Expired", Recovery.RETRY, repeats=1, state="Expired"),
    on(_PROCESS, "aborted", "fault", "an upload ends as Aborted", Recovery.RETRY, repeats=1, state="Aborted"),
    on(
        _PROCESS, "format", "fault", "an upload ends as UploadFileFormatNotSupported", Recovery.NEXT_RUN, repeats=1,
        state="UploadFileFormatNotSupported", code=3217, advice="3217",
    ),
    on(
        _PROCESS, "stuck", "hang", "an upload stays InProgress past the deadline", Recovery.RETRY, seconds=100,
        keys={"upload_timeout_minutes": 1},
    ),
    on(
        _PROCESS, "stuck-run", "hang", "an upload stays InProgress longer than the run", Recovery.NEXT_RUN,
        seconds=900, keys={"upload_timeout_minutes": 0.5, "retries": 1}, advice="is still in progress",
    ),
)  # fmt: skip

_RESULTS: Final = (
    on("DownloadResult", "results-403", "raw", "the result URL has expired", Recovery.ITSELF, status=403),
    Row(
        "results-gone", "members were refused, and the results are no longer available", "DownloadResult",
        Recovery.RETRY, before=both(_settings(result_file_seconds=0.1), _refuse_many), repeats=1,
    ),
    Row(
        "columns", "results with unknown columns in another order; members refused: 8004", "results", Recovery.NEXT_RUN,
        before=both(_settings(result_columns="shuffled"), _refuse_some), again=True, advice="EmailMustBeHashed",
    ),
    Row(
        "refused", "members are refused, within `max_refused`: 8004", "results", Recovery.NEXT_RUN,
        before=_refuse_some, again=True, advice="EmailMustBeHashed",
    ),
    Row(
        "refused-too-many", "more members are refused than `max_refused`: 8004", "results", Recovery.NEXT_RUN,
        before=_refuse_many, advice="at most 1% may be refused",
    ),
    Row(
        "refused-difference", "members of a difference are refused: 8004", "results", Recovery.NEXT_RUN,
        before=_refuse_many, again=True, second=True, advice="EmailMustBeHashed",
    ),
)  # fmt: skip

ROWS: Final = (*_CODES, *_ENDS, *_RESULTS)
