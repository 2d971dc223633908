"""The proxy in front of Azure storage: which requests pass, and which fail."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from tests.faults.storage_proxy import StorageFault, StorageProxy


class _Storage(BaseHTTPRequestHandler):
    """Echoes requests, and counts them."""

    received: list[bytes]

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).received.append(body)
        self.send_response(201)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def proxy() -> Iterator[StorageProxy]:
    _Storage.received = []
    storage = ThreadingHTTPServer(("127.0.0.1", 0), _Storage)
    thread = threading.Thread(target=lambda: storage.serve_forever(poll_interval=0.01), daemon=True)
    thread.start()
    with StorageProxy(storage.server_address[1]) as proxy:
        yield proxy
    storage.shutdown()
    storage.server_close()


def put(proxy: StorageProxy, path: str = "/lake/a%20b", content: bytes = b"0123456789") -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=30) as http:
        return http.put(f"http://127.0.0.1:{proxy.port}{path}", content=content)


def test_other_requests_pass(proxy: StorageProxy) -> None:
    content = bytes(range(256)) * 1000
    assert put(proxy, content=content).content == content
    assert _Storage.received == [content]
    assert [(call.method, call.target, call.fault) for call in proxy.calls] == [("PUT", "/lake/a b", None)]


def test_the_nth_request_of_a_method_and_path_fails(proxy: StorageProxy) -> None:
    proxy.faults.append(StorageFault("status", "PUT", "a b", nth=2, times=2, status=503))
    assert proxy.unused_faults()
    assert put(proxy, "/other").status_code == 201
    assert [put(proxy).status_code for _ in range(4)] == [201, 503, 503, 201]
    assert len(_Storage.received) == 3, "a refusal does nothing"
    assert not proxy.unused_faults()


@pytest.mark.parametrize(("kind", "done"), [("reset", 0), ("hang", 0), ("lost", 1), ("cut", 1)])
def test_the_client_gets_no_complete_answer(proxy: StorageProxy, kind: str, done: int) -> None:
    proxy.faults.append(StorageFault(kind, seconds=0.1))  # type: ignore[arg-type]  # from the list above
    with pytest.raises(httpx.TransportError):
        put(proxy)
    assert len(_Storage.received) == done
    assert not proxy.unused_faults()


def test_a_refused_head_request_has_no_body(proxy: StorageProxy) -> None:
    proxy.faults.append(StorageFault("status", "HEAD", status=403))
    with httpx.Client(trust_env=False, timeout=30) as http:
        answer = http.head(f"http://127.0.0.1:{proxy.port}/lake")
    assert (answer.status_code, answer.content) == (403, b"")


def test_a_permanent_fault_counts_as_used_once_it_occurred(proxy: StorageProxy) -> None:
    proxy.faults.append(StorageFault("status", times=-1, status=403))
    assert proxy.unused_faults()
    assert [put(proxy).status_code for _ in range(3)] == [403] * 3
    assert not proxy.unused_faults()
