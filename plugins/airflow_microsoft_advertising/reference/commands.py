"""The page of all commands, from the command line itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import typer

from airflow_microsoft_advertising.cli.main import app
from airflow_microsoft_advertising.reference.markdown import table

__all__ = ["commands", "page"]

_HEAD: Final = """# Commands

All commands with their arguments and options, as `--help` shows them. Generated from the code by
`python -m airflow_microsoft_advertising.reference`; do not edit.

*EXPORT* is the name of an export in the folder of `CUSTOMER_MATCH_EXPORTS` (default: `include/exports`), or the path of
an export file. Exit status, unless a command says otherwise: 0 success, 1 a problem that the output describes, 2 an
invalid command line, 130 interrupted. Results go to standard output, progress and messages to standard error.
"""


def page() -> str:
    """Return the page."""
    return "\n".join([_HEAD, *(_section(name, command) for name, command in commands())])


def commands() -> Iterator[tuple[str, Any]]:
    """All commands of the command line with their full names, such as `customer-match ledger show`."""
    yield from _below("customer-match", typer.main.get_command(app))


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for one in inner:
        yield from _below(f"{name} {one}", inner[one])


def _section(name: str, command: Any) -> str:
    context = typer.Context(command)
    usage = " ".join([name, *command.collect_usage_pieces(context)]).replace("{", "").replace("}", "")
    records = [record for one in command.params if (record := one.get_help_record(context))]
    rows = [(f"`{_name(written)}`", meaning) for written, meaning in records]
    listed = table(["argument or option", "meaning"], rows) if rows else "It has no options."
    return f"## {name}\n\n{_text(command.help)}\n\n```text\n{usage}\n```\n\n{listed}\n"


def _name(written: str) -> str:
    """The names of an argument or option, with its kind of value if it has no better name for it."""
    return re.sub(r"^([A-Z]+) <.*>$", r"\1", " ".join(written.split()))


def _text(text: str) -> str:
    """Help as Markdown: its paragraphs, each in one line. Placeholders such as `<table>` are no tags."""
    paragraphs = (" ".join(one.split()) for one in text.split("\n\n"))
    return "\n\n".join(paragraphs).replace("<", "\\<")
