"""`customer-match history` and `customer-match status`: what has happened, from the histories in the workspaces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airflow_microsoft_advertising.cli.exports import complete_exports
from airflow_microsoft_advertising.cli.history.lookup import chosen_exports, read_history
from airflow_microsoft_advertising.cli.output import as_json_text, say
from customer_match.errors import ConfigurationError
from customer_match.wording import did_you_mean

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from customer_match.export.model import Export

__all__ = ["history", "status"]

ExportName = Annotated[
    str | None,
    typer.Argument(
        metavar="[EXPORT]",
        help="Name of the export, or path of its file. Default: all exports.",
        autocompletion=complete_exports,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def history(
    export: ExportName = None,
    audience: Annotated[
        str | None, typer.Option(metavar="NAME", help="Show this audience in each run, instead of the runs.")
    ] = None,
    runs: Annotated[int, typer.Option("-n", "--runs", min=1, help="Number of runs of each export.")] = 20,
    *,
    as_json: AsJson = False,
) -> None:
    """Show the last runs, the newest last: of the schedule, by hand, of backfills, and of `customer-match run`.

    With --json: the rows of the history, one for each run and segment (docs/history.md).
    """
    exports = chosen_exports(export)
    found = {one.name: read_history(one, runs) for one in exports}
    if audience is not None:
        _check_audience(audience, exports, found)
    if as_json:
        rows = [row for table in found.values() for row in table.to_pylist()]
        _print_json(row for row in rows if audience in {None, row["audience"]})
        return
    from customer_match.history.summaries import audience_summary, run_summary  # noqa: PLC0415 - imports pandas

    nothing = f"no run with the audience {audience!r} yet" if audience else "no run yet"
    for name, rows in found.items():
        say(_section(name, audience_summary(rows, audience) if audience else run_summary(rows), nothing))


def _check_audience(audience: str, exports: Sequence[Export], found: Mapping[str, pa.Table]) -> None:
    """Refuse an audience that neither the files of exports nor their runs name, if they name any."""
    named = {one.audience or one.table for export in exports for one in export.segments if not one.is_pattern}
    delivered = {name for rows in found.values() for name in rows["audience"].to_pylist() if name}
    known = sorted(named | delivered)
    if known and audience not in known:
        raise ConfigurationError(
            f"There is no audience {audience!r}.{did_you_mean(audience, known)} Audiences of these exports: "
            f"{', '.join(known)}."
        )


def status(export: ExportName = None, *, as_json: AsJson = False) -> None:
    """Show the present state of each export and audience, with the members of the last 30 runs as a line.

    With --json: the newest row of each audience in the history (docs/history.md).
    """
    from customer_match.history.summaries import newest_rows, status_summary  # noqa: PLC0415 - imports pandas
    from customer_match.history.trends import TREND_RUNS  # noqa: PLC0415
    from customer_match.runs.report import Outcome  # noqa: PLC0415

    found = [(one, read_history(one, TREND_RUNS)) for one in chosen_exports(export)]
    if as_json:
        _print_json(row for _, rows in found for row in newest_rows(rows))
        return
    for one, rows in found:
        problems = [
            f"- {row['audience'] or 'The whole run'}: {row['message']}"
            for row in newest_rows(rows)
            if row["outcome"] in {None, Outcome.FAILED} and row["message"]
        ]
        title = f"{one.name}: {_last_run(rows)}; {_next_run(one)}"
        say("\n".join([_section(title, status_summary(rows), "").rstrip(), *problems, ""]))


def _last_run(rows: pa.Table) -> str:
    if not len(rows):
        return "no run yet"
    [last] = rows.slice(len(rows) - 1).to_pylist()
    return f"last run {last['started']:%Y-%m-%d %H:%M} UTC, {last['run_state']}"


def _next_run(export: Export) -> str:
    from customer_match.export.schedule import next_run  # noqa: PLC0415 - keeps --help quick

    due = next_run(export.schedule, export.timezone, datetime.now(UTC))
    if due:
        return f"next run {due:%Y-%m-%d %H:%M} UTC"
    return f"runs {export.schedule.words}" if export.schedule else "runs on demand"


def _section(title: str, table: pd.DataFrame, nothing: str) -> str:
    from customer_match.runs.report_tables import as_text  # noqa: PLC0415 - imports pandas

    if table.empty:
        return f"{title}: {nothing}\n" if nothing else title
    return f"{title}\n{as_text(table)}\n"


def _print_json(rows: Iterable[dict[str, Any]]) -> None:
    typer.echo(as_json_text([{name: _plain(value) for name, value in row.items()} for row in rows]))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
