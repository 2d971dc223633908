"""The answers of the pages: with what they allow a browser to load, to run and to keep."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from typing import TYPE_CHECKING, Final

from fastapi import Request, Response, status
from fastapi.responses import HTMLResponse, RedirectResponse

from customer_match.redaction import without_addresses

if TYPE_CHECKING:
    from airflow_microsoft_advertising.web.templates import Frame

__all__ = ["add_headers", "message", "see", "with_script"]

_SCRIPT_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
"""For pages with buttons: their own script may run, and talk to Airflow only."""

_HEADERS: Final = {
    # Reports have styles within, and nothing else that a browser would load or run.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
}
_MESSAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>:root {{ color-scheme: light dark; }} body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto;
max-width: 40rem; padding: 0 1rem; overflow-wrap: anywhere; }}</style></head>
<body><h1>{title}</h1><p>{text}</p></body></html>
"""


def with_script(page: str, frame: Frame, code: int = status.HTTP_200_OK) -> Response:
    """Answer with a page that has a script of its own."""
    return HTMLResponse(page, code, {"Content-Security-Policy": _SCRIPT_POLICY.format(nonce=frame.nonce)})


def message(title: str, text: str, code: int) -> Response:
    """Answer with a page that only says something, in English."""
    return HTMLResponse(_MESSAGE.format(title=escape(title), text=escape(without_addresses(text))), code)


def see(path: str) -> Response:
    """After a form was sent, lead the browser to a page, so that reloading it does not send the form again.

    Args:
        path: The page's path, `API_ROOT_PATH` included; never what a request named.
    """
    return RedirectResponse(path, status.HTTP_303_SEE_OTHER)


async def add_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Add the headers that an answer does not have yet."""
    response = await call_next(request)
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response
