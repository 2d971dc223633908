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
    help="Customer segments of a data lake as Customer Match audiences in Microsoft Advertising.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks show the values of variables, secrets among them
)
app.add_typer(ledger_command.app, name="ledger")


def main() -> None:
    """Run the command line; the project's own errors end it with their message alone."""
    try:
        app()
    except CustomerMatchError as error:
        say(str(error), err=True)
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 (what a library says may quote a cell of a table)
        say("".join(traceback.format_exception(error)), err=True)
        sys.exit(1)


@app.callback()
def _commands() -> None:
    """Keeps the commands' names even where only one is left."""


@app.command()
def validate(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="Export files, or folders of them; default: include/exports."),
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Check export files and print every problem with its line, its key and what to do."""
    from customer_match.export.loading import (  # noqa: PLC0415 - keeps --help quick
        BrokenExport,
        load_files,
        reject_shared,
    )

    paths = _export_files(files or [exports_folder()])
    results = reject_shared(paths, load_files(paths, parse_conditions=True))
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
    """Make what Airflow's metadata database needs for the exports: a pool for each customer."""
    for name, made in _pools().items():
        typer.echo(f"Pool {name}: {'made' if made else 'was there'}.")


@logs_on_stderr()
def _pools() -> dict[str, bool]:
    """The pools that are there now, and whether each had to be made."""
    from airflow.utils.session import create_session  # noqa: PLC0415 - keeps --help quick

    from airflow_microsoft_advertising.pools import ensure_pools, pool_name  # noqa: PLC0415
    from customer_match.export.loading import BrokenExport, load_exports  # noqa: PLC0415

    exports = [export for export in load_exports(exports_folder()) if not isinstance(export, BrokenExport)]
    pools = sorted({pool_name(export.cid) for export in exports})
    with create_session() as session:
        made = ensure_pools(pools, session)
    return {name: name in made for name in pools}


app.command()(audiences)
app.command("sample-lake")(sample_lake)


@app.command()
def simulator(
    data: Annotated[Path, typer.Option(help="Folder for everything that it keeps.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 takes a free one.")] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    *,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Play the sandbox environment.")] = False,
) -> None:
    """Run a local stand-in of Microsoft Advertising until it is interrupted.

    Prints one line of JSON when it is ready: its base_url, and an account to sign in with.
    """
    try:
        from microsoft_advertising_simulator.command import serve  # noqa: PLC0415 - a server's libraries
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"The simulator needs the package {error.name!r}. Install it with its extra: "
            "pip install 'customer-match-airflow[simulator]'"
        ) from None
    serve(port=port, data=data, host=host, sandbox=sandbox)


def _export_files(files_and_folders: Iterable[Path]) -> list[Path]:
    """The given files and the files of the given folders, each once."""
    from customer_match.export.loading import export_files  # noqa: PLC0415 - keeps --help quick

    paths: dict[Path, Path] = {}
    for given in files_and_folders:
        found = export_files(given) if given.is_dir() else [given]
        if not found:
            raise ConfigurationError(
                f"{given}: this folder contains no export files (*.yaml). Name another one."
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
