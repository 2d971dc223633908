"""The file endpoints: upload of a file, download of results."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import IO, Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from microsoft_advertising_simulator.codes import ServiceFault
from microsoft_advertising_simulator.endpoints.answers import note_codes, upload_fault
from microsoft_advertising_simulator.model import Caller
from microsoft_advertising_simulator.service import Service
from microsoft_advertising_simulator.uploads.result_links import ResultGoneError

__all__ = ["file_routes"]

_FORM_OVERHEAD: Final = 10_000
"""Maximum bytes that a multipart form adds to the file."""
_UPLOAD_PATH: Final = "/Api/Advertiser/CampaignManagement/FileUpload/File/UploadBulkFile/{url_id}"


def file_routes(service: Service) -> list[Route]:
    """The upload route and the result route."""

    async def upload(request: Request) -> Response:
        try:
            return await _upload(service, request)
        except ServiceFault as fault:
            note_codes(request, fault.numbers)
            known = service.storage.upload_by_url(request.path_params["url_id"])
            return upload_fault(fault, known.request_id if known else None)

    async def result(request: Request) -> Response:
        try:
            path = await run_in_threadpool(service.results.open, request.path_params["token"])
        except ResultGoneError as gone:
            return _gone(expired=gone.expired)
        kind = "application/gzip" if path.suffix == ".gz" else "application/zip"
        return FileResponse(path, media_type=kind, filename=path.name)

    return [
        Route(_UPLOAD_PATH, upload, methods=["POST"], name="UploadFile"),
        Route("/Results/{token}", result, methods=["GET"], name="DownloadResult"),
    ]


async def _upload(service: Service, request: Request) -> Response:
    url_id = request.path_params["url_id"]
    caller = await run_in_threadpool(_authenticate, service, request)
    pending = await run_in_threadpool(service.uploads.check_url, url_id)
    if pending.account_id != caller.account_id:
        raise ServiceFault(106)
    await run_in_threadpool(service.uploads.admit_post, caller)
    form_file = await _receive(request, limit=service.settings().max_file_bytes)
    received = service.uploads.files / f"{uuid.uuid4()}.received"
    try:
        await run_in_threadpool(_store, form_file.file, received)
        name = form_file.filename or ""
        accepted = await run_in_threadpool(service.uploads.accept, url_id, received, name)
    finally:
        await form_file.close()
        received.unlink(missing_ok=True)
    return JSONResponse({"TrackingId": str(uuid.uuid4()), "RequestId": accepted.request_id})


def _authenticate(service: Service, request: Request) -> Caller:
    """Accept AuthenticationToken (documented) and Bearer (observed: the REST SDK sends it)."""
    headers = request.headers
    scheme, _, bearer = headers.get("Authorization", "").partition(" ")
    account_id = headers.get("AccountId") or headers.get("CustomerAccountId")
    if headers.get("CustomerId") is None or account_id is None:
        raise ServiceFault(116, "CustomerId and AccountId are required.")
    return service.identity.authenticate(
        token=headers.get("AuthenticationToken") or (bearer if scheme.lower() == "bearer" else None),
        developer_token=headers.get("DeveloperToken"),
        customer_id=headers.get("CustomerId"),
        account_id=account_id,
        settings=service.settings(),
    )


async def _receive(request: Request, *, limit: int) -> UploadFile:
    """The only file of the form, buffered on disk.

    Raises:
        ServiceFault: 3221 no file or no form, 3222 several files; HTTP 413 when the file is too large.
    """
    if not request.headers.get("Content-Type", "").lower().startswith("multipart/form-data"):
        raise ServiceFault(3221, "The body must be multipart/form-data.")
    try:
        form = await MultiPartParser(request.headers, _limited(request, limit), max_files=20).parse()
    except (MultiPartException, KeyError) as error:
        raise ServiceFault(3221, "The multipart form is malformed.") from error
    files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
    if len(files) != 1:
        await form.close()
        raise ServiceFault(3222 if files else 3221)
    if (files[0].size or 0) > limit:
        await form.close()
        raise _too_large(limit)
    return files[0]


async def _limited(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    """The body, up to the limit; more is not received."""
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > limit + _FORM_OVERHEAD:
            raise _too_large(limit)
        yield chunk


def _too_large(limit: int) -> ServiceFault:
    return ServiceFault(3223, f"The file is larger than {limit} bytes.", http_status=413)


def _store(source: IO[bytes], target: Path) -> None:
    """Copy the file to disk durably, before the upload is acknowledged."""
    with target.open("wb") as stream:
        shutil.copyfileobj(source, stream, 1 << 20)
        stream.flush()
        os.fsync(stream.fileno())


def _gone(*, expired: bool) -> Response:
    """Answer like Azure storage: 403 for an expired signature, 404 for a missing file."""
    code, status = ("AuthenticationFailed", 403) if expired else ("BlobNotFound", 404)
    body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code></Error>'
    return Response(body, status, media_type="application/xml")
