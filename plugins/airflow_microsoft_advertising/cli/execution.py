"""Runs an export for a command: finds it, shows progress, prints the report, sets the exit status."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import typer

from airflow_microsoft_advertising.cli.output import logs_on_stderr, say
from airflow_microsoft_advertising.cli.progress import show_progress
from customer_match.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow_microsoft_advertising.cli.exports import ExportFile
    from airflow_microsoft_advertising.run.export_run import ExportRun
    from customer_match.export.model import Export
    from customer_match.export.segments import Segment
    from customer_match.runs.report import RunReport

__all__ = ["Options", "parse_date", "run_export"]


@dataclass(frozen=True)
class Options:
    """Options of one run.

    Attributes:
        segments: Tables or audiences; empty: all.
        interval_end: End of the run's data interval; None: now.
        full: Replace whole audiences.
        dry_run: Do everything except sending.
        ignore_guards: Ignore the export's guards.
        force: Apply this data interval even if an audience holds a newer one.
        as_json: Print the report as JSON.
    """

    segments: Sequence[str] = ()
    interval_end: datetime | None = None
    full: bool = False
    dry_run: bool = False
    ignore_guards: bool = False
    force: bool = False
    as_json: bool = False


def parse_date(text: str | None, export: Export) -> datetime | None:
    """Parse the option `--date`; without an offset, in the export's time zone.

    Raises:
        typer.BadParameter: It is not a date.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not a date. Write 2026-01-31 or 2026-01-31T05:00+01:00.", param_hint="--date"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(export.timezone))


def run_export(file: ExportFile, options: Options) -> None:
    """Run the export; print its report and, as the last line, where the report is. Status 1 if a segment failed.

    If it is stopped (Ctrl-C, SIGTERM), the status is 130, and the next run continues where it stopped.
    """
    with logs_on_stderr(), _stop_on_sigterm():
        try:
            report = _run(file.export, options)
        except ConfigurationError as error:
            raise ConfigurationError(file.describe(error)) from None
    # Neither format contains addresses.
    typer.echo(report.model_dump_json(indent=2) if options.as_json else _as_text(report))
    say(f"Report: {report.page}", err=options.as_json)
    if report.failed:
        raise typer.Exit(1)


def _as_text(report: RunReport) -> str:
    from customer_match.runs.report_tables import run_text  # noqa: PLC0415 - it imports pandas

    return run_text(report)


def _run(export: Export, options: Options) -> RunReport:
    from airflow_microsoft_advertising.cli.airflow_settings import airflow_connections  # noqa: PLC0415
    from airflow_microsoft_advertising.cli.local_run import LocalRun, new_run_id  # noqa: PLC0415 - keeps --help quick
    from airflow_microsoft_advertising.metrics.sending import initialise  # noqa: PLC0415
    from airflow_microsoft_advertising.run.export_run import ExportRun  # noqa: PLC0415
    from airflow_microsoft_advertising.run.select import check_run  # noqa: PLC0415
    from customer_match.runs.states import RunKind  # noqa: PLC0415

    now = datetime.now(UTC)
    run = ExportRun(
        export=export,
        run_id=new_run_id(now),
        interval_end=(options.interval_end or now).astimezone(UTC),
        full=options.full,
        dry_run=options.dry_run,
        ignore_guards=options.ignore_guards,
        force=options.force,
        began=now,
        kind=RunKind.COMMAND_LINE,
    )
    with airflow_connections():
        initialise()
        if note := check_run(run):
            say(note, err=True)
        with show_progress(partial(_rows_of, run)) as progress:
            return LocalRun(replace(run, on_rows=progress.rows), notify=progress)(options.segments)


def _rows_of(run: ExportRun, segment: Segment) -> int | None:
    """Number of rows of a segment's table, if its metadata told it."""
    from customer_match.runs.records import Validated  # noqa: PLC0415 - as above

    validated = run.records(segment).read(Validated)
    return validated.profiles if validated else None


@contextmanager
def _stop_on_sigterm() -> Iterator[None]:
    """Let SIGTERM stop the run as Ctrl-C does, so that its leases are released."""

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("Stopped. The next run continues where this one stopped.", err=True)
        raise typer.Exit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)
