"""`customer-match consent`: the agreement to data privacy without which no export runs with a connection."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_microsoft_advertising.cli.asking import prompt
from airflow_microsoft_advertising.cli.consent.asking import agree, checked_name, text_of
from airflow_microsoft_advertising.cli.output import as_json_text, logs_on_stderr, say
from airflow_microsoft_advertising.provider_info import DEFAULT_CONNECTION
from customer_match.errors import ConfigurationError

if TYPE_CHECKING:
    from customer_match.data_privacy import PrivacyAgreement

__all__ = ["app"]

app = typer.Typer(
    help="Show, give or withdraw the agreement to data privacy, which every export needs.",
    no_args_is_help=True,
)

ConnectionId = Annotated[
    str, typer.Argument(metavar="CONNECTION", help=f"The Airflow connection, such as {DEFAULT_CONNECTION}.")
]


@app.command()
def show(
    conn_id: Annotated[
        str | None,
        typer.Argument(metavar="[CONNECTION]", help="The Airflow connection; omitted: the text only."),
    ] = None,
    *,
    language: Annotated[str, typer.Option(help="Language of the text: en or fr.")] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Print the text, and who has agreed to it for a connection.

    Exit status: 0 agreed, or no connection was named; 1 nobody has agreed.
    """
    from customer_match.data_privacy import current_text_id  # noqa: PLC0415 (keeps --help quick)

    agreement = _agreement(conn_id) if conn_id else None
    if as_json:
        found = agreement.model_dump(mode="json") if agreement else None
        typer.echo(as_json_text({"text": current_text_id(), "connection": conn_id, "agreement": found}))
    else:
        say(f"{text_of(language)}\n\nText {current_text_id()}.")
        if conn_id:
            say(f"Connection {conn_id}: {agreement or 'nobody has agreed, so no export runs with it'}.")
    if conn_id and not agreement:
        raise typer.Exit(1)


@app.command()
def give(
    conn_id: ConnectionId,
    name: Annotated[
        str | None, typer.Option(help="Name of the person who has read the text and agrees; omitted: ask.")
    ] = None,
) -> None:
    """Agree to data privacy for a connection. Exports then run with it."""
    from airflow_microsoft_advertising.connection.consent import agreed_fields  # noqa: PLC0415 (as above)

    _check_place(conn_id)
    agreement = agree(name)
    _write(conn_id, agreed_fields(agreement))
    say(f"Connection {conn_id}: {agreement}.")


@app.command()
def withdraw(
    conn_id: ConnectionId,
    name: Annotated[str | None, typer.Option(help="Name of the person who withdraws; omitted: ask.")] = None,
) -> None:
    """Withdraw the agreement. The next run stops before it reads anything; a run that has begun goes on."""
    from airflow_microsoft_advertising.connection.consent import withdrawn_fields  # noqa: PLC0415

    _check_place(conn_id)
    who = checked_name(prompt("Your name", option="--name") if name is None else name)
    _write(conn_id, withdrawn_fields(who, datetime.now(UTC)))
    say(
        f"Connection {conn_id}: the agreement was withdrawn. Exports stop at their next run; audiences keep their "
        "members."
    )


@logs_on_stderr()
def _agreement(conn_id: str) -> PrivacyAgreement | None:
    from airflow_microsoft_advertising.cli.airflow_settings import airflow_connections  # noqa: PLC0415
    from airflow_microsoft_advertising.connection.consent import agreement_of  # noqa: PLC0415
    from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook  # noqa: PLC0415

    with airflow_connections():
        return agreement_of(MicrosoftAdvertisingHook(conn_id).connection())


def _check_place(conn_id: str) -> None:
    """Check that the connection is where commands can change it."""
    from airflow_microsoft_advertising.connection.metadata_database import require_metadata_database  # noqa: PLC0415
    from airflow_microsoft_advertising.connection.place import variable_of  # noqa: PLC0415

    if variable := variable_of(conn_id):
        raise ConfigurationError(
            f"The connection {conn_id!r} is defined in the environment variable {variable}. Change the fields "
            "`privacy_agreed_by`, `privacy_agreed_on` and `privacy_text` in its `extra` there."
        )
    with logs_on_stderr():
        require_metadata_database()


@logs_on_stderr()
def _write(conn_id: str, fields: Mapping[str, str]) -> None:
    from airflow.utils.session import create_session  # noqa: PLC0415

    from airflow_microsoft_advertising.connection.writer import write_fields  # noqa: PLC0415

    with create_session() as session:
        write_fields(conn_id, fields, session)
