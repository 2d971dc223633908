"""A proxy in front of Azure storage that makes selected requests fail: the n-th of a method and a path.

It serves one request per connection, so that a broken connection affects no other request.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import unquote

__all__ = ["Call", "Kind", "StorageFault", "StorageProxy"]

Kind = Literal["status", "reset", "hang", "lost", "cut"]

_ERROR: Final = (
    '<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>Injected.</Message></Error>'
)
_CODES: Final = {500: "InternalError", 503: "ServerBusy", 403: "AuthorizationFailure"}


@dataclass
class StorageFault:
    """Which requests fail, and how.

    Attributes:
        kind: `status` answers with it and does nothing; `reset` closes the connection instead of working; `hang`
            does so after some seconds; `lost` works, and closes without an answer; `cut` sends half of the answer.
        method: GET, PUT, …; empty: any.
        path: What the path and query must contain, as a regular expression; percent-encoding is undone.
        nth: The first matching request that fails (1 = the next).
        times: How many are; each try of the SDK counts. -1: all, from then on.
        status: For `status`.
        seconds: For `hang`.
    """

    kind: Kind
    method: str = ""
    path: str = ""
    nth: int = 1
    times: int = 1
    status: int = 503
    seconds: float = 10.0

    def takes(self, method: str, target: str) -> bool:
        """Count a request; return whether it fails."""
        if self.times == 0 or self.method not in {"", method} or not re.search(self.path, target):
            return False
        if self.nth > 1:
            self.nth -= 1
            return False
        self.times -= self.times > 0
        return True


@dataclass(frozen=True)
class Call:
    """One request, and its fault."""

    method: str
    target: str
    fault: Kind | None


@dataclass
class StorageProxy:
    """A proxy on a free port of 127.0.0.1; a context manager.

    Args:
        upstream: Port of the storage, on 127.0.0.1 too.
    """

    upstream: int
    faults: list[StorageFault] = field(default_factory=list, init=False)
    calls: list[Call] = field(default_factory=list, init=False)
    port: int = field(default=0, init=False)

    def __enter__(self) -> StorageProxy:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        starting = asyncio.run_coroutine_threadsafe(self._start(), self._loop)
        self.port = starting.result(timeout=30)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(timeout=30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=30)
        self._loop.close()

    def unused_faults(self) -> list[str]:
        """Return the faults that occurred less often than intended."""
        kinds = {call.fault for call in self.calls}
        left = [f for f in self.faults if f.times > 0 or (f.times < 0 and f.kind not in kinds)]
        return [f"the storage's fault {f.kind} of {f.method} {f.path} did not occur" for f in left]

    async def _start(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**20)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _stop(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                await self._answer(reader, writer)
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, target = head.split(b"\r\n", 1)[0].decode().split(" ")[:2]
        fault = self._fault(method, unquote(target))
        self.calls.append(Call(method, unquote(target), fault.kind if fault else None))
        if fault and fault.kind == "reset":
            writer.transport.abort()
            return
        body = await _body(head, reader)
        match fault.kind if fault else None:
            case "status":
                writer.write(_refuse(fault.status if fault else 503, method))
            case "hang":
                await asyncio.sleep(fault.seconds if fault else 0)
                writer.transport.abort()
                return
            case "lost":
                await self._forward(head, body)
                writer.transport.abort()
                return
            case "cut":
                answer = await self._forward(head, body)
                writer.write(answer[: len(answer) - max(1, _length(answer) // 2)])
            case _:
                writer.write(await self._forward(head, body))
        await writer.drain()

    def _fault(self, method: str, target: str) -> StorageFault | None:
        return next((fault for fault in self.faults if fault.takes(method, target)), None)

    async def _forward(self, head: bytes, body: bytes) -> bytes:
        """Return the complete answer of the storage, which then closes the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        try:
            lines = [x for x in head.split(b"\r\n") if x and not x.lower().startswith(b"connection:")]
            writer.write(b"\r\n".join([*lines, b"Connection: close", b"", b""]) + body)
            await writer.drain()
            return await reader.read()
        finally:
            writer.close()


async def _body(head: bytes, reader: asyncio.StreamReader) -> bytes:
    """Read the body unchanged: of a stated length, or in chunks."""
    if re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head):
        whole = b""
        while True:
            line = await reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            whole += line + await reader.readexactly(size + 2)
            if size == 0:
                return whole
    return await reader.readexactly(_length(head))


def _length(message: bytes) -> int:
    found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", message.split(b"\r\n\r\n", 1)[0] + b"\r\n")
    return int(found[1]) if found else 0


def _refuse(status: int, method: str) -> bytes:
    code = _CODES[status]
    body = _ERROR.format(code=code).encode()
    head = (
        f"HTTP/1.1 {status} {code}\r\nx-ms-error-code: {code}\r\nContent-Type: application/xml\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (b"" if method == "HEAD" else body)
