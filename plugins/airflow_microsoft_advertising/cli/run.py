"""The command `customer-match run`: runs an export once, without a scheduler."""

from __future__ import annotations

from typing import Annotated

import typer

from airflow_microsoft_advertising.cli.execution import Options, parse_date, run_export
from airflow_microsoft_advertising.cli.exports import ExportArgument, find_export_file

__all__ = ["run"]


def run(
    export: ExportArgument,
    segment: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Export only this audience or table; may be repeated. Default: all."
        ),
    ] = None,
    date: Annotated[
        str | None,
        typer.Option(
            metavar="ISO",
            help="End of the run's data interval. Without an offset: in the export's time zone. Default: now.",
        ),
    ] = None,
    *,
    full: Annotated[
        bool, typer.Option("--full", help="Replace each whole audience, even if nothing has changed.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do everything except sending.")] = False,
    ignore_guards: Annotated[
        bool,
        typer.Option("--ignore-guards", help="Ignore the export's guards in this run."),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Apply the data of --date even if an audience holds newer data.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Run an export without a scheduler. It does what the export's DAG does, in one process.

    You may stop it at any time. The next run, here or in Airflow, continues where it stopped.

    Exit status: 0 all segments succeeded, 1 some failed, 2 invalid command line, 130 stopped.
    """
    chosen = find_export_file(export)
    run_export(
        chosen,
        Options(
            segments=segment or (),
            interval_end=parse_date(date, chosen.export),
            full=full,
            dry_run=dry_run,
            ignore_guards=ignore_guards,
            force=force,
            as_json=as_json,
        ),
    )
