"""Storage behind a proxy: Azure's client reads the environment, as the client of the service does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from airflow_microsoft_advertising.lake.filesystem import filesystem
from tests.conftest import LakeContainer

pytestmark = [pytest.mark.azurite, pytest.mark.slow]


class Proxy(ThreadingHTTPServer):
    """A forward proxy for plain http, which records what it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Proxy

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "proxy-connection"}
        with httpx.Client(trust_env=False) as client:
            found = client.request(self.command, self.path, headers=headers)
        self.send_response(found.status_code)
        for name, value in found.headers.items():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", found.headers.get("Content-Length") or str(len(found.content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(found.content)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("exceptions", "direct"), [("", False), ("127.0.0.1", True), ("127.0.0.0/8", False)])
def test_the_lake_is_read_through_the_proxy(
    lake_container: LakeContainer,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
    exceptions: str,
    direct: bool,
) -> None:
    lake_container.filesystem.pipe_file(f"{lake_container.name}/Gold/part-0.csv", b"Email\na@example.com\n")
    connection = {"connection_string": lake_container.endpoint.connection_string}
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps({"conn_type": "wasb", "extra": connection}))
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("http_proxy", proxy.url)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, exceptions)
    storage, root = filesystem("lake", f"{lake_container.url}/Gold")
    assert [name.rpartition("/")[2] for name in storage.ls(root, detail=False)] == ["part-0.csv"]
    assert storage.cat_file(f"{root}/part-0.csv").startswith(b"Email")
    assert bool(proxy.asked) is not direct
    assert all(lake_container.name in asked for asked in proxy.asked)
