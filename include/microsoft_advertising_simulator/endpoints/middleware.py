"""Middleware for the request log and injected faults. Pure ASGI, so that it can close connections."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from microsoft_advertising_simulator.clock import iso
from microsoft_advertising_simulator.codes import ServiceFault
from microsoft_advertising_simulator.control.injection import FaultKind, FaultRule
from microsoft_advertising_simulator.control.request_log import LoggedCall
from microsoft_advertising_simulator.endpoints.answers import CODES_KEY, oauth_fault, rest_fault, upload_fault
from microsoft_advertising_simulator.endpoints.soap.reader import MAX_BYTES
from microsoft_advertising_simulator.endpoints.soap.routes import SoapRoute
from microsoft_advertising_simulator.service import Service
from microsoft_advertising_simulator.settings import Settings

__all__ = ["CallMiddleware"]

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Any]
Send: TypeAlias = Callable[[Message], Any]
App: TypeAlias = Callable[[Scope, Receive, Send], Any]


_INVALID_GRANT = 70000  # AADSTS number if a rule gives no code
_POLL_SECONDS = 0.02  # interval of the check whether the rules were removed


class _CutError(Exception):
    """Close the connection now."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A call, and the fault rule that applies to it."""

    route: Route
    operation: str
    rule: FaultRule | None


class CallMiddleware:
    """Logs calls to the service's routes and applies fault rules to them.

    The simulator's own paths (`/simulator/…` and the page) are neither logged nor affected by rules.

    Args:
        app: The wrapped application.
        service: Owner of the log and the rules.
        routes: The service's routes; a route's name is its operation (a SOAP call gives its own).
    """

    def __init__(self, app: App, service: Service, routes: Iterable[Route]) -> None:
        self._app = app
        self._service = service
        self._routes = tuple(routes)
        self._late_calls: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        route = self._route(scope) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        operation, receive = await _find_operation(route, scope, receive)
        call = _Call(route, operation, self._service.faults.take(operation))
        status = 0
        started = time.monotonic()

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._act(call, scope, receive, note_status)
        except _CutError:
            status = 0
            await _cut(send, receive)
        finally:
            self._service.log.add(
                LoggedCall(
                    time=iso(self._service.clock.now()),
                    method=scope["method"],
                    path=route.path,
                    operation=operation,
                    status=status,
                    codes=tuple(scope.get(CODES_KEY, ())),
                    seconds=round(time.monotonic() - started, 4),
                    fault=None if call.rule is None else call.rule.kind.value,
                )
            )

    def _route(self, scope: Scope) -> Route | None:
        for route in self._routes:
            if route.matches(scope)[0] is Match.FULL:
                return route
        return None

    async def _act(self, call: _Call, scope: Scope, receive: Receive, send: Send) -> None:
        rule = call.rule
        match rule.kind if rule else None:
            case FaultKind.DROP:
                raise _CutError
            case FaultKind.HANG:
                await _wait(receive, rule.seconds if rule else 0)
                raise _CutError
            case FaultKind.DROP_AFTER_ACCEPT:
                await self._app(scope, receive, _discard)
                raise _CutError
            case FaultKind.LATE:
                replay = _replay(await _read_messages(receive), receive)
                await self._act_late(call, scope, replay, send)
            case FaultKind.TRUNCATE:
                await self._app(scope, receive, _truncate(send, rule.bytes if rule else 0))
            case FaultKind.SHORTEN:
                await self._app(scope, receive, _shorten(send, rule.bytes if rule else 0))
            case FaultKind.FAULT | FaultKind.RAW:
                await _drain(receive)
                answer = self._answer(rule, call, scope) if rule else Response()
                await answer(scope, receive, send)
            case _:
                await asyncio.sleep(rule.seconds if rule else 0)
                await self._app(scope, receive, send)

    async def _act_late(self, call: _Call, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry a call out late. If the rule has a status, that is returned at once, like by a gateway."""
        rule = call.rule
        if rule is None or rule.status is None:
            await self._delay(rule.seconds if rule else 0)
            await self._app(scope, receive, send)
            return

        async def later() -> None:
            await self._delay(rule.seconds)
            await self._app(scope, receive, _discard)

        task = asyncio.create_task(later())
        self._late_calls.add(task)
        task.add_done_callback(self._late_calls.discard)
        await self._answer(rule.model_copy(update={"kind": FaultKind.RAW}), call, scope)(scope, receive, send)

    async def _delay(self, seconds: float) -> None:
        """Wait for some seconds, or until the rules are removed."""
        faults, until = self._service.faults, time.monotonic() + seconds
        removals = faults.removals
        while time.monotonic() < until and faults.removals == removals:  # noqa: ASYNC110 (another thread's)
            await asyncio.sleep(_POLL_SECONDS)

    def _answer(self, rule: FaultRule, call: _Call, scope: Scope) -> Response:
        if rule.kind is FaultKind.RAW:
            answer = Response(rule.body, rule.status or 500, media_type=rule.content_type)
        elif call.operation in ("Token", "Authorize"):
            answer = oauth_fault(
                rule.error,
                "Injected by the simulator.",
                number=rule.code or _INVALID_GRANT,
                http_status=rule.status or 400,
                timestamp=iso(self._service.clock.now()),
            )
        else:
            scope[CODES_KEY] = [rule.code]
            answer = _fault(rule, call.route, self._service.settings())
        if rule.retry_after is not None:
            answer.headers["Retry-After"] = str(rule.retry_after)
        return answer


def _fault(rule: FaultRule, route: Route, settings: Settings) -> Response:
    fault = ServiceFault(rule.code, http_status=rule.status or settings.http_status(rule.code))
    if isinstance(route, SoapRoute):
        return route.fault(fault, rule.status)
    if route.name == "UploadFile":
        return upload_fault(fault, None, http_status=rule.status)
    return rest_fault(fault, str(uuid.uuid4()))


async def _find_operation(route: Route, scope: Scope, receive: Receive) -> tuple[str, Receive]:
    """The operation of a call, and a `receive` that returns its body (again, if it had to be read)."""
    if not isinstance(route, SoapRoute):
        return route.name, receive
    messages = await _read_messages(receive)
    body = b"".join(message.get("body", b"") for message in messages)
    return route.operation(Request(scope).headers.get("SOAPAction"), body), _replay(messages, receive)


def _replay(messages: list[Message], receive: Receive) -> Receive:
    """A `receive` that returns messages that were already read, and then the following ones."""

    async def replay() -> Message:
        message: Message = messages.pop(0) if messages else await receive()
        return message

    return replay


async def _read_messages(receive: Receive) -> list[Message]:
    """The messages of a request's body, up to a size that no operation accepts."""
    messages: list[Message] = []
    size = 0
    more = True
    while more and size <= MAX_BYTES:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)
    return messages


