"""What `customer-match login` needs to know before anybody signs in: options, the connection, or questions.

No secret is taken from the command's arguments, which other users of the machine can see.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from customer_match.errors import ConfigurationError
from microsoft_advertising.pasted import one_word, trimmed

if TYPE_CHECKING:
    from pydantic import SecretStr

    from airflow_microsoft_advertising.connection.writer import SavedConnection
    from microsoft_advertising.environment import Environment

__all__ = [
    "Credentials",
    "EnvironmentName",
    "Login",
    "Registration",
    "ask",
    "carried_over",
    "complete",
]

_CLIENT_ID = "Application (client) id"
CLIENT_SECRET_VARIABLE = "CUSTOMER_MATCH_CLIENT_SECRET"  # noqa: S105 (a name)
DEVELOPER_TOKEN_VARIABLE = "CUSTOMER_MATCH_DEVELOPER_TOKEN"  # noqa: S105
_OF_ONE_ENVIRONMENT = frozenset({"developer_token", "customer_id", "account_id"})
SANDBOX_DEVELOPER_TOKEN = "BBD37VB98"  # noqa: S105 (universal and public, documented: sandbox page)


class EnvironmentName(StrEnum):
    """As on the connection form."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"
    OTHER = "other"


class Registration(StrEnum):
    """The two kinds of app registrations."""

    WEB = "web"
    PUBLIC = "public"


@dataclass(frozen=True)
class Login:
    """What the command was asked for; what is None is taken from the connection, or asked for.

    Attributes:
        conn_id: The Airflow connection to write.
        client_id: Of the app registration.
        registration: Whether it is a web one with a secret, or a public (native) one.
        client_secret_file: A file that holds the secret.
        developer_token_file: A file that holds the developer token.
        environment: Which one.
        base_url: Of another host.
        tenant: For an application of one tenant.
        customer_id: The customer (cid).
        account_id: The account (aid).
        browser: Whether to open one and listen for its answer; None: where there is one.
        port: To listen on; 0 for any.
        redirect_uri: A registered one from which the answer is pasted.
        seconds: To wait for the browser.
        as_json: Whether the result is printed as JSON.
    """

    conn_id: str
    client_id: str | None = None
    registration: Registration | None = None
    client_secret_file: Path | None = None
    developer_token_file: Path | None = None
    environment: EnvironmentName | None = None
    base_url: str | None = None
    tenant: str | None = None
    customer_id: str | None = None
    account_id: str | None = None
    browser: bool | None = None
    port: int = 0
    redirect_uri: str | None = None
    seconds: float = 300
    as_json: bool = False


@dataclass(frozen=True)
class Credentials:
    """All that a sign-in needs, complete.

    Attributes:
        client_id: Of the app registration.
        client_secret: None for a public one.
        developer_token: For the calls that prove the sign-in.
        place: The connection's fields `environment`, `base_url` and `tenant`.
        environment: What they stand for.
    """

    client_id: str
    client_secret: SecretStr | None
    developer_token: SecretStr
    place: dict[str, str]
    environment: Environment = field(repr=False)


def carried_over(login: Login, saved: SavedConnection) -> SavedConnection:
    """What of the saved connection goes on to hold: another environment has other tokens, ids and hosts.

    Further hosts are emptied and not left out, so that they are taken off the connection too.
    """
    before, after = (_place(wanted, saved) for wanted in (Login(login.conn_id), login))
    moved = any(before[key] != after[key] for key in ("environment", "base_url"))
    left_behind = _OF_ONE_ENVIRONMENT if moved else frozenset()
    extra = {key: value for key, value in saved.extra.items() if key not in left_behind}
    if moved and "hosts" in extra:
        extra["hosts"] = ""
    return replace(saved, extra=extra)


def complete(login: Login, before: SavedConnection) -> Credentials:
    """Everything that a sign-in needs: as asked for, else as on the connection, else as a person answers.

    Raises:
        ConfigurationError: A file cannot be read, a token or an id is not one word, or the environment is not known.
    """
    from pydantic import SecretStr  # noqa: PLC0415

    place = _place(login, before)
    environment = _environment(login.conn_id, place)
    known = trimmed(before.client_id)
    client_id = _word(_CLIENT_ID, login.client_id or known or ask(_CLIENT_ID))
    secret = None
    if _registration(login, before, is_known=client_id == known) is Registration.WEB:
        kept = before.client_secret if client_id == known else ""
        secret = SecretStr(_secret("Client secret", login.client_secret_file, CLIENT_SECRET_VARIABLE, kept))
    kept = str(before.extra.get("developer_token") or "")
    if environment.sandbox and not kept:
        kept = SANDBOX_DEVELOPER_TOKEN
    token = _secret("Developer token", login.developer_token_file, DEVELOPER_TOKEN_VARIABLE, kept)
    return Credentials(client_id, secret, SecretStr(token), place, environment)


def _place(login: Login, before: SavedConnection) -> dict[str, str]:
    """Where to sign in: what was asked for, else as on the connection."""
    name = login.environment or (EnvironmentName.OTHER if login.base_url else None)
    place = {key: str(before.extra.get(key) or "") for key in ("environment", "base_url", "tenant")}
    if name:
        place["environment"] = name.value
    if name not in (None, EnvironmentName.OTHER):
        place["base_url"] = ""  # that of another environment
    if login.base_url is not None:
        place["base_url"] = login.base_url
    if login.tenant is not None:
        place["tenant"] = login.tenant
    return {**place, "environment": place["environment"] or EnvironmentName.PRODUCTION.value}


def _environment(conn_id: str, place: dict[str, str]) -> Environment:
    from airflow.sdk import Connection  # noqa: PLC0415

    from airflow_microsoft_advertising.connection.fields import environment_of  # noqa: PLC0415

    return environment_of(Connection(conn_id=conn_id, conn_type="", extra=json.dumps(place)))


def _registration(login: Login, before: SavedConnection, *, is_known: bool) -> Registration:
    """What was asked for, else, if the application is the connection's, as that has it, else a web one."""
    if login.registration:
        return login.registration
    return Registration.PUBLIC if is_known and not before.client_secret else Registration.WEB


def _secret(what: str, file: Path | None, variable: str, kept: str) -> str:
    """From the file, the environment variable, the connection, or a person, in this order."""
    value = kept
    if file is not None:
        try:
            value = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"{file}: cannot be read ({getattr(error, 'strerror', None) or 'it is no text'})."
            ) from None
    elif os.environ.get(variable):
        value = os.environ[variable]
    value = _word(what, value)
    if file is not None and not value:
        raise ConfigurationError(f"{file}: is empty; put the {what.lower()} into it.")
    return value or _word(what, ask(what, hidden=True))


def _word(what: str, text: str) -> str:
    """What was pasted, without what came along with it."""
    try:
        return one_word(text)
    except ValueError as error:
        raise ConfigurationError(f"{what}: {error}.") from None


def ask(what: str, *, hidden: bool = False) -> str:
    """An answer of the person at the terminal; hidden ones are not shown while they are typed."""
    answer: str = typer.prompt(what, hide_input=hidden, err=True)
    return trimmed(answer)
