"""The command `customer-match audiences`: lists the customer lists of an account, and deletes some.

It finds the connection as Airflow's own commands do: in the environment, in secrets backends, or in the metadata
database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airflow_microsoft_advertising.cli.airflow_settings import airflow_connections
from airflow_microsoft_advertising.cli.asking import confirm
from airflow_microsoft_advertising.cli.output import as_json_text, logs_on_stderr, say
from airflow_microsoft_advertising.provider_info import DEFAULT_CONNECTION
from customer_match.errors import ConfigurationError
from customer_match.wording import counted

if TYPE_CHECKING:
    from microsoft_advertising.models import Audience

__all__ = ["audiences"]

_COLUMNS = {
    "id": "id",
    "name": "name",
    "export": "export",
    "scope": "scope",
    "days": "days",
    "search_size": "search",
    "network_size": "network",
    "readiness": "readiness",
}


def audiences(
    connection: Annotated[str, typer.Option(help="Id of the Airflow connection.")] = DEFAULT_CONNECTION,
    cid: Annotated[str | None, typer.Option(help="Customer ID (cid), instead of the connection's.")] = None,
    aid: Annotated[str | None, typer.Option(help="Account ID (aid), instead of the connection's.")] = None,
    delete: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Delete this audience; may be repeated.")
    ] = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without confirmation.")] = False,
    not_ours: Annotated[
        bool, typer.Option("--not-ours", help="Allow --delete for audiences that no export created.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """List the audiences of an account with their exports and sizes. With --delete, delete audiences."""
    from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook  # noqa: PLC0415 - keeps --help quick

    with logs_on_stderr(), airflow_connections():
        hook = MicrosoftAdvertisingHook(connection, customer_id=cid, account_id=aid)
        with hook.get_conn() as client:
            found = sorted(client.list_audiences(), key=lambda audience: (audience.name, audience.id))
            chosen = _choose(found, delete or (), not_ours=not_ours)
            if chosen and not yes:
                _ask(chosen)
            for audience in chosen:
                client.delete_audience(audience.id)
                say(f"Deleted the audience {audience.name!r} (id {audience.id}).", err=True)
    if not delete:
        if as_json:
            typer.echo(_as_json(found))
        else:
            say(_as_text(found))
    elif as_json:
        typer.echo(as_json_text({"deleted": [audience.id for audience in chosen]}))


def _choose(found: Sequence[Audience], ids: Sequence[str], *, not_ours: bool) -> list[Audience]:
    """Return the audiences to delete.

    Raises:
        ConfigurationError: One does not exist or may not be deleted; then none is deleted.
    """
    known = {audience.id: audience for audience in found}
    missing = [id_ for id_ in ids if id_ not in known]
    if missing:
        raise ConfigurationError(
            f"There is no audience with the id {', '.join(missing)}. "
            "Nothing was deleted. `customer-match audiences` lists all audiences."
        )
    chosen = [known[id_] for id_ in dict.fromkeys(ids)]
    foreign = [f"{a.name!r} (id {a.id})" for a in chosen if _owner(a) is None]
    if foreign and not not_ours:
        raise ConfigurationError(
            f"No export created {', '.join(foreign)}. Nothing was deleted. To delete it all the same, add --not-ours."
        )
    return chosen


def _ask(chosen: Sequence[Audience]) -> None:
    """Ask for confirmation; a refusal ends the command."""
    for audience in chosen:
        say(f"{audience.id}  {audience.name}  ({_owner(audience) or 'not ours'})", err=True)
    confirm(f"Delete {counted(len(chosen), 'audience')} with all members?")


def _owner(audience: Audience) -> str | None:
    """Return the export that keeps an audience; None if it carries no export's mark."""
    from customer_match_delivery.marks import mark_in  # noqa: PLC0415 - keeps --help quick

    mark = mark_in(audience.description)
    return mark.export if mark else None


def _record(audience: Audience) -> dict[str, Any]:
    from customer_match.planning.sizes import Matched, readiness_of  # noqa: PLC0415 - as above
    from microsoft_advertising.limits import MIN_SERVABLE_MEMBERS  # noqa: PLC0415

    matched = Matched(audience.search_size, audience.network_size)
    return {
        "id": audience.id,
        "name": audience.name,
        "export": _owner(audience),
        "scope": audience.scope,
        "membership_duration": audience.membership_duration,
        "search_size": audience.search_size,
        "network_size": audience.network_size,
        "readiness": str(readiness_of(matched, MIN_SERVABLE_MEMBERS)),
    }


def _as_json(found: Sequence[Audience]) -> str:
    return as_json_text({"audiences": [_record(audience) for audience in found]})


def _as_text(found: Sequence[Audience]) -> str:
    if not found:
        return "This account can use no customer lists."
    import pandas as pd  # noqa: PLC0415 - keeps --help quick

    from customer_match.runs.report_tables import as_text  # noqa: PLC0415 - as above

    table = pd.DataFrame([_record(audience) | {"days": _days(audience)} for audience in found])
    table = table.fillna({"export": "not ours"}).astype({"search_size": "Int64", "network_size": "Int64"})
    return as_text(table[list(_COLUMNS)].rename(columns=_COLUMNS))


def _days(audience: Audience) -> str | None:
    days = audience.membership_duration
    return "unlimited" if days == -1 else None if days is None else str(days)
