"""`customer-match connections to-rest`: changes connections that use SOAP to REST before Microsoft ends SOAP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_microsoft_advertising.cli.output import as_json_text, logs_on_stderr, say
from airflow_microsoft_advertising.provider_info import DEFAULT_CONNECTION
from customer_match.errors import ConfigurationError
from customer_match.project import exports_folder

if TYPE_CHECKING:
    from airflow_microsoft_advertising.connection.soap_use import Definition

__all__ = ["app"]

app = typer.Typer(help="Change connections to Microsoft Advertising.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep the name of the only command."""


@app.command("to-rest")
def to_rest(
    conn_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="CONNECTION", help="Ids of connections; omitted: all that can be found."),
    ] = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing, and show what would be changed.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Change connections that use SOAP to REST. Microsoft switches SOAP off on 31 January 2027.

    Connections in Airflow's metadata database are changed. Those in environment variables and in secrets backends are
    named, with what to change there; a backend is asked for the ids that are named here, in exports or in the database.

    Exit status: 0 none of them uses SOAP any more; 1 some do, or cannot be read.
    """
    found = _change(conn_ids or [], dry_run=dry_run)
    if as_json:
        typer.echo(_as_json(found, dry_run=dry_run))
    else:
        for one in found:
            say(_line(one, dry_run=dry_run))
        if not found:
            say("No connection uses SOAP.")
    if any(dry_run or not _is_ours(one) for one in found):
        raise typer.Exit(1)


@logs_on_stderr()
def _change(conn_ids: Sequence[str], *, dry_run: bool) -> list[Definition]:
    """Find the definitions that use SOAP or cannot be read, and change those in the database unless it is a dry run."""
    from airflow.utils.session import create_session  # noqa: PLC0415 (keeps --help quick)

    from airflow_microsoft_advertising.connection import soap_use  # noqa: PLC0415
    from airflow_microsoft_advertising.connection.metadata_database import require_metadata_database  # noqa: PLC0415
    from microsoft_advertising.transport.choice import TransportName  # noqa: PLC0415

    require_metadata_database()
    with create_session() as session:
        known = soap_use.definitions(session, conn_ids or _usual_ids(), and_all=not conn_ids)
        if missing := set(conn_ids) - {one.conn_id for one in known}:
            raise ConfigurationError(
                f"No connection to Microsoft Advertising has the id {', '.join(sorted(missing))}. Nothing was changed. "
                "Check the spelling (Browse > Audience connections), and run this command with the same "
                "settings as Airflow."
            )
        found = [one for one in known if one.transport is not TransportName.REST]
        for one in found:
            if _is_ours(one) and not dry_run:
                soap_use.change_to_rest(one.conn_id, session)
    return found


def _usual_ids() -> list[str]:
    """Return the ids that exports name, and the one that hooks use by default."""
    from customer_match.export.loading import BrokenExport, load_exports  # noqa: PLC0415

    exports = load_exports(exports_folder()) if exports_folder().is_dir() else []
    return [DEFAULT_CONNECTION, *(one.connection for one in exports if not isinstance(one, BrokenExport))]


def _is_ours(one: Definition) -> bool:
    """Whether the command can change it."""
    return not one.name and not one.fault


def _state(one: Definition, *, dry_run: bool) -> str:
    if one.fault:
        return "unreadable"
    if not _is_ours(one):
        return "change by hand"
    return "to change" if dry_run else "changed"


def _where(one: Definition) -> str:
    return f"the {one.place.value}{f' {one.name}' if one.name else ''}"


def _line(one: Definition, *, dry_run: bool) -> str:
    what = {
        "unreadable": f"{_where(one)} cannot be read: {one.fault}",
        "change by hand": f"uses SOAP in {_where(one)}. Set `transport` to rest there (in JSON: in `extra`)",
        "to change": f"uses SOAP in {_where(one)}, and would be changed to REST",
        "changed": "was changed to REST. Test it: Browse > Audience connections",
    }[_state(one, dry_run=dry_run)]
    return f"Connection {one.conn_id}: {what.rstrip('.')}."


def _as_json(found: Sequence[Definition], *, dry_run: bool) -> str:
    from microsoft_advertising.limits import SOAP_ENDS  # noqa: PLC0415

    rows = [
        {"connection": one.conn_id, "place": one.place.value, "name": one.name or None,
         "state": _state(one, dry_run=dry_run), "fault": one.fault}
        for one in found
    ]  # fmt: skip
    return as_json_text({"soap_ends": SOAP_ENDS.isoformat(), "connections": rows})
