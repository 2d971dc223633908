"""Prints to standard output and standard error, without e-mail addresses."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import typer

from customer_match.errors import ConfigurationError
from customer_match.redaction import without_addresses, without_addresses_in

__all__ = ["as_json_text", "logs_on_stderr", "say", "writes_to"]


@contextmanager
def logs_on_stderr() -> Iterator[None]:
    """Redirect Airflow's logs to standard error: standard output is for the result. Also a decorator."""
    with redirect_stdout(sys.stderr):
        yield


@contextmanager
def writes_to(path: Path) -> Iterator[None]:
    """Say which file or folder of a command's option cannot be written, and why.

    Raises:
        ConfigurationError: The system refuses to write.
    """
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written ({error.strerror or type(error).__name__}). Name a place that you "
            "may write to, in a folder that exists, on a disk with enough space."
        ) from None


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
