"""`customer-match login`: a user signs in, the sign-in is verified, and the Airflow connection is written.

Messages for the user go to standard error, the result to standard output. No secret is ever shown, and none is
read from the command's arguments, which other users of the machine can see.
"""

from __future__ import annotations

import json
import webbrowser
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_microsoft_advertising.cli.login.agreement import agreement_fields
from airflow_microsoft_advertising.cli.login.browser import has_browser
from airflow_microsoft_advertising.cli.login.proof import VerifiedSignIn, verify
from airflow_microsoft_advertising.cli.login.request import (
    Credentials,
    EnvironmentName,
    Login,
    Registration,
    ask,
    collect,
    keep_values,
)
from airflow_microsoft_advertising.cli.output import logs_on_stderr, say
from airflow_microsoft_advertising.provider_info import DEFAULT_CONNECTION
from customer_match.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic import SecretStr

    from airflow_microsoft_advertising.connection.writer import SavedConnection
    from microsoft_advertising.auth.sign_in import SignIn

__all__ = ["log_in", "login"]

PASTE_ATTEMPTS = 3
"""How many times a user may paste a wrong address."""


def login(
    *,
    conn_id: Annotated[
        str, typer.Option("--connection", help="The Airflow connection to create or update.")
    ] = DEFAULT_CONNECTION,
    client_id: Annotated[
        str | None, typer.Option(help="Application (client) id of the app registration.")
    ] = None,
    client_secret_file: Annotated[
        Path | None,
        typer.Option(help="File with the client secret; or see above."),
    ] = None,
    developer_token_file: Annotated[
        Path | None,
        typer.Option(help="File with the developer token; or see above."),
    ] = None,
    environment: Annotated[EnvironmentName | None, typer.Option(help="Default: production.")] = None,
    base_url: Annotated[
        str | None,
        typer.Option(help="URL of another host, such as the simulator; implies environment other."),
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Tenant, for a single-tenant application.")] = None,
    customer_id: Annotated[str | None, typer.Option(help="Customer (cid); looked up if omitted.")] = None,
    account_id: Annotated[str | None, typer.Option(help="Account (aid); looked up if omitted.")] = None,
    port: Annotated[
        int,
        typer.Option(min=0, max=65535, help="Port for the browser's answer; 0 selects a free one."),
    ] = 0,
    redirect_uri: Annotated[
        str | None,
        typer.Option(help="A registered redirect URI; you then paste the address that it receives."),
    ] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait for the browser.")] = 300,
    public: Annotated[
        bool | None,
        typer.Option(
            "--public/--web", help="Native registration without a secret, or web registration with a secret."
        ),
    ] = None,
    browser: Annotated[
        bool | None,
        typer.Option(
            "--browser/--no-browser", help="Open a browser here, or open the address yourself and paste."
        ),
    ] = None,
    agreed_by: Annotated[
        str | None,
        typer.Option(
            "--agree-data-privacy",
            metavar="NAME",
            help="Agree to data privacy under this name: `customer-match consent show` prints the text.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as JSON, without secrets.")
    ] = False,
) -> None:
    """Sign in to Microsoft Advertising and write the Airflow connection.

    Values that are not given are read from the connection or asked for. No secret is an option, because other users of
    the machine could see it: give files, set CUSTOMER_MATCH_CLIENT_SECRET and CUSTOMER_MATCH_DEVELOPER_TOKEN, or enter
    the secrets when asked.
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
        agreed_by=agreed_by,
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
    """Sign in and write the connection; return the text to print.

    Raises:
        ConfigurationError, TransientError: The sign-in failed, and the message says what to do; the connection is
        unchanged.
    """
    from airflow.utils.session import create_session  # noqa: PLC0415 (keeps --help quick)

    from airflow_microsoft_advertising.connection.metadata_database import (  # noqa: PLC0415
        require_metadata_database,
    )
    from airflow_microsoft_advertising.connection.place import variable_of  # noqa: PLC0415
    from airflow_microsoft_advertising.connection.writer import (  # noqa: PLC0415
        SavedConnection,
        read_connection,
        write_connection,
    )

    require_metadata_database()
    with create_session() as session:
        saved = read_connection(login.conn_id, session)
    before = keep_values(login, saved or SavedConnection())
    credentials = collect(login, before)
    refresh_token = _sign_in(login, credentials)
    verified = verify(login, before, credentials, refresh_token)
    agreement = agreement_fields(login, before)
    with create_session() as session:
        written = write_connection(
            login.conn_id, _to_connection(before, credentials, verified, agreement), session
        )
    variable = variable_of(login.conn_id)
    if variable:
        _message(
            f"Warning: {variable} is set. Airflow reads the connection from there, not the one just written."
        )
    if not written.encrypted:
        _message(
            "Warning: Airflow has no Fernet key ([core] fernet_key), so the connection's secrets are stored "
            "unencrypted in its database. Set a key and run this command again."
        )
    return _result(login, credentials, verified, made=written.made)


# --- The sign-in -------------------------------------------------------------------------------------------


def _sign_in(login: Login, credentials: Credentials) -> SecretStr:
    from microsoft_advertising.auth.sign_in import native_client_page  # noqa: PLC0415

    browser = has_browser() if login.browser is None else login.browser
    if browser and login.redirect_uri is None:
        return _sign_in_by_browser(login, credentials)
    public = credentials.client_secret is None
    page = native_client_page(credentials.environment) if public else "http://localhost"
    return _sign_in_by_paste(credentials, login.redirect_uri or page)


def _sign_in_by_browser(login: Login, credentials: Credentials) -> SecretStr:
    from microsoft_advertising.auth.redirect_listener import Listener  # noqa: PLC0415

    with (
        Listener(login.port) as listener,
        _start_sign_in(credentials, listener.redirect_uri, is_posted=True) as sign_in,
    ):
        listener.expect(sign_in.state)
        _message("Sign in with the browser that opens now. If none opens, open this address on this machine:")
        _print_address(sign_in.address)
        webbrowser.open(sign_in.address)
        return sign_in.finish(listener.wait(login.seconds))


def _sign_in_by_paste(credentials: Credentials, redirect_uri: str) -> SecretStr:
    with _start_sign_in(credentials, redirect_uri) as sign_in:
        _message("Open this address in any browser, sign in and accept:")
        _print_address(sign_in.address)
        _message(
            f"The browser then goes to {redirect_uri}, which may show an empty page or an error. Ignore it. "
            "Copy the whole address from the address bar within five minutes."
        )
        return sign_in.finish(_ask_address())


def _ask_address() -> dict[str, str]:
    from microsoft_advertising.auth.sign_in import read_answer  # noqa: PLC0415

    for _ in range(PASTE_ATTEMPTS - 1):
        try:
            return read_answer(ask("Address"))
        except ConfigurationError as error:
            _message(str(error))
    return read_answer(ask("Address"))


def _message(text: str) -> None:
    """Print a message on standard error; standard output is for the result."""
    say(text, err=True)


def _print_address(address: str) -> None:
    """Print the sign-in's address unchanged, without redaction."""
    typer.echo(address, err=True)


def _start_sign_in(credentials: Credentials, redirect_uri: str, *, is_posted: bool = False) -> SignIn:
    from microsoft_advertising.auth.sign_in import AnswerMode, SignIn  # noqa: PLC0415 (imports msal)

    return SignIn(
        credentials.client_id,
        credentials.client_secret,
        credentials.environment,
        redirect_uri,
        mode=AnswerMode.FORM if is_posted else AnswerMode.QUERY,
    )


# --- The result --------------------------------------------------------------------------------------------


def _to_connection(
    before: SavedConnection,
    credentials: Credentials,
    verified: VerifiedSignIn,
    agreement: Mapping[str, str],
) -> SavedConnection:
    from airflow_microsoft_advertising.connection.writer import SavedConnection  # noqa: PLC0415

    secret = credentials.client_secret
    return SavedConnection(
        client_id=credentials.client_id,
        client_secret=secret.get_secret_value() if secret else "",
        extra={
            **{key: value for key, value in before.extra.items() if key == "hosts"},
            **agreement,
            **credentials.place,
            "refresh_token": verified.refresh_token.get_secret_value(),
            "signed_in_on": datetime.now(UTC).isoformat(timespec="seconds"),
            "developer_token": credentials.developer_token.get_secret_value(),
            "customer_id": verified.customer_id,
            "account_id": verified.account_id,
        },
    )


def _result(login: Login, credentials: Credentials, verified: VerifiedSignIn, *, made: bool) -> str:
    name = credentials.environment.name
    if not login.as_json:
        accounts = ", ".join(account.name for account in verified.identity.accounts)
        return (
            f"Signed in as {verified.identity.user_name}; account {accounts} ({verified.account_id}), customer "
            f"{verified.customer_id}, {name}.\n"
            f"The Airflow connection {login.conn_id} was {'created' if made else 'updated'}."
        )
    return json.dumps(
        {
            "connection": login.conn_id,
            "made": made,
            "environment": credentials.place["environment"],
            "registration": (Registration.WEB if credentials.client_secret else Registration.PUBLIC).value,
            "user_id": verified.identity.user_id,
            "customer_id": verified.customer_id,
            "account_id": verified.account_id,
            "account": verified.identity.accounts[0].name,
        },
        indent=2,
        ensure_ascii=False,
    )
