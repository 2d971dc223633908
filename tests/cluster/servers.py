"""PostgreSQL and Redis, each on a free port of 127.0.0.1, with a password and a folder of its own."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2
import redis

from customer_match_demo.processes import Program, free_port

__all__ = ["Server", "postgresql", "redis_server"]

_START_SECONDS = 60.0
_USERS = ("postgres", "nobody")  # PostgreSQL refuses to run as root; the first of them that exists runs it
_WHERE_DEBIAN_HAS_IT = "/usr/lib/postgresql"
_INSTALL = "`make cluster-test` installs it on Debian; elsewhere install PostgreSQL and Redis yourself"


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        program: Its program.
        address: Credentials, host, port and database, as they follow `://` in a URL.
    """

    program: Program
    address: str = field(repr=False)


@contextmanager
def postgresql() -> Iterator[Server]:
    """Run PostgreSQL with an empty database while the context is open.

    Raises:
        RuntimeError: It is not installed, or did not start.
    """
    initdb, port, password = _initdb(), free_port(), secrets.token_hex(16)
    with _folder() as folder, _unprivileged(folder) as prefix:
        passwords = folder / "password"
        passwords.write_text(password)
        if prefix:
            shutil.chown(passwords, _user())
        passwords.chmod(0o600)
        data = folder / "data"
        options = ["--auth=scram-sha-256", f"--pwfile={passwords}", "--username=airflow", "--encoding=UTF8"]
        command = [*prefix, str(initdb), f"--pgdata={data}", *options]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
        settings = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-p", str(port)]
        command = [*prefix, str(initdb.with_name("postgres")), "-D", str(data), *settings]
        address = f"airflow:{password}@127.0.0.1:{port}/postgres"
        with _running("PostgreSQL", command, folder, lambda: _accepts(address)) as program:
            yield Server(program, address)


@contextmanager
def redis_server() -> Iterator[Server]:
    """Run Redis, which keeps everything in memory, while the context is open.

    Raises:
        RuntimeError: It is not installed, or did not start.
    """
    found = shutil.which("redis-server")
    if not found:
        raise RuntimeError(f"redis-server was not found. {_INSTALL}")
    port, password = free_port(), secrets.token_hex(16)
    with _folder() as folder:
        settings = folder / "redis.conf"
        settings.touch(mode=0o600)
        settings.write_text(
            f'bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ""\nappendonly no\ndir {folder}\n'
        )
        with _running("Redis", [found, str(settings)], folder, lambda: _answers(port, password)) as program:
            yield Server(program, f":{password}@127.0.0.1:{port}/0")


def _initdb() -> Path:
    """Return PostgreSQL's `initdb`, of the newest version; beside it is `postgres`."""
    versions = Path(_WHERE_DEBIAN_HAS_IT).glob("*/bin/initdb")
    newest = max(versions, key=lambda path: int(path.parts[-3]), default=None)
    found = newest or shutil.which("initdb")
    if not found:
        raise RuntimeError(f"initdb was not found. {_INSTALL}")
    return Path(found).resolve()


def _user() -> str:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in _USERS if name in known)


@contextmanager
def _folder() -> Iterator[Path]:
    """Make a folder in the system's temporary folder: those of pytest are closed to other users."""
    with tempfile.TemporaryDirectory(prefix="customer-match-cluster-") as folder:
        yield Path(folder)


@contextmanager
def _unprivileged(folder: Path) -> Iterator[Sequence[str]]:
    """Give the folder to another user if we are root; yield what precedes a command that this user runs."""
    if os.geteuid():
        yield ()
        return
    user = _user()
    shutil.chown(folder, user)
    entry = pwd.getpwnam(user)
    yield ("setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups", "--")


@contextmanager
def _running(name: str, command: Sequence[str], folder: Path, ready: Callable[[], bool]) -> Iterator[Program]:
    env: Mapping[str, str] = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ}
    program = Program.start(name, command, log=folder / "log", env=env, cwd=folder)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not ready():
            if not program.running or time.monotonic() > deadline:
                raise RuntimeError(f"{name} did not start. The end of its log:\n{program.tail()}")
            time.sleep(0.1)
        yield program
    finally:
        program.stop()


def _accepts(address: str) -> bool:
    try:
        psycopg2.connect(f"postgresql://{address}", connect_timeout=5).close()
    except psycopg2.OperationalError:
        return False
    return True


def _answers(port: int, password: str) -> bool:
    try:
        with redis.Redis(port=port, password=password) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False
