"""Reads the addresses and hashes of a request: hidden input, a pipe, or a file; never arguments."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_microsoft_advertising.cli.asking import prompt
from customer_match.errors import ConfigurationError

if TYPE_CHECKING:
    from customer_match.erasure.people import People

__all__ = ["people_of", "refuse_arguments"]


def refuse_arguments(given: list[str] | None, *, command: str = "forget") -> None:
    """Refuse addresses in arguments.

    Args:
        given: The arguments.
        command: Name of the command.

    Raises:
        ConfigurationError: There are arguments.
    """
    if given:
        raise ConfigurationError(
            "Addresses and hashes must not be arguments: the shell's history and the list of processes would keep "
            f"them. Nothing was changed. Delete this line from the history of your shell. Start `customer-match "
            f"{command}` and type the address when you are asked for it (it is not shown), pipe addresses to it, or "
            "name a file with --file."
        )


def people_of(file: Path | None) -> People:
    """Read the people of a request, and compute their digests.

    Args:
        file: A text file with one address or hash per line; None: ask on a terminal, otherwise read standard input.

    Raises:
        ConfigurationError: There is none, a line is neither, or the file cannot be read.
    """
    from customer_match.erasure.people import read_people  # noqa: PLC0415 - keeps --help quick

    return read_people(_lines(file))


def _lines(file: Path | None) -> list[str]:
    if file is None and sys.stdin.isatty():
        return [prompt("E-mail address or SHA-256 hash (not shown)", option="--file", hidden=True)]
    try:
        text = sys.stdin.read() if file is None else file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        name = "Standard input" if file is None else str(file)
        raise ConfigurationError(
            f"{name} cannot be read: {reason}. It must be text with one address or hash per line. Nothing was changed."
        ) from None
    return text.splitlines()
