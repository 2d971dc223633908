"""The command `customer-match clean`: deletes from workspaces what is older than the export files allow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_microsoft_advertising.cli.exports import complete_exports
from airflow_microsoft_advertising.cli.history.lookup import chosen_exports, open_workspace
from airflow_microsoft_advertising.cli.output import logs_on_stderr, say
from customer_match.wording import counted

if TYPE_CHECKING:
    from customer_match.export.model import Export

__all__ = ["clean"]


def clean(
    export: Annotated[
        str | None,
        typer.Argument(
            metavar="[EXPORT]",
            help="Name of the export, or path of its file. Default: all exports.",
            autocompletion=complete_exports,
        ),
    ] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be deleted.")] = False,
) -> None:
    """Delete staged data and reports that are older than `staged_days` and `history_days` in the export file.

    Each run does this at its end. Use the command for exports that no longer run, and after an upgrade. What a ledger
    still needs stays.
    """
    for one in chosen_exports(export):
        folders = _clean(one, dry_run=dry_run)
        verb = "would be deleted" if dry_run else "deleted"
        say(f"{one.name}: {counted(len(folders), 'path')} {verb}{':' if folders else '.'}")
        for folder in folders:
            say(f"  {folder}")


@logs_on_stderr()
def _clean(export: Export, *, dry_run: bool) -> list[str]:
    from customer_match.runs.staged import StagedData  # noqa: PLC0415 - keeps --help quick

    workspace, now = open_workspace(export), datetime.now(UTC)
    data = StagedData(workspace, export.name, export.aid)
    expired = [
        *data.expired(now - timedelta(days=export.staged_days)),
        *data.expired_in_runs(now - timedelta(days=export.staged_days)),
        *data.expired_runs(now - timedelta(days=export.history_days)),
    ]
    if not dry_run:
        for folder in expired:
            data.delete(folder)
    return expired
