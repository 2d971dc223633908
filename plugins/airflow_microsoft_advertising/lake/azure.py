"""From an Airflow connection to a file system in Azure: the one place that knows Azure's credentials.

A connection of type `wasb`, `adls` or `azure_data_lake` says who we are, in the fields that Airflow's Azure
provider gives them; the first of these that is filled in counts, in the provider's own order:

1. a connection string,
2. a service principal: tenant, client id (login), client secret (password), and in Extra, as the provider has
   it, `client_secret_auth_config` (such as the `authority` of another cloud),
3. an account key (`shared_access_key`),
4. a shared access signature (`sas_token`, bare or as a whole URL),
5. an account key (password or `account_key`),
6. `anon`: a public container,
7. what the machine offers: managed identity, workload identity, environment, Azure CLI.
"""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from customer_match.errors import ConfigurationError

if TYPE_CHECKING:
    import fsspec
    from airflow.sdk import Connection

__all__ = ["fault_of", "open_azure", "storage_options"]

_CONNECTION_TYPES: Final = frozenset({"wasb", "adls", "azure_data_lake"})
_PUBLIC_CLOUD: Final = "blob.core.windows.net"
_SIGN_IN_SETTINGS: Final = "client_secret_auth_config"
_ACCOUNT: Final = re.compile(r"^[a-z0-9]{3,24}$")
# adlfs fills what it is not given from these, and a connection string wins over everything.
_ENVIRONMENT: Final = {
    "AZURE_STORAGE_CONNECTION_STRING": "connection_string",
    "AZURE_STORAGE_ACCOUNT_KEY": "account_key",
    "AZURE_STORAGE_SAS_TOKEN": "sas_token",
    "AZURE_STORAGE_CLIENT_ID": "client_id",
}


def open_azure(connection: Connection, host: str | None = None) -> fsspec.AbstractFileSystem:
    """The file system of a storage account, without listing cache.

    Args:
        connection: Of type `wasb`, `adls` or `azure_data_lake`.
        host: The storage account's host, where the location names it.

    Raises:
        ConfigurationError: As `storage_options`; or a credential is malformed, or the environment overrides it.
    """
    options = storage_options(connection, host)
    _refuse_overriding(connection.conn_id, options)
    from customer_match.storage.azure_names import AzureNames  # noqa: PLC0415 (takes a second)

    _quieten()
    try:
        if (settings := options.pop(_SIGN_IN_SETTINGS, None)) is not None:
            options = {"account_name": options["account_name"], **_with_credential(options, settings)}
        # Others write to the lake meanwhile: a listing that was cached is wrong.
        return AzureNames(**options, use_listings_cache=False)
    except (TypeError, ValueError):  # its text may repeat the connection string
        raise fault_of(
            connection.conn_id, "Connection String or another credential", "is malformed"
        ) from None


def storage_options(connection: Connection, host: str | None = None) -> dict[str, Any]:
    """What adlfs must be told to sign in as a connection says.

    Args:
        connection: Of type `wasb`, `adls` or `azure_data_lake`.
        host: The storage account's host, where the location names it.

    Raises:
        ConfigurationError: Something is missing or contradicts itself; the message never shows a value of a
            secret field.
    """
    fields = _Fields.of(connection)
    if fields.connection_string:
        return _by_connection_string(fields, host)
    options = {**_account_options(fields, host), **_credentials(fields)}
    return _with_key_and_host(options) if {"account_key", "account_host"} <= options.keys() else options


def _with_key_and_host(options: dict[str, Any]) -> dict[str, Any]:
    """A key for a host of another name, which Azure's SDK takes only so (observed: 12.31)."""
    parts = {
        "DefaultEndpointsProtocol": "https",
        "AccountName": options["account_name"],
        "AccountKey": options["account_key"],
        "BlobEndpoint": f"https://{options['account_host']}",
    }
    return {"connection_string": ";".join(f"{name}={value}" for name, value in parts.items())}


@dataclass(frozen=True, repr=False)
class _Fields:
    """The fields of a connection that concern storage; empty ones are None."""

    conn_id: str
    kind: str
    host: str | None
    login: str | None
    password: str | None
    extra: dict[str, Any]

    @classmethod
    def of(cls, connection: Connection) -> _Fields:
        conn_id, kind = connection.conn_id, connection.conn_type
        if kind not in _CONNECTION_TYPES:
            raise ConfigurationError(
                f"The Airflow connection {conn_id!r} is of type {kind!r}. To open a data lake it must be of type "
                "wasb (Azure Blob Storage) or adls (Azure Data Lake Storage V2)."
            )
        try:
            extra = dict(connection.extra_dejson)
        except (TypeError, ValueError):
            raise fault_of(conn_id, "Extra", "is not a JSON object") from None  # the text may hold a secret
        text = (connection.host or None, connection.login or None, connection.password or None)
        return cls(conn_id, kind, *text, extra)

    def __getitem__(self, name: str) -> str | None:
        """A field of Extra, also under the name that older Airflows gave it."""
        value = self.extra.get(name) or self.extra.get(f"extra__{self.kind}__{name}")
        return str(value) if value else None

    @property
    def connection_string(self) -> str | None:
        return self["connection_string"]

    @property
    def tenant(self) -> str | None:
        return self["tenant_id"] or self["tenant"]

    def fault(self, field: str, what: str) -> ConfigurationError:
        return fault_of(self.conn_id, field, what)


def fault_of(conn_id: str, field: str, what: str) -> ConfigurationError:
    """What is wrong with a field of a connection, and where to correct it."""
    return ConfigurationError(
        f"The Airflow connection {conn_id!r}: {field} {what}. Correct it under Admin > Connections."
    )


