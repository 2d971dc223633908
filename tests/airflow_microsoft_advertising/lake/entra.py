"""The parts of Microsoft Entra that a sign-in uses: tokens of an application, a workload and a machine.

Answers like the real ones (documented: OAuth 2.0 client credentials flow; managed identities in App Service and on
virtual machines). `az` is what the Azure CLI prints of itself (documented: az account get-access-token).
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt

TENANT = "3c2d6a4f-0000-4000-8000-000000000001"
APPLICATION = "app"
APPLICATION_SECRET = "app-s3cret"
ASSERTION = "federated-assertion"
MACHINE = "machine"
MACHINE_HEADER = "machine-s3cret"
APP_SERVICE = "/msi/token"
VIRTUAL_MACHINE = "/metadata/identity/oauth2/token"
STORAGE = "https://storage.azure.com"


@contextmanager
def running(certificate: Path, key: Path) -> Iterator[str]:
    """Run it on a free port of this machine; yields its address, `127.0.0.1:port`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def write_az(folder: Path, *, signed_in: bool) -> None:
    """Write a program `az` into a folder: an Azure CLI whose user is signed in, or is not.

    It prints a token for storage and nothing else; asked in any other way than azure-identity does, it fails.
    """
    token = {
        "accessToken": _token(),
        "expiresOn": "2026-01-31 12:00:00.000000",
        "expires_on": int(time.time()) + 3600,
        "subscription": "3c2d6a4f-0000-4000-8000-000000000002",
        "tenant": TENANT,
        "tokenType": "Bearer",
    }
    folder.mkdir()
    (folder / "token.json").write_text(json.dumps(token))
    asked = f"account get-access-token --output json --resource {STORAGE}"
    answer = (
        f"cat '{folder}/token.json'"
        if signed_in
        else "echo \"Please run 'az login' to setup account.\" >&2; exit 1"
    )
    program = folder / "az"
    program.write_text(f'#!/bin/sh\n[ "$*" = "{asked}" ] || exit 2\n{answer}\n')
    program.chmod(0o755)


def _token() -> str:
    now = int(time.time())
    claims = {"aud": STORAGE, "iss": f"https://sts.windows.net/{TENANT}/", "iat": now, "nbf": now - 60}
    return jwt.encode({**claims, "exp": now + 3600}, "0123456789abcdef0123456789abcdef")


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        right = (
            self.path == f"/{TENANT}/oauth2/v2.0/token"
            and form.get("client_id") == APPLICATION
            and form.get("scope") == f"{STORAGE}/.default"
            and (form.get("client_secret") == APPLICATION_SECRET or form.get("client_assertion") == ASSERTION)
        )
        if right:
            self._answer(200, {"token_type": "Bearer", "expires_in": 3599, "access_token": _token()})
        else:
            self._answer(
                401, {"error": "invalid_client", "error_description": "AADSTS7000215: no such secret."}
            )

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        query = dict(parse_qsl(asked.query))
        header = {APP_SERVICE: ("X-IDENTITY-HEADER", MACHINE_HEADER), VIRTUAL_MACHINE: ("Metadata", "true")}
        name, value = header.get(asked.path, ("", ""))
        right = (
            query.get("resource") == STORAGE
            and query.get("client_id") in (MACHINE, None)  # none: the machine's own identity
            and self.headers.get(name) == value
        )
        expires = str(int(time.time()) + 3600)
        token = {"access_token": _token(), "expires_on": expires, "resource": STORAGE, "token_type": "Bearer"}
        self._answer(200, token) if right else self._answer(400, {"error": "invalid_request"})

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        """Log nothing."""
