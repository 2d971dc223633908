"""Prints to standard output and standard error, without e-mail addresses."""

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
    """Redirect Airflow's logs to standard error: standard output is for the result. Also a decorator."""
    with redirect_stdout(sys.stderr):
        yield


def say(text: str, *, err: bool = False) -> None:
    """Print a text; addresses in it are replaced.

    Args:
        text: The text. For JSON use `as_json_text`.
        err: Print to standard error.
    """
    typer.echo(without_addresses(text), err=err)


def as_json_text(value: object) -> str:
    """Return a value as JSON; addresses in its texts are replaced."""
    return json.dumps(without_addresses_in(value), indent=2, ensure_ascii=False)
