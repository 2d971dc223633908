"""The Bulk service's operations."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, Literal

from pydantic import Field

from microsoft_advertising_simulator.codes import ServiceFault, code
from microsoft_advertising_simulator.model import ResponseMode, Status, UploadError
from microsoft_advertising_simulator.operations.base import Body, Context, LongText, Operation
from microsoft_advertising_simulator.uploads.downloads import DownloadOptions

__all__ = ["BULK"]

_FORMAT_VERSION: Final = "6.0"
_DOWNLOADABLE: Final = "CustomerLists"
_ENTITY_DATA: Final = "EntityData"
_SCOPES: Final = frozenset({_ENTITY_DATA, "QualityScoreData", "BidSuggestionsData"})


class UploadUrlRequest(Body):
    """GetBulkUploadUrl."""

    response_mode: Literal["ErrorsOnly", "ErrorsAndResults"] | None = None
    account_id: LongText | None = None


class UploadStatusRequest(Body):
    """GetBulkUploadStatus."""

    request_id: str | None = None


class EntityRecordsRequest(Body):
    """UploadEntityRecords."""

    entity_records: list[str] | None = None
    response_mode: Literal["ErrorsOnly", "ErrorsAndResults"] | None = None
    account_id: LongText | None = None


class DownloadRequest(Body):
    """DownloadCampaignsByAccountIds."""

    account_ids: list[LongText] | None = None
    compression_type: Literal["Zip", "GZip"] | None = None
    data_scope: str | None = None
    download_entities: list[str | None] | None = None
    download_file_type: Literal["Csv", "Tsv"] | None = None
    format_version: str | None = None
    last_sync_time: str | None = Field(default=None, alias="LastSyncTimeInUTC")


class DownloadStatusRequest(Body):
    """GetBulkDownloadStatus."""

    request_id: str | None = None


def _get_bulk_upload_url(context: Context, body: UploadUrlRequest) -> dict[str, Any]:
    _check_account(context, body.account_id)
    upload = context.service.uploads.request_url(context.caller, _mode(body.response_mode))
    url = f"{context.base_url}/Api/Advertiser/CampaignManagement/FileUpload/File/UploadBulkFile/"
    return {"RequestId": upload.request_id, "UploadUrl": f"{url}{upload.url_id}?Ver=13"}


def _get_bulk_upload_status(context: Context, body: UploadStatusRequest) -> dict[str, Any]:
    return _status(context, context.service.uploads.status(context.caller, body.request_id or ""))


def _upload_entity_records(context: Context, body: EntityRecordsRequest) -> dict[str, Any]:
    _check_account(context, body.account_id)
    answer = context.service.entity_records.upload(
        context.caller, _mode(body.response_mode), body.entity_records
    )
    return {
        "EntityRecords": answer.records,
        "Errors": _errors(answer.error),
        "RequestId": answer.request_id,
        "RequestStatus": answer.state.value,
    }


def _download_campaigns(context: Context, body: DownloadRequest) -> dict[str, Any]:
    if not body.account_ids:
        raise ServiceFault(3306)
    if len(body.account_ids) > 1:
        raise ServiceFault(3201)
    _check_account(context, body.account_ids[0])
    if not body.format_version:
        raise ServiceFault(3219)
    if body.format_version != _FORMAT_VERSION:
        raise ServiceFault(3217)
    if not body.download_entities:
        raise ServiceFault(3210)
    if set(body.download_entities) != {_DOWNLOADABLE}:
        raise ServiceFault(3211, f"The simulator has {_DOWNLOADABLE} only.")
    since = _sync_time(body)
    options = DownloadOptions(since, body.download_file_type == "Tsv", body.compression_type == "GZip")
    return {"DownloadRequestId": context.service.downloads.request(context.caller, options).request_id}


def _get_bulk_download_status(context: Context, body: DownloadStatusRequest) -> dict[str, Any]:
    return _status(context, context.service.downloads.status(context.caller, body.request_id or ""))


def _check_account(context: Context, account_id: str | None) -> None:
    if account_id is None:
        raise ServiceFault(1030)
    if account_id != context.caller.account_id:
        raise ServiceFault(106, "The account in the body differs from the header CustomerAccountId.")


def _mode(text: str | None) -> ResponseMode:
    return ResponseMode(text or ResponseMode.ERRORS_ONLY)


def _sync_time(body: DownloadRequest) -> float | None:
    """The sync time in seconds since the epoch; a time without zone is UTC, as the field's name says."""
    # SOAP separates flags by spaces, the REST SDK by commas.
    scopes = set((body.data_scope or _ENTITY_DATA).replace(",", " ").split())
    if not scopes <= _SCOPES:
        raise ServiceFault(3228)
    if body.last_sync_time is None:
        return None
    if scopes != {_ENTITY_DATA}:
        raise ServiceFault(3213)
    try:
        time = datetime.fromisoformat(body.last_sync_time)
    except ValueError as error:
        raise ServiceFault(201, "LastSyncTimeInUTC: not a dateTime") from error
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _status(context: Context, status: Status) -> dict[str, Any]:
    token = status.result_token
    return {
        "Errors": _errors(status.error),
        "ForwardCompatibilityMap": None,
        "PercentComplete": status.percent,
        "RequestStatus": status.state.value,
        "ResultFileUrl": None if token is None else f"{context.base_url}/Results/{token}",
    }


def _errors(error: UploadError | None) -> list[dict[str, Any]] | None:
    if error is None:
        return None
    entry = code(error.number)
    return [
        {
            "Code": entry.number,
            "Details": error.details,
            "ErrorCode": entry.name,
            "Message": entry.message,
        }
    ]


BULK: Final[tuple[Operation[Any], ...]] = (
    Operation(
        "GetBulkUploadUrl", "POST", "/Bulk/v13/BulkUploadUrl/Query", UploadUrlRequest, _get_bulk_upload_url
    ),
    Operation(
        "GetBulkUploadStatus",
        "POST",
        "/Bulk/v13/BulkUploadStatus/Query",
        UploadStatusRequest,
        _get_bulk_upload_status,
    ),
    Operation(
        "UploadEntityRecords",
        "POST",
        "/Bulk/v13/EntityRecords/Upload",
        EntityRecordsRequest,
        _upload_entity_records,
    ),
    Operation(
        "DownloadCampaignsByAccountIds",
        "POST",
        "/Bulk/v13/Campaigns/DownloadByAccountIds",
        DownloadRequest,
        _download_campaigns,
    ),
    Operation(
        "GetBulkDownloadStatus",
        "POST",
        "/Bulk/v13/BulkDownloadStatus/Query",
        DownloadStatusRequest,
        _get_bulk_download_status,
    ),
)
