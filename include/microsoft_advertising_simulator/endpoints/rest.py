"""The REST endpoints: paths, headers, JSON. The operations do the work."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from pydantic_core import from_json
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from microsoft_advertising_simulator.codes import ServiceFault
from microsoft_advertising_simulator.endpoints.answers import note_codes, rest_fault
from microsoft_advertising_simulator.operations import OPERATIONS
from microsoft_advertising_simulator.operations.base import Credentials, Operation, perform
from microsoft_advertising_simulator.service import Service

__all__ = ["rest_routes"]


def rest_routes(service: Service) -> list[Route]:
    """One route per operation, named after it."""
    return [
        Route(entry.path, _endpoint(service, entry), methods=[entry.method], name=entry.name)
        for entry in OPERATIONS
    ]


def _endpoint(service: Service, operation: Operation[Any]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        tracking_id = str(uuid.uuid4())
        raw = await request.body()
        try:
            answer = await run_in_threadpool(_call, service, operation, request, raw)
        except ServiceFault as fault:
            note_codes(request, fault.numbers)
            return rest_fault(fault, tracking_id)
        note_codes(request, [error["Code"] for error in answer.get("PartialErrors") or ()])
        return JSONResponse(answer, headers={"TrackingId": tracking_id})

    return endpoint


def _call(service: Service, operation: Operation[Any], request: Request, raw: bytes) -> dict[str, Any]:
    try:
        content = from_json(raw)  # stricter than json: rejects text that is not Unicode
    except ValueError:
        content = None  # refused in `perform`, after the credentials were checked
    base_url = str(request.base_url).rstrip("/")
    return perform(service, operation, _credentials(request), content, base_url)


def _credentials(request: Request) -> Credentials:
    headers = request.headers
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    return Credentials(
        token=token if scheme.lower() == "bearer" else None,
        developer_token=headers.get("DeveloperToken"),
        customer_id=headers.get("CustomerId"),
        account_id=headers.get("CustomerAccountId"),
    )
