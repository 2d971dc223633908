"""The SOAP face: one route per service; the work is done by the operations, as for REST."""

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
    """The route of one service. Which operation a call is for, only the call itself tells.

    Args:
        path: URL path.
        contract: The service.
        service: What it acts on.
    """

    def __init__(self, path: str, contract: ServiceContract, service: Service) -> None:
        super().__init__(path, self._answer, methods=["POST"], name=contract.name)
        self._contract = contract
        self._service = service

    def operation(self, action: str | None, body: bytes) -> str:
        """Name of the operation by the header SOAPAction, else by the body; the service's if neither tells."""
        named = _unquote(action)
        if not named:
            try:
                named = _local_name(read_message(body)).removesuffix("Request")
            except MessageError:
                named = ""
        return named if named in self._contract.messages else self._contract.name

    def fault(self, fault: ServiceFault, status: int | None = None) -> Response:
        """A call that the service refuses.

        Args:
            fault: Why.
            status: HTTP status, if not the usual one.
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
            raise MessageError("Client", f"SOAP 1.1 is sent as {_MEDIA_TYPE}.", status=415)
        message = read_message(raw)
        operation = self._dispatch(request.headers.get("SOAPAction"), message)
        if message.name != f"{{{self._contract.namespace}}}{operation.name}Request":
            raise ServiceFault(201, f"The body is no {operation.name}Request of this service's namespace.")
        request_record = self._contract.messages[operation.name].request
        content = read_record(message.body, request_record, f"{operation.name}Request")
        base_url = str(request.base_url).rstrip("/")
        answer = perform(self._service, operation, self._credentials(message), content, base_url)
        note_codes(request, [error["Code"] for error in answer.get("PartialErrors") or ()])
        return write_answer(self._contract, operation.name, answer, str(uuid.uuid4()))

    def _dispatch(self, action: str | None, message: SoapMessage) -> Operation[Any]:
        named = _unquote(action) or _local_name(message).removesuffix("Request")
        operation = _OPERATIONS.get(named) if named in self._contract.messages else None
        if operation is None:
            raise MessageError("ActionNotSupported", f"{self._contract.name} has no such operation here.")
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
    """One route per service and way to write its version (the service does not mind the case)."""
    return [
        SoapRoute(contract.path.format(version=version), contract, service)
        for contract in SERVICES
        for version in ("v13", "V13")
    ]


def _response(content: bytes, status: int) -> Response:
    return Response(content, status, media_type=_MEDIA_TYPE)


def _none_as_missing(text: str | None) -> str | None:
    """Observed: the official SDK writes the text None for an id that was not set."""
    return None if text == "None" else text


def _unquote(action: str | None) -> str:
    return (action or "").strip().strip('"')


def _local_name(message: SoapMessage) -> str:
    return message.name.rpartition("}")[2]


async def _bounded_body(request: Request) -> bytes:
    """The body; of one that is too large just enough to see that, but read to its end for the client's sake."""
    body = bytearray()
    async for chunk in request.stream():
        if len(body) <= MAX_BYTES:
            body += chunk
    return bytes(body)
