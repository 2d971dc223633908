"""The command `customer-match reconcile`: make audiences and ledgers right whatever people did by hand."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from airflow_microsoft_advertising.cli.execution import Options, carry_out, export_named
from customer_match.errors import ConfigurationError

__all__ = ["reconcile"]

_EXPLANATION = """\
Each audience is replaced as a whole: all members of its segment are sent, whoever else is in it is taken out, and \
what the ledger knows of it is made anew, also where nothing seems to have changed. That is for audiences that \
somebody may have changed by hand; after a crash it is not needed."""


def reconcile(
    export: Annotated[str, typer.Argument(metavar="EXPORT", help="Name of the export.")],
    segment: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this audience or table; may be repeated. Default: all."),
    ] = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Replace audiences as a whole, whatever people did to them by hand, and reset what the ledgers know.

    All members are sent, also where nothing changed. The same for the scheduler: a run with the parameter `mode`
    set to `full`. Exit status: 0 all segments are right, 1 some are not, 130 stopped.
    """
    chosen = export_named(export)
    if not yes:
        _ask(export, segment or ())
    carry_out(chosen, Options(segments=segment or (), full=True, as_json=as_json))


def _ask(export: str, segments: list[str] | tuple[()]) -> None:
    """Ask the person at the terminal; ends the command if they do not mean it."""
    typer.echo(_EXPLANATION, err=True)
    if not _terminal():
        raise ConfigurationError("Nobody is at the terminal to be asked. If you mean it, add --yes.")
    which = f"the segments {', '.join(segments)}" if segments else "all segments"
    typer.confirm(f"Replace the audiences of {which} of the export {export!r}?", abort=True, err=True)


def _terminal() -> bool:
    return sys.stdin.isatty()
