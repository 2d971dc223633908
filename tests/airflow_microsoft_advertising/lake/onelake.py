"""The Blob API of OneLake, in front of an emulator of Azure storage: what its documentation says is different.

The host is one of OneLake, the container is a workspace with any name, and only tokens of Microsoft Entra are accepted.
What the real service does beyond that is not known here: nothing was run against it.
"""

from __future__ import annotations

import http.client
import re
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from customer_match_demo.azurite import AzuriteEndpoint, Tls

WORKSPACE, ITEM = "Sales EU", "Crm.Lakehouse"
WORKSPACE_ID, ITEM_ID = "3c2d6a4f-0000-4000-8000-00000000000a", "3c2d6a4f-0000-4000-8000-00000000000b"
PRIVATE = "Board"
"""A workspace in which nobody has a role."""

_HOST = re.compile(r"(?:[a-z0-9]+-)?onelake\.blob\.fabric\.microsoft\.com")
_CONTAINER = {WORKSPACE: "onelake", WORKSPACE_ID: "onelake"}


@contextmanager
def running(endpoint: AzuriteEndpoint, tls: Tls) -> Iterator[int]:
    """Run it on a free port of this machine; yields the port.

    Args:
        endpoint: The emulator; its container `onelake` is the workspace.
        tls: The certificate of both.
    """
    handler = type("Handler", (_Handler,), {"emulator": endpoint.blob_url, "trusted": str(tls.certificate)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate, tls.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    emulator: ClassVar[str]
    trusted: ClassVar[str]

    def do_GET(self) -> None:
        _, workspace, *rest = self.path.partition("?")[0].split("/")
        if not _HOST.fullmatch(self.headers["Host"]):
            self._refuse(400, "InvalidUri")
        elif not self.headers.get("Authorization", "").startswith("Bearer "):
            self._refuse(401, "NoAuthenticationInformation")
        elif unquote(workspace) == PRIVATE:
            self._refuse(403, "Forbidden")
        elif unquote(workspace) not in _CONTAINER:
            self._refuse(404, "WorkspaceNotFound")
        else:
            self._pass_on("/".join([_CONTAINER[unquote(workspace)], *rest]))

    do_HEAD = do_GET  # noqa: N815 (the base class's name)

    def _pass_on(self, path: str) -> None:
        emulator, query = urlsplit(self.emulator), self.path.partition("?")[2]
        context = ssl.create_default_context(cafile=self.trusted)
        connection = http.client.HTTPSConnection(emulator.netloc, context=context)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        connection.request(self.command, f"{emulator.path}/{path}?{query}", headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        kept = {name.title(): value for name, value in answer.headers.items()}
        if kept.pop("Transfer-Encoding", None):
            kept["Content-Length"] = str(len(body))
        self._answer(answer.status, kept, body)
        connection.close()

    def _refuse(self, status: int, code: str) -> None:
        self._answer(status, {"x-ms-error-code": code, "Content-Length": "0"}, b"")

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Log nothing."""
