"""A browser that opens the sign-in page, presses a button and forwards the answer: `… BUTTON ADDRESS`."""

from __future__ import annotations

import html
import re
import socket
import sys

import httpx

BUTTONS = ("accept", "decline")


def form_of(page: str) -> tuple[str, dict[str, str]]:
    """Return the target of a page's form, and its fields."""
    action = re.search(r'<form method="post"(?: action="([^"]+)")?>', page)
    assert action, page
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page)
    return html.unescape(action[1] or ""), {key: html.unescape(value) for key, value in fields}


def press(button: str, address: str) -> httpx.Response:
    """Return the answer to the button: a redirect, or a page that submits itself."""
    with httpx.Client(trust_env=False, follow_redirects=False) as browser:
        page = browser.get(address)
        assert page.status_code == 200, page.text
        _, fields = form_of(page.text)
        return browser.post(address.partition("?")[0], data=fields | {"decision": button})


def disturb(target: str) -> None:
    """Send other requests that arrive at a listening port: an icon, an answer of an older tab, a partial request."""
    assert httpx.get(f"{target.rstrip('/')}/favicon.ico", trust_env=False).status_code == 404
    older = httpx.post(target, data={"code": "x", "state": "of an older tab"}, trust_env=False)
    assert older.status_code == 400
    url = httpx.URL(target)
    with socket.create_connection((url.host, url.port or 80)) as half:
        half.sendall(b"POST / HT")


def main(button: str, address: str) -> None:
    """Press nothing if the button is unknown."""
    if button not in BUTTONS:
        return
    target, fields = form_of(press(button, address).text)
    disturb(target.replace("localhost", "127.0.0.1"))
    httpx.post(target.replace("localhost", "127.0.0.1"), data=fields, trust_env=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
