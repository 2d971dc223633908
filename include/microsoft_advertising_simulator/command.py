"""Starts the simulator: `serve` for the console script, `main` for ``python -m microsoft_advertising_simulator``."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import logging
import signal
import socket
import sys
from pathlib import Path
from typing import IO

import uvicorn
from starlette.applications import Starlette

from customer_match.errors import ConfigurationError
from microsoft_advertising_simulator.endpoints.control import control_routes
from microsoft_advertising_simulator.endpoints.files import file_routes
from microsoft_advertising_simulator.endpoints.middleware import App, CallMiddleware
from microsoft_advertising_simulator.endpoints.oauth import oauth_routes
from microsoft_advertising_simulator.endpoints.rest import rest_routes
from microsoft_advertising_simulator.endpoints.soap.routes import soap_routes
from microsoft_advertising_simulator.service import Service

__all__ = ["main", "serve"]


def application(service: Service) -> App:
    """The ASGI application with all endpoints."""
    own = [*rest_routes(service), *soap_routes(service), *file_routes(service), *oauth_routes(service)]
    return CallMiddleware(Starlette(routes=[*own, *control_routes(service)]), service, own)


def serve(port: int, data: Path, *, host: str = "127.0.0.1", sandbox: bool = False) -> None:
    """Run the simulator until SIGTERM or SIGINT.

    Prints one JSON line on standard output when it is ready: ``base_url``, and the credentials of the
    predefined account.

    Args:
        port: TCP port; 0 picks a free one.
        data: Folder for all data.
        host: Address to listen on. The account's credentials are not secret, so use this machine's address only.
        sandbox: Simulate the sandbox environment (20,000 rows per file, one upload at a time).

    Raises:
        ConfigurationError: The folder or the port cannot be used.
    """
    with _lock_folder(data), _listen(host, port) as listener:
        service = Service(data, sandbox=sandbox)  # removes stray files, so only after the lock
        service.start()
        try:
            asyncio.run(_Server(service, host).serve(sockets=[listener]))
        finally:
            service.stop()


def main(arguments: list[str] | None = None) -> int:
    """Command line of ``python -m microsoft_advertising_simulator``; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m microsoft_advertising_simulator",
        description="Local simulator of Microsoft Advertising",
    )
    parser.add_argument("--port", type=int, default=0, help="TCP port; 0 (default) picks a free one")
    parser.add_argument("--data", type=Path, required=True, help="folder for all data")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--sandbox", action="store_true", help="simulate the sandbox environment")
    options = parser.parse_args(arguments)
    try:
        serve(options.port, options.data, host=options.host, sandbox=options.sandbox)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


class _Server(uvicorn.Server):
    """Uvicorn that reports when it is ready and exits with status 0 after a signal."""

    def __init__(self, service: Service, host: str) -> None:
        super().__init__(
            uvicorn.Config(
                application(service),
                log_level="warning",
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=2,
                timeout_keep_alive=60,
            )
        )
        self._service = service
        self._host = host
        # A malformed form is the caller's fault and gets an answer; it does not belong in our log.
        logging.getLogger("python_multipart").setLevel(logging.ERROR)
        # Uvicorn raises the signal again after it has shut down; ignore that one.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        port = sockets[0].getsockname()[1] if sockets else 0
        sys.stdout.write(json.dumps(_announcement(self._service, self._host, port)) + "\n")
        sys.stdout.flush()


def _announcement(service: Service, host: str, port: int) -> dict[str, str]:
    account = service.identity.account(sandbox=service.settings().sandbox)
    address = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - only compared
    return {
        "base_url": f"http://{address}:{port}",
        "developer_token": account.developer_token,
        "client_id": account.client_id,
        "client_secret": account.client_secret,
        "public_client_id": account.public_client_id,
        "refresh_token": service.identity.refresh_token(),
        "customer_id": account.customer_id,
        "account_id": account.account_id,
    }


def _listen(host: str, port: int) -> socket.socket:
    try:
        listener = socket.create_server((host, port), backlog=256)
    except OSError as error:
        raise ConfigurationError(
            f"The simulator cannot listen on {host}:{port}: {error.strerror}. "
            "Choose another port, or 0 for a free one."
        ) from error
    # Inherited by every connection. Without it, each answer waits 40 ms for the client's ACK.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _lock_folder(data: Path) -> IO[str]:
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = (data / "lock").open("w")
    except OSError as error:
        raise ConfigurationError(
            f"The simulator cannot use its data folder {data}: {error.strerror}. Choose a writable folder."
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise ConfigurationError(
            f"Another simulator is using the data folder {data}. Stop it, or choose another folder."
        ) from error
    return lock
