"""The console script `customer-match`.

Exit status: 0 success, 1 a problem that the output describes, 2 an invalid command line, 130 interrupted.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_microsoft_advertising.cli import ledger as ledger_command
from airflow_microsoft_advertising.cli.audiences import audiences
from airflow_microsoft_advertising.cli.history.report import report
from airflow_microsoft_advertising.cli.history.runs import history, status
from airflow_microsoft_advertising.cli.login.command import login
from airflow_microsoft_advertising.cli.output import as_json_text, logs_on_stderr, say
from airflow_microsoft_advertising.cli.reconcile import reconcile
from airflow_microsoft_advertising.cli.run import run
from airflow_microsoft_advertising.cli.sample_lake import sample_lake
from customer_match.errors import ConfigurationError, CustomerMatchError
from customer_match.project import exports_folder

if TYPE_CHECKING:
    from customer_match.export.loading import InvalidExport

__all__ = ["app", "main"]

app = typer.Typer(
    name="customer-match",
    help="Keep customer segments of a data lake as Customer Match audiences in Microsoft Advertising.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks show the values of variables, secrets among them
)
app.add_typer(ledger_command.app, name="ledger")


def main() -> None:
    """Run the command line. For the project's own errors, print the message without a traceback."""
    try:
        app()
    except CustomerMatchError as error:
        say(str(error), err=True)
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 (a library's message may quote a cell of a table)
        say("".join(traceback.format_exception(error)), err=True)
        sys.exit(1)


@app.callback()
def _commands() -> None:
    """Make typer require a command name, even if the app has only one command."""


@app.command()
def validate(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE",
            help="Export files, or folders of export files. Default: the folder in CUSTOMER_MATCH_EXPORTS, otherwise "
            "include/exports.",
        ),
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Check export files. Print each problem with its line, its key and how to correct it."""
    from airflow_microsoft_advertising.alerts.notifiers import missing_packages  # noqa: PLC0415 - keeps --help quick
    from customer_match.export.loading import (  # noqa: PLC0415
        BrokenExport,
        load_files,
        reject_shared,
        reject_where,
    )

    paths = _export_files(files or [exports_folder()])
    results = reject_shared(paths, load_files(paths, parse_conditions=True))
    results = reject_where(paths, results, missing_packages)
    errors = [result.error if isinstance(result, BrokenExport) else None for result in results]
    names = [result.name for result in results]
    if as_json:
        typer.echo(_as_json(paths, names, errors))
    else:
        say(_as_text(paths, names, errors))
    if any(errors):
        raise typer.Exit(1)


app.command()(run)
app.command()(reconcile)
app.command()(login)


@app.command("set-up")
def set_up() -> None:
    """Create the Airflow pools that the exports need, one for each customer."""
    for name, created in _ensure_pools().items():
        typer.echo(f"Pool {name}: {'created' if created else 'exists already'}.")


@logs_on_stderr()
def _ensure_pools() -> dict[str, bool]:
    """Create missing pools. Return the names of all pools, and whether each was created."""
    from airflow.utils.session import create_session  # noqa: PLC0415 - keeps --help quick

    from airflow_microsoft_advertising.pools import ensure_pools, pool_name  # noqa: PLC0415
    from customer_match.export.loading import BrokenExport, load_exports  # noqa: PLC0415

    exports = [export for export in load_exports(exports_folder()) if not isinstance(export, BrokenExport)]
    pools = sorted({pool_name(export.cid) for export in exports})
    with create_session() as session:
        created = ensure_pools(pools, session)
    return {name: name in created for name in pools}


app.command()(status)
app.command()(history)
app.command()(report)
app.command()(audiences)
app.command("sample-lake")(sample_lake)


@app.command()
def simulator(
    data: Annotated[Path, typer.Option(help="Folder for the simulator's data.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0: any free port.")] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    *,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Simulate the sandbox environment.")] = False,
) -> None:
    """Run a local simulator of Microsoft Advertising until it is interrupted.

    When it is ready, it prints one line of JSON: its base_url, and an account to sign in with.
    """
    try:
        from microsoft_advertising_simulator.command import serve  # noqa: PLC0415 - imports the libraries of a server
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"The simulator needs the package {error.name!r}. Install it: "
            "pip install 'customer-match-airflow[simulator]'"
        ) from None
    serve(port=port, data=data, host=host, sandbox=sandbox)


def _export_files(files_and_folders: Iterable[Path]) -> list[Path]:
    """Return the given files and the export files of the given folders, each once."""
    from customer_match.export.loading import export_files  # noqa: PLC0415 - keeps --help quick

    paths: dict[Path, Path] = {}
    for given in files_and_folders:
        found = export_files(given) if given.is_dir() or given == exports_folder() else [given]
        if not found:
            raise ConfigurationError(
                f"{given}: this folder contains no export files (*.yaml). Name another folder."
            )
        paths.update((path.resolve(), path) for path in found)
    return list(paths.values())


Errors = Sequence["InvalidExport | None"]


def _as_text(paths: Sequence[Path], names: Sequence[str], errors: Errors) -> str:
    return "\n".join(
        str(error) if error else f"{path.name}: valid; it becomes the DAG {name}."
        for path, name, error in zip(paths, names, errors, strict=True)
    )


def _as_json(paths: Sequence[Path], names: Sequence[str], errors: Errors) -> str:
    files = [
        {
            "file": str(path),
            "name": name,
            "valid": error is None,
            "problems": [asdict(problem) for problem in error.problems] if error else [],
        }
        for path, name, error in zip(paths, names, errors, strict=True)
    ]
    return as_json_text({"valid": not any(errors), "files": files})
