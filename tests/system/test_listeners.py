"""Who listens: every program of the installation on 127.0.0.1 only, so that no other machine reads logs or data."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


def sockets(session: int) -> Iterator[tuple[str, int]]:
    """Yield address and port of each listening socket of a program and all processes that it started."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            if os.getsid(process.pid) == session:
                yield from (
                    (one.laddr.ip, one.laddr.port)
                    for one in process.net_connections("inet")
                    if one.status == psutil.CONN_LISTEN
                )


def test_every_program_listens_on_this_machine_only(installation: Any) -> None:
    found = {program.name: set(sockets(program.pid)) for program in installation.stack.programs}
    assert {name for name, some in found.items() if some} == {"simulator", "api-server", "log-server"}
    assert {address for some in found.values() for address, _ in some} == {"127.0.0.1"}


def test_the_log_server_gives_logs_to_airflow_only(installation: Any) -> None:
    [program] = [one for one in installation.stack.programs if one.name == "log-server"]
    [(_, port)] = set(sockets(program.pid))
    answer = httpx.get(f"http://127.0.0.1:{port}/log/dag_id=basic", trust_env=False)
    assert answer.status_code == httpx.codes.FORBIDDEN
