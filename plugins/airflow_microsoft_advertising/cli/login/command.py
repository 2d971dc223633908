"""`customer-match login`: a human signs in, the sign-in is proven, and the Airflow connection is written.

What people read goes to standard error, the result to standard output. No secret is ever shown, and none is
taken from the command's arguments, which other users of the machine can see.
"""

from __future__ import annotations

import json
import os
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_microsoft_advertising.cli.login.proof import Proven, prove
from airflow_microsoft_advertising.cli.login.request import (
    Credentials,
    EnvironmentName,
    Login,
    Registration,
    ask,
    carried_over,
    complete,
)
from airflow_microsoft_advertising.cli.output import logs_on_stderr, say
from airflow_microsoft_advertising.provider_info import DEFAULT_CONNECTION
from customer_match.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic import SecretStr

    from airflow_microsoft_advertising.connection.writer import SavedConnection
    from microsoft_advertising.auth.sign_in import SignIn

__all__ = ["log_in", "login"]

PASTES = 3
"""How often somebody may paste the wrong thing."""


def login(
    *,
    conn_id: Annotated[
        str, typer.Option("--connection", help="The Airflow connection to make or update.")
    ] = DEFAULT_CONNECTION,
    client_id: Annotated[
        str | None, typer.Option(help="Application (client) id of the app registration.")
    ] = None,
    client_secret_file: Annotated[
        Path | None,
        typer.Option(help="File with the client secret; or set CUSTOMER_MATCH_CLIENT_SECRET, or be asked."),
    ] = None,
    developer_token_file: Annotated[
        Path | None,
        typer.Option(
            help="File with the developer token; or set CUSTOMER_MATCH_DEVELOPER_TOKEN, or be asked."
        ),
    ] = None,
    environment: Annotated[EnvironmentName | None, typer.Option(help="Default: production.")] = None,
    base_url: Annotated[
        str | None, typer.Option(help="Of another host, such as the simulator; implies environment other.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="For an application of one tenant.")] = None,
    customer_id: Annotated[str | None, typer.Option(help="Customer (cid); looked up if left out.")] = None,
    account_id: Annotated[str | None, typer.Option(help="Account (aid); looked up if left out.")] = None,
    port: Annotated[
        int,
        typer.Option(min=0, max=65535, help="Where the browser's answer is received; 0 takes a free one."),
    ] = 0,
    redirect_uri: Annotated[
        str | None, typer.Option(help="A registered redirect URI to paste the answer from.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait for the browser.")] = 300,
    public: Annotated[
        bool | None,
        typer.Option(
            "--public/--web", help="Native registration without a secret, or web one with a secret."
        ),
    ] = None,
    browser: Annotated[
        bool | None,
        typer.Option("--browser/--no-browser", help="Open a browser here, or paste its address by hand."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as JSON, without secrets.")
    ] = False,
) -> None:
    """Sign in to Microsoft Advertising and write the Airflow connection.

    What is not given is taken from the connection, or asked for. No secret is taken as an option, as everybody
    on the machine could see it.
    """
    kinds = {None: None, True: Registration.PUBLIC, False: Registration.WEB}
    wanted = Login(
        conn_id=conn_id,
        client_id=client_id,
        registration=kinds[public],
        client_secret_file=client_secret_file,
        developer_token_file=developer_token_file,
        environment=environment,
        base_url=base_url,
        tenant=tenant,
        customer_id=customer_id,
        account_id=account_id,
        browser=browser,
        port=port,
        redirect_uri=redirect_uri,
        seconds=timeout,
        as_json=as_json,
    )
    with logs_on_stderr():
        result = log_in(wanted)
    typer.echo(result)


def log_in(login: Login) -> str:
    """Sign in and write the connection; returns the text to print.

    Raises:
        ConfigurationError, TransientError: What went wrong and what to do; the connection is as it was.
    """
    from airflow.utils.session import create_session  # noqa: PLC0415 (keeps --help quick)

    from airflow_microsoft_advertising.connection.writer import (  # noqa: PLC0415
        SavedConnection,
        outranked_by,
        read_connection,
        write_connection,
    )

    with create_session() as session:
        saved = read_connection(login.conn_id, session)
    before = carried_over(login, saved or SavedConnection())
    credentials = complete(login, before)
    refresh_token = _sign_in(login, credentials)
    proven = prove(login, before, credentials, refresh_token)
    with create_session() as session:
        written = write_connection(login.conn_id, _connection(before, credentials, proven), session)
    outranking = outranked_by(login.conn_id)
    if outranking:
        _tell(
            f"Mind: {outranking} is set. Airflow takes the connection from there, not what was just written."
        )
    if not written.encrypted:
        _tell(
            "Mind: Airflow has no Fernet key ([core] fernet_key), so that the connection's secrets lie in its "
            "database as they are. Set one and run this command again."
        )
    return _result(login, credentials, proven, made=written.made)


# --- The sign-in -------------------------------------------------------------------------------------------


def _sign_in(login: Login, credentials: Credentials) -> SecretStr:
    from microsoft_advertising.auth.sign_in import native_client_page  # noqa: PLC0415

    browser = _has_browser() if login.browser is None else login.browser
    if browser and login.redirect_uri is None:
        return _by_browser(login, credentials)
    public = credentials.client_secret is None
    page = native_client_page(credentials.environment) if public else "http://localhost"
    return _by_paste(credentials, login.redirect_uri or page)


def _by_browser(login: Login, credentials: Credentials) -> SecretStr:
    from microsoft_advertising.auth.redirect_listener import Listener  # noqa: PLC0415

    with (
        Listener(login.port) as listener,
        _begin(credentials, listener.redirect_uri, posted=True) as sign_in,
    ):
        listener.expect(sign_in.state)
        _tell("Sign in in the browser that opens now. If none does, open this address on this machine:")
        _show(sign_in.address)
        webbrowser.open(sign_in.address)
        return sign_in.finish(listener.wait(login.seconds))


def _by_paste(credentials: Credentials, redirect_uri: str) -> SecretStr:
    with _begin(credentials, redirect_uri) as sign_in:
        _tell("Open this address in any browser, sign in and accept:")
        _show(sign_in.address)
        _tell(
            f"The browser then goes to {redirect_uri}, where there may be an empty page or an error: that does "
            "not matter. Copy the whole address from its address bar within five minutes."
        )
        return sign_in.finish(_pasted())


def _pasted() -> dict[str, str]:
    from microsoft_advertising.auth.sign_in import read_answer  # noqa: PLC0415

    for _ in range(PASTES - 1):
        try:
            return read_answer(ask("Address"))
        except ConfigurationError as error:
            _tell(str(error))
    return read_answer(ask("Address"))


def _tell(text: str) -> None:
    """To the person at the terminal: standard output is the result's."""
    say(text, err=True)


def _show(address: str) -> None:
    """The sign-in's address, whole: no part of it may be taken for somebody's."""
    typer.echo(address, err=True)


def _begin(credentials: Credentials, redirect_uri: str, *, posted: bool = False) -> SignIn:
    from microsoft_advertising.auth.sign_in import SignIn  # noqa: PLC0415 (imports msal)

    return SignIn(
        credentials.client_id,
        credentials.client_secret,
        credentials.environment,
        redirect_uri,
        posted=posted,
    )


def _has_browser() -> bool:
    """Whether a browser with windows can be opened here; one in the terminal would not do."""
    if sys.platform.startswith("linux") and not any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    ):
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


# --- The result --------------------------------------------------------------------------------------------


def _connection(before: SavedConnection, credentials: Credentials, proven: Proven) -> SavedConnection:
    from airflow_microsoft_advertising.connection.writer import SavedConnection  # noqa: PLC0415

    secret = credentials.client_secret
    return SavedConnection(
        client_id=credentials.client_id,
        client_secret=secret.get_secret_value() if secret else "",
        extra={
            **{key: value for key, value in before.extra.items() if key == "hosts"},
            **credentials.place,
            "refresh_token": proven.refresh_token.get_secret_value(),
            "developer_token": credentials.developer_token.get_secret_value(),
            "customer_id": proven.customer_id,
            "account_id": proven.account_id,
        },
    )


def _result(login: Login, credentials: Credentials, proven: Proven, *, made: bool) -> str:
    name = credentials.environment.name
    if not login.as_json:
        accounts = ", ".join(account.name for account in proven.identity.accounts)
        return (
            f"Signed in as {proven.identity.user_name}; account {accounts} ({proven.account_id}), customer "
            f"{proven.customer_id}, {name}.\n"
            f"The Airflow connection {login.conn_id} was {'made' if made else 'updated'}."
        )
    return json.dumps(
        {
            "connection": login.conn_id,
            "made": made,
            "environment": credentials.place["environment"],
            "registration": (Registration.WEB if credentials.client_secret else Registration.PUBLIC).value,
            "user_id": proven.identity.user_id,
            "customer_id": proven.customer_id,
            "account_id": proven.account_id,
            "account": proven.identity.accounts[0].name,
        },
        indent=2,
        ensure_ascii=False,
    )