def _by_connection_string(fields: _Fields, host: str | None) -> dict[str, Any]:
    text = (fields.connection_string or "").strip()
    parts = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    missing = {"AccountName", "BlobEndpoint"} - set(parts)
    if len(missing) > 1:
        raise fields.fault("Connection String", "has neither AccountName nor BlobEndpoint")
    account = parts.get("AccountName")
    if host and account and _account_of(host) != account:
        raise _contradiction(fields, host, account)
    return {"connection_string": text}


def _account_options(fields: _Fields, host: str | None) -> dict[str, Any]:
    """The storage account's name, and its host where that does not follow from the name."""
    own = fields["account_host"] or fields["account_url"] or _whole_url(fields["sas_token"])
    if own is None and fields.host and "." in fields.host:
        own = fields.host
    named = fields["account_name"] or (_account_of(own) if own else None) or _account_field(fields)
    if named and host and named != _account_of(host):
        raise _contradiction(fields, host, named)
    chosen = own or host
    account = named or (_account_of(host) if host else None)
    if not account or not _ACCOUNT.match(account):
        what = f"{account!r}, which cannot be one" if account else "none"
        raise fields.fault(
            _ACCOUNT_FIELD[fields.kind],
            f"must name the storage account (3 to 24 letters and digits); it names {what}",
        )
    blob_host = _blob_host(fields, chosen) if chosen else f"{account}.{_PUBLIC_CLOUD}"
    follows = blob_host == f"{account}.{_PUBLIC_CLOUD}"
    return {"account_name": account} if follows else {"account_name": account, "account_host": blob_host}


_ACCOUNT_FIELD: Final = {
    "wasb": "Account URL (host) or, with a key, Blob Storage Login",
    "adls": "ADLS Gen2 Account Name (host)",
    "azure_data_lake": "account_name in Extra",
}


def _account_field(fields: _Fields) -> str | None:
    """The account where it is the value of a plain field: which one that is depends on the type."""
    if fields.kind == "wasb":
        return None if fields.tenant else fields.login  # else the login is the client's id
    return fields.host if fields.kind == "adls" else None


def _account_of(host: str) -> str:
    return _without_scheme(host).split(".", 1)[0]


def _without_scheme(host: str) -> str:
    return host.split("://", 1)[-1].split("/", 1)[0]


def _whole_url(sas_token: str | None) -> str | None:
    return sas_token.split("?", 1)[0] if sas_token and sas_token.startswith("https://") else None


def _blob_host(fields: _Fields, host: str) -> str:
    """The host of the Blob API; the same account's Data Lake host serves another one."""
    if host.startswith("http://"):
        raise fields.fault(
            "the account's URL", "begins with http://; for an emulator give a Connection String instead"
        )
    return _without_scheme(host).replace(".dfs.", ".blob.", 1)


def _contradiction(fields: _Fields, host: str, account: str) -> ConfigurationError:
    return ConfigurationError(
        f"The Airflow connection {fields.conn_id!r} is for the storage account {account!r}, but the location names "
        f"{_account_of(host)!r}. Use another connection, or write abfs://container/path."
    )


def _credentials(fields: _Fields) -> dict[str, Any]:
    if fields.tenant:
        return _service_principal(fields)
    sas_token = fields["sas_token"]
    if key := fields["shared_access_key"]:
        return {"account_key": key}
    if sas_token:
        return {"sas_token": sas_token.split("?", 1)[-1]}
    if key := fields.password or fields["account_key"]:
        return {"account_key": key}
    if (fields["anon"] or "").lower() == "true":
        return {"anon": True}
    return _what_the_machine_offers(fields)


def _service_principal(fields: _Fields) -> dict[str, Any]:
    for value, name in ((fields.login, "Login (client id)"), (fields.password, "Password (client secret)")):
        if not value:
            raise fields.fault(name, "is empty, but a tenant is given: a service principal needs all three")
    signs_in = {"tenant_id": fields.tenant, "client_id": fields.login, "client_secret": fields.password}
    settings = fields.extra.get(_SIGN_IN_SETTINGS)
    if not settings:
        return signs_in
    if not isinstance(settings, dict):
        raise fields.fault(f"{_SIGN_IN_SETTINGS} in Extra", "is not a JSON object")
    return {**signs_in, _SIGN_IN_SETTINGS: settings}


def _what_the_machine_offers(fields: _Fields) -> dict[str, Any]:
    """`DefaultAzureCredential`; adlfs passes on what it does not know itself."""
    names = ("managed_identity_client_id", "workload_identity_client_id", "workload_identity_tenant_id")
    options: dict[str, Any] = {name: fields[name] for name in names if fields[name]}
    if tenant := options.get("workload_identity_tenant_id"):
        options["additionally_allowed_tenants"] = [tenant]
    return {"anon": False, **options}


def _with_credential(options: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """A service principal that signs in as its settings say, by a credential that adlfs's event loop can await."""
    from azure.identity.aio import ClientSecretCredential  # noqa: PLC0415 (as adlfs)

    names = ("tenant_id", "client_id", "client_secret")
    credential = ClientSecretCredential(**{name: options[name] for name in names}, **settings)
    host = {"account_host": options["account_host"]} if "account_host" in options else {}
    return {**host, "credential": credential}


def _refuse_overriding(conn_id: str, options: dict[str, Any]) -> None:
    overriding = [n for n, option in _ENVIRONMENT.items() if os.environ.get(n) and option not in options]
    if overriding:
        raise ConfigurationError(
            f"The environment variable {overriding[0]} would override the Airflow connection {conn_id!r}. Remove it "
            "from the environment of Airflow's processes."
        )


def _quieten() -> None:
    """Azure's SDK logs every request with all headers at INFO, which is Airflow's level."""
    for name in ("azure.core.pipeline.policies.http_logging_policy", "azure.identity"):
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)
