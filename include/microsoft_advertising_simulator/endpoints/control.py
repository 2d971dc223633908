"""Endpoints to inspect and control the simulator (`/simulator/…`, `/`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from microsoft_advertising_simulator.clock import iso
from microsoft_advertising_simulator.codes import ServiceFault
from microsoft_advertising_simulator.control.injection import FaultRule
from microsoft_advertising_simulator.endpoints.overview import overview
from microsoft_advertising_simulator.model import Audience, Upload
from microsoft_advertising_simulator.service import Service

__all__ = ["control_routes"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClockChange(_Strict):
    """POST /simulator/clock: move the clock, and set the duration of queueing and processing."""

    advance_seconds: float = Field(default=0.0, ge=0)
    queue_seconds: float | None = Field(default=None, ge=0)
    processing_seconds: float | None = Field(default=None, ge=0)


class TokenChange(_Strict):
    """POST /simulator/tokens."""

    expire_access: bool = False
    revoke_refresh: bool = False
    strict_rotation: bool | None = None
    issue_refresh: bool = False


class SettingsChange(RootModel[dict[str, Any]]):
    """POST /simulator/settings: names and new values."""


class AudienceChange(_Strict):
    """POST /simulator/audiences/{id}."""

    associated: bool | None = None
    name: str | None = None
    deleted: bool = False
    emptied: bool = False


ModelT = TypeVar("ModelT", bound=BaseModel)
Handler = Callable[[Request], Awaitable[Response]]


class Control:
    """The handlers.

    Args:
        service: The simulated service.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def audiences(self, _: Request) -> Response:
        """All lists, including deleted ones."""
        found = await run_in_threadpool(self._service.storage.audiences)
        return JSONResponse([_audience(audience) for audience in found])

    async def change_audience(self, request: Request) -> Response:
        """Change a list as in the web interface: use it in an ad group, rename, empty or delete it."""
        change = _parse(AudienceChange, await request.body())
        change_one = partial(self._service.audiences.change_manually, **change.model_dump())
        try:
            audience = await run_in_threadpool(change_one, request.path_params["audience_id"])
        except ServiceFault as fault:
            return JSONResponse({"errors": [{"where": "name", "what": str(fault.numbers[0])}]}, 422)
        return _not_found() if audience is None else JSONResponse(_audience(audience))

    async def members(self, request: Request) -> Response:
        """Sorted lower-case hashes, one per line."""
        lines = await run_in_threadpool(
            self._service.audiences.member_lines, request.path_params["audience_id"]
        )
        return _not_found() if lines is None else StreamingResponse(lines, media_type="text/plain")

    async def uploads(self, _: Request) -> Response:
        """All uploads, oldest first."""
        found = await run_in_threadpool(self._service.storage.uploads)
        return JSONResponse([_upload(upload) for upload in found])

    async def requests(self, request: Request) -> Response:
        """The request log; DELETE clears it."""
        if request.method == "DELETE":
            self._service.log.clear()
        return JSONResponse(self._service.log.as_json())

    async def faults(self, request: Request) -> Response:
        """Fault rules: GET lists, POST adds one, DELETE removes all."""
        rules = self._service.faults
        if request.method == "POST":
            rules.add(_parse(FaultRule, await request.body()))
        elif request.method == "DELETE":
            self._service.clear_faults()
        return JSONResponse([rule.model_dump(mode="json") for rule in rules.listed()])

    async def clock(self, request: Request) -> Response:
        """The simulated time; POST moves the clock."""
        if request.method == "POST":
            change = _parse(ClockChange, await request.body())
            speeds = change.model_dump(exclude={"advance_seconds"}, exclude_none=True)
            if speeds:
                await run_in_threadpool(self._service.change_settings, speeds)
            await run_in_threadpool(self._service.advance_clock, change.advance_seconds)
        clock = self._service.clock
        return JSONResponse({"now": iso(clock.now()), "ahead_seconds": clock.offset})

    async def tokens(self, request: Request) -> Response:
        """Expire access tokens, revoke refresh tokens, set strict rotation, issue a new refresh token."""
        change = _parse(TokenChange, await request.body())
        identity = self._service.identity
        if change.expire_access:
            await run_in_threadpool(identity.expire_access_tokens)
        if change.revoke_refresh:
            await run_in_threadpool(identity.revoke_refresh_tokens)
        if change.strict_rotation is not None:
            await run_in_threadpool(
                self._service.change_settings, {"strict_rotation": change.strict_rotation}
            )
        answer = change.model_dump()
        if change.issue_refresh:
            answer["refresh_token"] = await run_in_threadpool(identity.refresh_token)
        return JSONResponse(answer)

    async def settings(self, request: Request) -> Response:
        """All settings; POST changes the given ones."""
        if request.method == "POST":
            changes = _parse(SettingsChange, await request.body())
            await run_in_threadpool(self._service.change_settings, changes.root)
        return JSONResponse(self._service.settings().model_dump())

    async def page(self, _: Request) -> Response:
        """The overview page."""
        return HTMLResponse(await run_in_threadpool(overview, self._service))


def control_routes(service: Service) -> list[Route]:
    """The simulator's own routes, which Microsoft Advertising does not have."""
    control = Control(service)
    routes: tuple[tuple[str, Handler, list[str]], ...] = (
        ("/", control.page, ["GET"]),
        ("/simulator/audiences", control.audiences, ["GET"]),
        ("/simulator/audiences/{audience_id:int}", control.change_audience, ["POST"]),
        ("/simulator/audiences/{audience_id:int}/members", control.members, ["GET"]),
        ("/simulator/uploads", control.uploads, ["GET"]),
        ("/simulator/requests", control.requests, ["GET", "DELETE"]),
        ("/simulator/faults", control.faults, ["GET", "POST", "DELETE"]),
        ("/simulator/clock", control.clock, ["GET", "POST"]),
        ("/simulator/tokens", control.tokens, ["POST"]),
        ("/simulator/settings", control.settings, ["GET", "POST"]),
    )
    return [Route(path, _explain_faults(handler), methods=methods) for path, handler, methods in routes]


def _explain_faults(handler: Handler) -> Handler:
    async def endpoint(request: Request) -> Response:
        try:
            return await handler(request)
        except ValidationError as error:
            faults = [
                {"where": ".".join(map(str, fault["loc"])), "what": fault["msg"]} for fault in error.errors()
            ]
            return JSONResponse({"errors": faults}, 422)

    return endpoint


def _parse(model: type[ModelT], raw: bytes) -> ModelT:
    return model.model_validate_json(raw or b"{}")


def _not_found() -> Response:
    return JSONResponse({"errors": [{"where": "id", "what": "no such audience"}]}, 404)


def _audience(audience: Audience) -> dict[str, Any]:
    return {
        "id": str(audience.id),
        "name": audience.name,
        "description": audience.description,
        "scope": audience.scope.value,
        "parent_id": audience.parent_id,
        "membership_duration": audience.membership_duration,
        "members": audience.members,
        "deleted": audience.deleted,
        "associated": audience.associated,
        "created": iso(audience.created_at),
        "modified": iso(audience.modified_at),
    }


def _upload(upload: Upload) -> dict[str, Any]:
    return {
        "request_id": upload.request_id,
        "state": upload.state.value,
        "response_mode": upload.response_mode.value,
        "rows": upload.rows,
        "failed_rows": upload.failed_rows,
        "error": None if upload.error is None else upload.error.number,
        "created": iso(upload.created_at),
        "accepted": None if upload.accepted_at is None else iso(upload.accepted_at),
        "finished": None if upload.finished_at is None else iso(upload.finished_at),
    }
