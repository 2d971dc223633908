"""Runs an export for a command: finds it, shows progress, prints the report, sets the exit status."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import typer

from airflow_microsoft_advertising.cli.output import logs_on_stderr, say
from customer_match.errors import ConfigurationError
from customer_match.project import exports_folder
from customer_match.redaction import without_addresses

if TYPE_CHECKING:
    from airflow_microsoft_advertising.cli.local_run import Notify
    from customer_match.export.model import Export
    from customer_match.export.segments import Segment
    from customer_match.runs.report import RunReport

__all__ = ["Options", "find_export", "parse_date", "run_export"]


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


def find_export(name: str) -> Export:
    """Find an export by name in the folder of export files.

    Raises:
        ConfigurationError: There is none, or its file is not valid.
    """
    from customer_match.export.loading import BrokenExport, load_exports  # noqa: PLC0415 - keeps --help quick

    exports = {export.name: export for export in load_exports(exports_folder(), parse_conditions=True)}
    found = exports.get(name)
    if found is None:
        near = get_close_matches(name, exports, 1)
        raise ConfigurationError(
            f"There is no export {name!r} in {exports_folder()}"
            f"{f' (did you mean {near[0]!r}?)' if near else ''}. Exports: {', '.join(exports) or 'none'}."
        )
    if isinstance(found, BrokenExport):
        raise found.error
    return found


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


def run_export(export: Export, options: Options) -> None:
    """Run the export and print its report. End the command with status 1 if a segment failed.

    If it is stopped (Ctrl-C, SIGTERM), the status is 130, and the next run continues where it stopped.
    """
    with logs_on_stderr(), _stop_on_sigterm():
        report = _run(export, options)
    # Neither format contains addresses.
    typer.echo(report.model_dump_json(indent=2) if options.as_json else _as_text(report))
    if report.failed:
        raise typer.Exit(1)


def _as_text(report: RunReport) -> str:
    from customer_match.runs.report_tables import run_text  # noqa: PLC0415 - it imports pandas

    return run_text(report)


def _run(export: Export, options: Options) -> RunReport:
    from airflow_microsoft_advertising.cli.airflow_connections import airflow_connections  # noqa: PLC0415
    from airflow_microsoft_advertising.cli.local_run import LocalRun, new_run_id  # noqa: PLC0415 - keeps --help quick
    from airflow_microsoft_advertising.run.export_run import ExportRun  # noqa: PLC0415
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
    with airflow_connections(), _progress() as notify:
        return LocalRun(run, notify=notify)(options.segments)


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


@contextmanager
def _progress() -> Iterator[Notify]:
    """Show progress on standard error: bars on a terminal, lines elsewhere."""
    if sys.stderr.isatty():
        with _progress_bars() as notify:
            yield notify
    else:
        yield lambda segment, what: say(f"{segment.audience}: {what}", err=True)


@contextmanager
def _progress_bars() -> Iterator[Notify]:
    from rich.console import Console  # noqa: PLC0415 - on a terminal only
    from rich.markup import escape  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    from customer_match.runs.records import Step  # noqa: PLC0415

    steps = [str(step) for step in Step]
    rows: dict[str, TaskID] = {}
    columns = (
        TextColumn("{task.description}"),
        BarColumn(20),
        TimeElapsedColumn(),
        TextColumn("{task.fields[what]}"),
    )
    with _mute_logs(), Progress(*columns, console=Console(stderr=True)) as bars:

        def notify(segment: Segment, what: str) -> None:
            name = segment.audience
            if name not in rows:
                rows[name] = bars.add_task(escape(without_addresses(name)), total=len(steps), what="")
            done = len(steps) if what == "done" else steps.index(what) if what in steps else None
            bars.update(rows[name], completed=done, what=escape(without_addresses(what)))

        yield notify


@contextmanager
def _mute_logs() -> Iterator[None]:
    """Log errors only: other log lines would break the progress bars."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(before)
