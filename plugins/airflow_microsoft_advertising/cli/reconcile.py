"""The command `customer-match reconcile`: replaces audiences that were changed by hand, and resets their ledgers."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from airflow_microsoft_advertising.cli.asking import confirm
from airflow_microsoft_advertising.cli.execution import Options, run_export
from airflow_microsoft_advertising.cli.exports import ExportArgument, find_export_file
from customer_match.errors import ConfigurationError

__all__ = ["reconcile"]

_EXPLANATION = """\
Each whole audience is replaced, even if nothing seems to have changed: all members of its segment are sent, all other \
members are removed, and its ledger is reset. Use this if somebody may have changed an audience by hand. It is not \
needed after a crash."""


def reconcile(
    export: ExportArgument,
    segment: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Only this audience, or that of this table; may be repeated. Default: all.",
        ),
    ] = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Replace whole audiences that may have been changed by hand, and reset their ledgers.

    All members are sent, even if nothing has changed. In Airflow, start a run with `mode: full` instead.

    Exit status: 0 all segments succeeded, 1 some failed, 2 invalid command line, 130 stopped.
    """
    chosen = find_export_file(export)
    if not yes:
        _ask(chosen.export.name, segment or ())
    run_export(chosen, Options(segments=segment or (), full=True, as_json=as_json))


def _ask(export: str, segments: list[str] | tuple[()]) -> None:
    """Ask for confirmation; a refusal ends the command."""
    typer.echo(_EXPLANATION, err=True)
    if not _is_interactive():
        raise ConfigurationError("Confirmation is needed, but there is no terminal. To confirm, add --yes.")
    which = f"the segments {', '.join(segments)}" if segments else "all segments"
    confirm(f"Replace the audiences of {which} of the export {export!r}?")


def _is_interactive() -> bool:
    return sys.stdin.isatty()
