"""The console script `customer-match`.

Exit status: 0 success, 1 a problem that the output describes, 2 an invalid command line, 130 interrupted.
"""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from airflow_microsoft_advertising.cli import connections as connections_command
from airflow_microsoft_advertising.cli import ledger as ledger_command
from airflow_microsoft_advertising.cli.airflow_settings import prepare_airflow
from airflow_microsoft_advertising.cli.audiences import audiences
from airflow_microsoft_advertising.cli.audit import command as audit_command
from airflow_microsoft_advertising.cli.checking.command import validate
from airflow_microsoft_advertising.cli.cleaning.command import clean
from airflow_microsoft_advertising.cli.consent import command as consent_command
from airflow_microsoft_advertising.cli.forgetting.command import forget
from airflow_microsoft_advertising.cli.forgetting.lookup import lookup
from airflow_microsoft_advertising.cli.history.report import report
from airflow_microsoft_advertising.cli.history.runs import history, status
from airflow_microsoft_advertising.cli.login.command import login
from airflow_microsoft_advertising.cli.output import logs_on_stderr, say
from airflow_microsoft_advertising.cli.reconcile import reconcile
from airflow_microsoft_advertising.cli.run import run
from airflow_microsoft_advertising.cli.sample_lake import sample_lake
from airflow_microsoft_advertising.cli.scaffold.command import new
from customer_match.errors import ConfigurationError, CustomerMatchError
from customer_match.project import exports_folder
from customer_match.release import release

__all__ = ["app", "main"]

app = typer.Typer(
    name="customer-match",
    help="Keep customer segments of a data lake as Customer Match audiences in Microsoft Advertising.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks show the values of variables, secrets among them
)
app.add_typer(ledger_command.app, name="ledger")
app.add_typer(connections_command.app, name="connections")
app.add_typer(consent_command.app, name="consent")
app.add_typer(audit_command.app, name="audit")


def main() -> None:
    """Run the command line. For the project's own errors, print the message without a traceback."""
    prepare_airflow()
    try:
        with _interruption_ends_with_130():
            _shown_as_flags(typer.main.get_command(app))()
    except CustomerMatchError as error:
        say(str(error), err=True)
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 (a library's message may quote a cell of a table)
        say("".join(traceback.format_exception(error)), err=True)
        sys.exit(1)


def _shown_as_flags(command: Any) -> Any:
    """Let help show flags without a type: typer (0.29) writes `--full <bool>`, as if it took a value."""
    for parameter in (*command.params, command.get_help_option(typer.Context(command))):
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
    for one in getattr(command, "commands", {}).values():
        _shown_as_flags(one)
    return command


@contextmanager
def _interruption_ends_with_130() -> Iterator[None]:
    """Give Ctrl-C the exit status that shells expect, at a question too: typer ends with 1 there."""
    interrupted = []

    def interrupt(*_: object) -> None:
        interrupted.append(True)
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where it is ignored
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except SystemExit:
        if interrupted:
            sys.exit(130)
        raise


def _show_version(value: bool) -> None:  # noqa: FBT001 (a callback of typer)
    if value:
        typer.echo(f"customer-match {release()}")
        raise typer.Exit


@app.callback()
def _commands(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version),
    ] = False,
) -> None:
    """Make typer require a command name, even if the app has only one command."""


app.command()(new)
app.command()(validate)
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

    from airflow_microsoft_advertising.connection.metadata_database import (  # noqa: PLC0415
        require_metadata_database,
    )
    from airflow_microsoft_advertising.pools import ensure_pools, pool_name  # noqa: PLC0415
    from customer_match.export.loading import BrokenExport, load_exports  # noqa: PLC0415

    require_metadata_database()
    exports = [export for export in load_exports(exports_folder()) if not isinstance(export, BrokenExport)]
    pools = sorted({pool_name(export.cid) for export in exports})
    with create_session() as session:
        created = ensure_pools(pools, session)
    return {name: name in created for name in pools}


app.command()(status)
app.command()(history)
app.command()(report)
app.command()(audiences)
app.command()(forget)
app.command()(lookup)
app.command()(clean)
app.command("sample-lake")(sample_lake)


@app.command()
def simulator(
    data: Annotated[Path, typer.Option(help="Folder for the simulator's data.", file_okay=False)] = Path(
        ".simulator"
    ),
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
