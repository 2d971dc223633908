"""Collect the values that `customer-match login` needs: from options, the connection, or questions.

No secret is read from the command's arguments, which other users of the machine can see.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_microsoft_advertising.cli.asking import prompt
from customer_match.errors import ConfigurationError
from microsoft_advertising.pasted import one_word, trim

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
    "collect",
    "keep_values",
]

_CLIENT_ID = "Application (client) id"
CLIENT_SECRET_VARIABLE = "CUSTOMER_MATCH_CLIENT_SECRET"  # noqa: S105 (a name, not a secret)
DEVELOPER_TOKEN_VARIABLE = "CUSTOMER_MATCH_DEVELOPER_TOKEN"  # noqa: S105
_ENVIRONMENT_VALUES = frozenset({"developer_token", "customer_id", "account_id"})
SANDBOX_DEVELOPER_TOKEN = "BBD37VB98"  # noqa: S105 (the same for all users and public; documented: sandbox page)


class EnvironmentName(StrEnum):
    """Environments, named as on the connection form."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"
    OTHER = "other"


class Registration(StrEnum):
    """The two kinds of app registration."""

    WEB = "web"
    PUBLIC = "public"


@dataclass(frozen=True)
class Login:
    """The command's options. None means that the value is read from the connection or asked for.

    Attributes:
        conn_id: The Airflow connection to write.
        client_id: Client id of the app registration.
        registration: Whether it is a web registration with a secret, or a public (native) one.
        client_secret_file: File that holds the secret.
        developer_token_file: File that holds the developer token.
        environment: The environment.
        base_url: URL of another host.
        tenant: Tenant, for a single-tenant application.
        customer_id: The customer (cid).
        account_id: The account (aid).
        browser: Whether to open a browser and listen for its answer; None: if one is available.
        port: Port to listen on; 0 for any.
        redirect_uri: A registered redirect URI whose address the user pastes.
        seconds: How long to wait for the browser.
        agreed_by: Name of the person who agrees to data privacy.
        as_json: Whether to print the result as JSON.
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
    agreed_by: str | None = None
    as_json: bool = False


@dataclass(frozen=True)
class Credentials:
    """All values that a sign-in needs.

    Attributes:
        client_id: Client id of the app registration.
        client_secret: None for a public registration.
        developer_token: Token for the calls that verify the sign-in.
        place: The connection's fields `environment`, `base_url` and `tenant`.
        environment: The environment that these fields define.
    """

    client_id: str
    client_secret: SecretStr | None
    developer_token: SecretStr
    place: dict[str, str]
    environment: Environment = field(repr=False)


def keep_values(login: Login, saved: SavedConnection) -> SavedConnection:
    """Return the values of the saved connection to keep: another environment needs other tokens, ids and hosts.

    An agreement to data privacy does not hold for another place either. The agreement and the further hosts are set to
    empty text, not omitted, so that they are removed from the connection too.
    """
    from airflow_microsoft_advertising.connection.consent import FIELDS  # noqa: PLC0415 (keeps --help quick)

    before, after = (_sign_in_place(wanted, saved) for wanted in (Login(login.conn_id), login))
    moved = any(before[key] != after[key] for key in ("environment", "base_url"))
    left_behind = _ENVIRONMENT_VALUES if moved else frozenset()
    extra = {key: value for key, value in saved.extra.items() if key not in left_behind}
    if moved:
        extra |= {key: "" for key in ("hosts", *FIELDS) if key in extra}
    return replace(saved, extra=extra)


def collect(login: Login, before: SavedConnection) -> Credentials:
    """Collect all values for a sign-in: from options, otherwise from the connection, otherwise from the user.

    Raises:
        ConfigurationError: A file cannot be read, a token or id is not one word, or the environment is unknown.
    """
    from pydantic import SecretStr  # noqa: PLC0415

    place = _sign_in_place(login, before)
    environment = _make_environment(login.conn_id, place)
    known = trim(before.client_id)
    client_id = _one_word(_CLIENT_ID, login.client_id or known or ask(_CLIENT_ID))
    secret = None
    if _choose_registration(login, before, is_known=client_id == known) is Registration.WEB:
        kept = before.client_secret if client_id == known else ""
        secret = SecretStr(
            _read_secret("Client secret", login.client_secret_file, CLIENT_SECRET_VARIABLE, kept)
        )
    kept = str(before.extra.get("developer_token") or "")
    if environment.sandbox and not kept:
        kept = SANDBOX_DEVELOPER_TOKEN
    token = _read_secret("Developer token", login.developer_token_file, DEVELOPER_TOKEN_VARIABLE, kept)
    return Credentials(client_id, secret, SecretStr(token), place, environment)


def _sign_in_place(login: Login, before: SavedConnection) -> dict[str, str]:
    """Return where to sign in: from options, otherwise from the connection."""
    name = login.environment or (EnvironmentName.OTHER if login.base_url else None)
    place = {key: str(before.extra.get(key) or "") for key in ("environment", "base_url", "tenant")}
    if name:
        place["environment"] = name.value
    if name not in (None, EnvironmentName.OTHER):
        place["base_url"] = ""  # it belongs to another environment
    if login.base_url is not None:
        place["base_url"] = login.base_url
    if login.tenant is not None:
        place["tenant"] = login.tenant
    return {**place, "environment": place["environment"] or EnvironmentName.PRODUCTION.value}


def _make_environment(conn_id: str, place: dict[str, str]) -> Environment:
    from airflow.sdk import Connection  # noqa: PLC0415

    from airflow_microsoft_advertising.connection.fields import environment_of  # noqa: PLC0415

    return environment_of(Connection(conn_id=conn_id, conn_type="", extra=json.dumps(place)))


def _choose_registration(login: Login, before: SavedConnection, *, is_known: bool) -> Registration:
    """Return the kind of registration: from options; that of the connection for the same application; otherwise web."""
    if login.registration:
        return login.registration
    return Registration.PUBLIC if is_known and not before.client_secret else Registration.WEB


def _read_secret(what: str, file: Path | None, variable: str, kept: str) -> str:
    """Read a secret from the file, the environment variable, the connection, or the user, in this order."""
    value = kept
    if file is not None:
        try:
            value = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"{file}: cannot be read ({getattr(error, 'strerror', None) or 'it is not text'})."
            ) from None
    elif os.environ.get(variable):
        value = os.environ[variable]
    value = _one_word(what, value)
    if file is not None and not value:
        raise ConfigurationError(f"{file}: is empty. Write the {what.lower()} into it.")
    return value or _one_word(what, ask(what, hidden=True))


def _one_word(what: str, text: str) -> str:
    """Remove white space and invisible characters around a pasted value."""
    try:
        return one_word(text)
    except ValueError as error:
        raise ConfigurationError(f"{what}: {error}.") from None


def ask(what: str, *, hidden: bool = False) -> str:
    """Ask the user for a value; a hidden one is not shown while it is typed."""
    return trim(
        prompt(what, option="an option or a variable: see `customer-match login --help`", hidden=hidden)
    )
