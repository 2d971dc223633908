"""What commands say on standard output and standard error: never an e-mail address."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

import typer

from customer_match.redaction import without_addresses, without_addresses_in

__all__ = ["as_json_text", "logs_on_stderr", "say"]


@contextmanager
def logs_on_stderr() -> Iterator[None]:
    """Sends to standard error what Airflow logs to standard output, which is the answer's alone. Also a decorator."""
    with redirect_stdout(sys.stderr):
        yield


def say(text: str, *, err: bool = False) -> None:
    """Print a text without addresses.

    Args:
        text: Not JSON, which `as_json_text` makes of values.
        err: To standard error.
    """
    typer.echo(without_addresses(text), err=err)


def as_json_text(value: object) -> str:
    """Values as JSON for programs, without addresses in any text."""
    return json.dumps(without_addresses_in(value), indent=2, ensure_ascii=False)
