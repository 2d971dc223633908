"""`customer-match report`: shows the report of a run, and where its page is."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_microsoft_advertising.cli.exports import ExportArgument
from airflow_microsoft_advertising.cli.history.lookup import chosen_exports, open_workspace, read_history
from airflow_microsoft_advertising.cli.login.browser import has_browser
from airflow_microsoft_advertising.cli.output import say, writes_to
from customer_match.errors import ConfigurationError

if TYPE_CHECKING:
    from customer_match.export.model import Export
    from customer_match.workspace.workspace import Workspace

__all__ = ["report"]

_SHOWN = 5  # runs that a message names


def report(
    export: ExportArgument,
    run: Annotated[str | None, typer.Option(metavar="ID", help="Id of the run. Default: the newest.")] = None,
    save: Annotated[Path | None, typer.Option(metavar="FILE", help="Save the page as this file.")] = None,
    *,
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Show the report of a run, the newest by default. The last line says where its page is."""
    from customer_match.runs.folders import report_file, report_page  # noqa: PLC0415 - keeps --help quick
    from customer_match.runs.report import RunReport  # noqa: PLC0415
    from customer_match.runs.report_tables import run_text  # noqa: PLC0415 - imports pandas

    [chosen] = chosen_exports(export)
    workspace = open_workspace(chosen)
    run_id = run or _newest_run(chosen)
    content = _read(workspace, report_file(chosen.name, run_id), chosen, run_id)
    found = RunReport.model_validate_json(content)
    page = report_page(chosen.name, run_id)
    saved = _save(_read(workspace, page, chosen, run_id), save) if save or show else None
    typer.echo(found.model_dump_json(indent=2) if as_json else f"Run {run_id}\n\n{run_text(found)}")
    say(f"Report: {chosen.workspace.locate().rstrip('/')}/{page}", err=as_json)
    if saved and show:
        _open(saved)


def _save(page: bytes, save: Path | None) -> Path:
    """Save a page.

    Args:
        page: Its HTML.
        save: Where to; None: in a temporary folder.
    """
    with writes_to(save or Path(gettempdir())):
        path = save or Path(mkdtemp(prefix="customer-match-report-")) / "report.html"
        path.write_bytes(page)
    return path


def _open(page: Path) -> None:
    """Open a saved page in a browser."""
    path = page.resolve()
    if not (has_browser() and webbrowser.open(path.as_uri())):
        raise ConfigurationError(f"No browser could be opened here. Open the page yourself: {path}")
    say(f"Opened in a browser: {path}", err=True)


def _newest_run(export: Export) -> str:
    runs = read_history(export, 1)["run_id"].to_pylist()
    if not runs:
        raise ConfigurationError(
            f"There is no run of the export {export.name!r} in its workspace yet. Run it, in Airflow or with "
            f"`customer-match run {export.name}`."
        )
    return str(runs[-1])


def _read(workspace: Workspace, path: str, export: Export, run_id: str) -> bytes:
    try:
        return workspace.read_bytes(path)
    except FileNotFoundError:
        known = list(dict.fromkeys(read_history(export, _SHOWN)["run_id"].to_pylist()))
        newest = f" Its newest runs are: {', '.join(known)}." if known else ""
        raise ConfigurationError(
            f"There is no report of the run {run_id!r} of the export {export.name!r}.{newest}"
        ) from None
