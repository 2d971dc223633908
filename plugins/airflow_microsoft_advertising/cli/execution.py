"""What the commands that carry out an export share: the export, its run, progress, and the exit status."""

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
    from airflow_microsoft_advertising.cli.local_run import Tell
    from customer_match.export.model import Export
    from customer_match.export.segments import Segment
    from customer_match.runs.report import RunReport

__all__ = ["Options", "carry_out", "export_named", "moment_of"]


@dataclass(frozen=True)
class Options:
    """What a person chose for one run.

    Attributes:
        segments: Tables or audiences; none: all.
        interval_end: What the run stands for; None: now.
        full: Replace audiences as a whole.
        dry_run: Do everything but send.
        ignore_guards: Let pass what the guards would stop.
        force: Apply this data interval although an audience holds a newer one.
        as_json: Print the report as JSON.
    """

    segments: Sequence[str] = ()
    interval_end: datetime | None = None
    full: bool = False
    dry_run: bool = False
    ignore_guards: bool = False
    force: bool = False
    as_json: bool = False


def export_named(name: str) -> Export:
    """The export of this name in the folder of export files.

    Raises:
        ConfigurationError: There is none, or its file is broken.
    """
    from customer_match.export.loading import BrokenExport, load_exports  # noqa: PLC0415 - keeps --help quick

    exports = {export.name: export for export in load_exports(exports_folder(), parse_conditions=True)}
    found = exports.get(name)
    if found is None:
        near = get_close_matches(name, exports, 1)
        raise ConfigurationError(
            f"There is no export {name!r} in {exports_folder()}"
            f"{f' (there is {near[0]!r})' if near else ''}. There are: {', '.join(exports) or 'none'}."
        )
    if isinstance(found, BrokenExport):
        raise found.error
    return found


def moment_of(text: str | None, export: Export) -> datetime | None:
    """The moment that a person has written; without an offset it is of the export's time zone.

    Raises:
        typer.BadParameter: It is no date.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no date: write 2026-01-31 or 2026-01-31T05:00+01:00.", param_hint="--date"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(export.timezone))


def carry_out(export: Export, options: Options) -> None:
    """Run the export, print its report, and end the command with status 1 if a segment failed.

    Stopped (Ctrl-C, SIGTERM), it ends with 130: the next run goes on where it stopped.
    """
    with logs_on_stderr(), _stoppable():
        report = _run(export, options)
    # Neither form has addresses in it.
    typer.echo(report.model_dump_json(indent=2) if options.as_json else _as_text(report))
    if report.failed:
        raise typer.Exit(1)


def _as_text(report: RunReport) -> str:
    from customer_match.runs.report_tables import run_text  # noqa: PLC0415 - it imports pandas

    return run_text(report)


def _run(export: Export, options: Options) -> RunReport:
    from airflow_microsoft_advertising.cli.airflow_connections import connections_of_this_airflow  # noqa: PLC0415
    from airflow_microsoft_advertising.cli.local_run import LocalRun, new_run_id  # noqa: PLC0415 - keeps --help quick
    from airflow_microsoft_advertising.run.export_run import ExportRun  # noqa: PLC0415

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
    )
    with connections_of_this_airflow(), _progress() as tell:
        return LocalRun(run, tell=tell)(options.segments)


@contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM stops the run as Ctrl-C does, so that its audiences are given back."""

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("Stopped. Nothing is lost: the next run goes on where this one stopped.", err=True)
        raise typer.Exit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _progress() -> Iterator[Tell]:
    """Tells what happens: bars on a terminal, lines elsewhere; always on standard error."""
    if sys.stderr.isatty():
        with _bars() as tell:
            yield tell
    else:
        yield lambda segment, what: say(f"{segment.audience}: {what}", err=True)


@contextmanager
def _bars() -> Iterator[Tell]:
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
    with _quietly(), Progress(*columns, console=Console(stderr=True)) as bars:

        def tell(segment: Segment, what: str) -> None:
            name = segment.audience
            if name not in rows:
                rows[name] = bars.add_task(escape(without_addresses(name)), total=len(steps), what="")
            done = len(steps) if what == "done" else steps.index(what) if what in steps else None
            bars.update(rows[name], completed=done, what=escape(without_addresses(what)))

        yield tell


@contextmanager
def _quietly() -> Iterator[None]:
    """Lines of a log would tear the bars."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(before)
