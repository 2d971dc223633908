"""A program that reads a table with several kinds of sign-in, each in a separate environment.

It runs in a process of its own, as the certificates that are trusted are read once, when aiohttp is imported.
Cases come in as JSON on standard input: environment, URL, and whether to write; what became of each goes into the
file that is named, as Airflow writes its log to standard output.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

from airflow_microsoft_advertising.lake.filesystem import filesystem
from customer_match.errors import CustomerMatchError
from customer_match.storage.azure_names import AzureNames
from customer_match.tables.opening import open_table
from customer_match.workspace.workspace import Workspace


def main() -> None:
    """Read the table with every kind of sign-in."""
    _resolve_here()
    _wait_for_nothing()
    cases: dict[str, Any] = json.load(sys.stdin)
    outcomes = {name: _in(case["env"], case["url"], write=case["write"]) for name, case in cases.items()}
    Path(sys.argv[1]).write_text(json.dumps(outcomes), encoding="utf-8")


def _resolve_here() -> None:
    """Resolve hosts of the emulator's accounts locally, and those of OneLake to the stand-in's port.

    Not every resolver knows names below `localhost`.
    """
    ask = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
        if str(host).endswith(".fabric.microsoft.com"):
            return ask("127.0.0.1", int(os.environ["ONELAKE_PORT"]), *args[1:], **options)
        return ask("127.0.0.1" if str(host).endswith(".localhost") else host, *args, **options)

    socket.getaddrinfo = getaddrinfo


def _wait_for_nothing() -> None:
    """Retry a failed sign-in without delay; the storage's client would retry for 80 s."""
    from azure.storage.blob._shared.policies_async import ExponentialRetry

    ExponentialRetry.get_backoff_time = lambda self, settings: 0


def _in(env: dict[str, str], url: str, *, write: bool) -> list[str]:
    before = dict(os.environ)
    os.environ.update(env)
    AzureNames.clear_instance_cache()  # otherwise a case would reuse the sign-in of an earlier one with equal options
    try:
        return _read(url, write=write)
    except CustomerMatchError as error:
        return [type(error).__name__, str(error)]
    finally:
        os.environ.clear()
        os.environ.update(before)


def _read(url: str, *, write: bool) -> list[str]:
    lake, path = filesystem("lake", url)
    rows = [
        value for batch in open_table(lake, path).batches(["Email"]) for value in batch.column(0).to_pylist()
    ]
    if not write:
        return rows
    workspace = Workspace(*filesystem("lake", f"{url}-workspace"))
    workspace.create("a", b"x")
    try:
        workspace.create("a", b"y")
    except FileExistsError:
        rows.append(workspace.read_bytes("a").decode())
        workspace.delete("a")
        return rows if not workspace.exists("a") else ["not deleted"]
    return ["written twice"]


if __name__ == "__main__":
    main()
