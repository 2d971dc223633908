"""The SOAP endpoints: one route per service. The operations do the work, as for REST."""

from __future__ import annotations

import uuid
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from microsoft_advertising_simulator.codes import ServiceFault
from microsoft_advertising_simulator.endpoints.answers import note_codes
from microsoft_advertising_simulator.endpoints.soap.contract import SERVICES, ServiceContract
from microsoft_advertising_simulator.endpoints.soap.reader import (
    MAX_BYTES,
    MessageError,
    SoapMessage,
    read_message,
    read_record,
)
from microsoft_advertising_simulator.endpoints.soap.writer import write_answer, write_fault, write_refusal
from microsoft_advertising_simulator.operations import OPERATIONS
from microsoft_advertising_simulator.operations.base import Credentials, Operation, perform
from microsoft_advertising_simulator.service import Service

__all__ = ["SoapRoute", "soap_routes"]

_OPERATIONS: Final = {operation.name: operation for operation in OPERATIONS}
_MEDIA_TYPE: Final = "text/xml"


class SoapRoute(Route):
    """The route of one service. The call itself names the operation.

    Args:
        path: URL path.
        contract: Contract of the service.
        service: The simulated service.
    """

    def __init__(self, path: str, contract: ServiceContract, service: Service) -> None:
        super().__init__(path, self._answer, methods=["POST"], name=contract.name)
        self._contract = contract
        self._service = service

    def operation(self, action: str | None, body: bytes) -> str:
        """Name of the operation from the header SOAPAction, else from the body; otherwise the service's name."""
        name = _unquote(action)
        if not name:
            try:
                name = _local_name(read_message(body)).removesuffix("Request")
            except MessageError:
                name = ""
        return name if name in self._contract.messages else self._contract.name

    def fault(self, fault: ServiceFault, status: int | None = None) -> Response:
        """The answer to a refused call.

        Args:
            fault: Reason of the refusal.
            status: HTTP status, if not the default.
        """
        content = write_fault(self._contract, fault, str(uuid.uuid4()))
        return _response(content, status or self._service.settings().soap_fault_status)

    async def _answer(self, request: Request) -> Response:
        try:
            raw = await _bounded_body(request)
            content = await run_in_threadpool(self._call, request, raw)
        except ServiceFault as fault:
            note_codes(request, fault.numbers)
            return self.fault(fault)
        except MessageError as error:
            refusal = write_refusal(self._contract, error, str(uuid.uuid4()))
            return _response(refusal, error.status or self._service.settings().soap_fault_status)
        return _response(content, 200)

    def _call(self, request: Request, raw: bytes) -> bytes:
        media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if media_type != _MEDIA_TYPE:
            raise MessageError("Client", f"SOAP 1.1 requires the media type {_MEDIA_TYPE}.", status=415)
        message = read_message(raw)
        operation = self._dispatch(request.headers.get("SOAPAction"), message)
        if message.name != f"{{{self._contract.namespace}}}{operation.name}Request":
            raise ServiceFault(201, f"The body is not a {operation.name}Request in this service's namespace.")
        request_record = self._contract.messages[operation.name].request
        content = read_record(message.body, request_record, f"{operation.name}Request")
        base_url = str(request.base_url).rstrip("/")
        answer = perform(self._service, operation, self._credentials(message), content, base_url)
        note_codes(request, [error["Code"] for error in answer.get("PartialErrors") or ()])
        return write_answer(self._contract, operation.name, answer, str(uuid.uuid4()))

    def _dispatch(self, action: str | None, message: SoapMessage) -> Operation[Any]:
        name = _unquote(action) or _local_name(message).removesuffix("Request")
        operation = _OPERATIONS.get(name) if name in self._contract.messages else None
        if operation is None:
            raise MessageError(
                "ActionNotSupported", f"The simulator's {self._contract.name} has no such operation."
            )
        return operation

    def _credentials(self, message: SoapMessage) -> Credentials:
        def header(name: str) -> str | None:
            return message.headers.get(f"{{{self._contract.namespace}}}{name}")

        in_account = self._contract.in_account
        return Credentials(
            token=header("AuthenticationToken"),
            developer_token=header("DeveloperToken"),
            customer_id=_none_as_missing(header("CustomerId")) if in_account else None,
            account_id=_none_as_missing(header("CustomerAccountId")) if in_account else None,
        )


def soap_routes(service: Service) -> list[SoapRoute]:
    """One route per service and notation of its version, as the service ignores case."""
    return [
        SoapRoute(contract.path.format(version=version), contract, service)
        for contract in SERVICES
        for version in ("v13", "V13")
    ]


def _response(content: bytes, status: int) -> Response:
    return Response(content, status, media_type=_MEDIA_TYPE)


def _none_as_missing(text: str | None) -> str | None:
    """The official SDK writes the text None for an id that was not set (observed)."""
    return None if text == "None" else text


def _unquote(action: str | None) -> str:
    return (action or "").strip().strip('"')


def _local_name(message: SoapMessage) -> str:
    return message.name.rpartition("}")[2]


async def _bounded_body(request: Request) -> bytes:
    """The body. One that is too large is truncated, but read to its end so that the client can read the answer."""
    body = bytearray()
    async for chunk in request.stream():
        if len(body) <= MAX_BYTES:
            body += chunk
    return bytes(body)