async def _discard(_: Message) -> None:
    return None


async def _drain(receive: Receive) -> None:
    """Read the request to its end, so that the client can read the answer."""
    while (message := await receive())["type"] == "http.request" and message.get("more_body"):
        pass


async def _wait(receive: Receive, seconds: float) -> None:
    """Wait, but only until the client disconnects."""

    async def disconnected() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(disconnected(), seconds)
    except TimeoutError:
        return


def _truncate(send: Send, limit: int) -> Send:
    left = limit

    async def truncated(message: Message) -> None:
        nonlocal left
        body = message.get("body", b"")
        if message["type"] == "http.response.body" and len(body) >= left:
            await send({**message, "body": body[:left], "more_body": True})
            await asyncio.sleep(0.05)  # let the bytes be sent before the connection is closed
            raise _CutError
        left -= len(body)
        await send(message)

    return truncated


def _shorten(send: Send, limit: int) -> Send:
    """Send only the first bytes of the body, with a matching Content-Length."""
    start: Message = {}
    body = b""

    async def shortened(message: Message) -> None:
        nonlocal start, body
        if message["type"] == "http.response.start":
            start = message
            return
        body = (body + message.get("body", b""))[:limit]
        if not message.get("more_body"):
            others = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
            await send({**start, "headers": [*others, (b"content-length", str(len(body)).encode())]})
            await send({"type": "http.response.body", "body": body})

    return shortened


async def _cut(send: Send, receive: Receive) -> None:
    """Close the socket without an answer.

    ASGI has no message for this; uvicorn's `send` is a method of the object that owns the transport.
    """
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise RuntimeError("Closing connections works with uvicorn only.")
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass  # until uvicorn has noticed; otherwise it would log a missing answer
