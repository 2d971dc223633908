"""The command `customer-match run`: one run of an export, without a scheduler."""

from __future__ import annotations

from typing import Annotated

import typer

from airflow_microsoft_advertising.cli.execution import Options, carry_out, export_named, moment_of

__all__ = ["run"]


def run(
    export: Annotated[str, typer.Argument(metavar="EXPORT", help="Name of the export.")],
    segment: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this audience or table; may be repeated. Default: all."),
    ] = None,
    date: Annotated[
        str | None,
        typer.Option(metavar="ISO", help="End of the data interval that the run stands for. Default: now."),
    ] = None,
    *,
    full: Annotated[
        bool, typer.Option("--full", help="Replace each audience as a whole, if anything changed or not.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do everything but send.")] = False,
    ignore_guards: Annotated[
        bool,
        typer.Option("--ignore-guards", help="Let pass, this once, what the export's guards would stop."),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Apply the data of --date although an audience holds newer data.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Run an export here and now, without a scheduler: what its DAG does, in one process.

    It may be stopped at any time: the next run, here or in Airflow, goes on where it stopped.
    Exit status: 0 all segments are right, 1 some are not, 130 stopped.
    """
    chosen = export_named(export)
    carry_out(
        chosen,
        Options(
            segments=segment or (),
            interval_end=moment_of(date, chosen),
            full=full,
            dry_run=dry_run,
            ignore_guards=ignore_guards,
            force=force,
            as_json=as_json,
        ),
    )
