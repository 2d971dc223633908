"""Fault answers in the formats of the endpoints, and error codes for the request log."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from microsoft_advertising_simulator.codes import ServiceFault, code

__all__ = ["note_codes", "oauth_fault", "rest_fault", "upload_fault"]

CODES_KEY = "simulator.codes"
_NOT_CREDENTIALS = frozenset({0, 100, 117, 201, 204})


def note_codes(request: Request, numbers: Sequence[int]) -> None:
    """Store error codes for the request log."""
    request.scope.setdefault(CODES_KEY, []).extend(numbers)


def rest_fault(fault: ServiceFault, tracking_id: str) -> Response:
    """A fault of a REST call.

    ``AdApiFaultDetail`` has ``Errors`` with ``Detail``; ``ApiFaultDetail`` has ``OperationErrors`` with
    ``Details`` (documented).
    """
    body: dict[str, Any] = {"TrackingId": tracking_id}
    if fault.is_ad_api_fault:
        body |= {"Type": "AdApiFaultDetail", "Errors": [_error(n, fault, "Detail") for n in fault.numbers]}
    else:
        errors = [_error(n, fault, "Details") for n in fault.numbers]
        body |= {"Type": "ApiFaultDetail", "BatchErrors": [], "OperationErrors": errors}
    return JSONResponse(body, fault.http_status, headers={"TrackingId": tracking_id})


def upload_fault(fault: ServiceFault, request_id: str | None, *, http_status: int | None = None) -> Response:
    """A refused file upload: one flat JSON object (documented); 401 for credentials, otherwise usually 400."""
    number = fault.numbers[0]
    body = {
        "TrackingId": str(uuid.uuid4()),
        "RequestId": request_id,
        "Code": number,
        "ErrorCode": code(number).name,
        "Message": fault.details or code(number).message,
    }
    is_about_credentials = fault.is_ad_api_fault and number not in _NOT_CREDENTIALS
    usual = 401 if is_about_credentials else fault.http_status
    return JSONResponse(body, http_status or usual)


def oauth_fault(error: str, description: str, *, number: int, http_status: int, timestamp: str) -> Response:
    """A refused token request."""
    trace = str(uuid.uuid4())
    body = {
        "error": error,
        "error_description": f"AADSTS{number}: {description}",
        "error_codes": [number],
        "timestamp": timestamp,
        "trace_id": trace,
        "correlation_id": str(uuid.uuid4()),
    }
    return JSONResponse(body, http_status)


def _error(number: int, fault: ServiceFault, details: str) -> dict[str, Any]:
    entry = code(number)
    return {
        "Code": number,
        details: fault.details,
        "ErrorCode": entry.name,
        "Message": entry.message,
    }
