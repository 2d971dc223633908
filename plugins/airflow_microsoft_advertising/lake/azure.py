"""Open Azure file systems from Airflow connections; only this module handles Azure's credentials.

A connection of type `wasb`, `adls` or `azure_data_lake` holds the credentials in the fields that Airflow's Azure
provider defines. The first of these that is set is used, in the provider's own order:

1. a connection string,
2. a service principal: tenant, client id (login), client secret (password), and in Extra, as in the provider,
   `client_secret_auth_config` (such as the `authority` of another cloud),
3. an account key (`shared_access_key`),
4. a shared access signature (`sas_token`, as a token or a full URL),
5. an account key (password or `account_key`),
6. `anon`: a public container,
7. the identity of the machine: managed identity, workload identity, environment, Azure CLI.

OneLake is opened in the same way, as the account `onelake`; it knows no keys and no public containers (documented:
OneLake authenticates with Microsoft Entra).
"""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow_microsoft_advertising.connection.extra import field_error, read_extra
from customer_match.errors import ConfigurationError
from customer_match.storage.onelake import ACCOUNT, GLOBAL_HOST, is_onelake
from microsoft_advertising.pasted import one_word

if TYPE_CHECKING:
    import fsspec
    from airflow.sdk import Connection

__all__ = ["open_azure", "storage_options"]

_CONNECTION_TYPES: Final = frozenset({"wasb", "adls", "azure_data_lake"})
_PUBLIC_CLOUD: Final = "blob.core.windows.net"
_LABELS: Final = {
    "connection_string": "Connection String",
    "shared_access_key": "Shared Access Key",
    "sas_token": "SAS Token",
}
"""Names of fields in the forms of Airflow's Azure provider."""
_SIGN_IN_SETTINGS: Final = "client_secret_auth_config"
_ACCOUNT: Final = re.compile(r"^[a-z0-9]{3,24}$")
# adlfs reads missing values from these variables, and a connection string overrides everything.
_ENVIRONMENT: Final = {
    "AZURE_STORAGE_CONNECTION_STRING": "connection_string",
    "AZURE_STORAGE_ACCOUNT_KEY": "account_key",
    "AZURE_STORAGE_SAS_TOKEN": "sas_token",
    "AZURE_STORAGE_CLIENT_ID": "client_id",
}


def open_azure(connection: Connection, host: str | None = None) -> fsspec.AbstractFileSystem:
    """Open the file system of a storage account, without listing cache.

    Args:
        connection: A connection of type `wasb`, `adls` or `azure_data_lake`.
        host: The storage account's host, if the location names it.

    Raises:
        ConfigurationError: As for `storage_options`; or a credential is malformed, or the environment overrides it.
    """
    options = storage_options(connection, host)
    _reject_overriding(connection.conn_id, options)
    from customer_match.storage.azure_names import AzureNames  # noqa: PLC0415 (takes a second)

    _reduce_logging()
    try:
        if (settings := options.pop(_SIGN_IN_SETTINGS, None)) is not None:
            options = {"account_name": options["account_name"], **_add_credential(options, settings)}
        # Other programs write to the lake, so a cached listing would be outdated.
        return AzureNames(**options, use_listings_cache=False)
    except (TypeError, ValueError):  # the error text may repeat the connection string
        raise field_error(
            connection.conn_id, "Connection String or another credential", "is malformed"
        ) from None


def storage_options(connection: Connection, host: str | None = None) -> dict[str, Any]:
    """Return the options that adlfs needs to sign in with a connection.

    Args:
        connection: A connection of type `wasb`, `adls` or `azure_data_lake`.
        host: The storage account's host, if the location names it.

    Raises:
        ConfigurationError: A value is missing or contradicts another; the message never shows the value of a
            secret field.
    """
    fields = _Fields.of(connection)
    if fields.connection_string:
        return _connection_string_options(fields, host)
    options = {**_account_options(fields, host), **_credentials(fields)}
    if is_onelake(options.get("account_host")) and ("account_key" in options or options.get("anon")):
        raise _onelake_error(fields, "an account key" if "account_key" in options else "`anon`")
    return _key_and_host_options(options) if {"account_key", "account_host"} <= options.keys() else options


def _key_and_host_options(options: dict[str, Any]) -> dict[str, Any]:
    """Return options for a key and a custom host; Azure's SDK accepts them only in this form (observed: 12.31)."""
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
        host = _word(conn_id, "Host", connection.host)
        login = _word(conn_id, "Login", connection.login)
        password = _word(conn_id, "Password", connection.password)
        return cls(conn_id, kind, host, login, password, read_extra(connection))

    def __getitem__(self, name: str) -> str | None:
        """Return a field of Extra, also by the name that older Airflow versions use."""
        value = self.extra.get(name) or self.extra.get(f"extra__{self.kind}__{name}")
        return _word(self.conn_id, _LABELS.get(name, f"{name} in Extra"), value)

    @property
    def connection_string(self) -> str | None:
        return self["connection_string"]

    @property
    def tenant(self) -> str | None:
        return self["tenant_id"] or self["tenant"]

    def fault(self, field: str, what: str) -> ConfigurationError:
        return field_error(self.conn_id, field, what)


def _word(conn_id: str, field: str, value: Any) -> str | None:
    """Return a value without what was pasted around it; None if it is empty. No credential of Azure has white space."""
    try:
        return one_word(str(value)) or None if value else None
    except ValueError:
        raise field_error(
            conn_id,
            field,
            "contains white space or an invisible or accented character. Paste it again, on one line",
        ) from None


def _connection_string_options(fields: _Fields, host: str | None) -> dict[str, Any]:
    text = fields.connection_string or ""
    parts = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    missing = {"AccountName", "BlobEndpoint"} - set(parts)
    if len(missing) > 1:
        raise fields.fault("Connection String", "has neither AccountName nor BlobEndpoint")
    account = parts.get("AccountName")
    if account == ACCOUNT or is_onelake(host) or is_onelake(_without_scheme(parts.get("BlobEndpoint", ""))):
        raise _onelake_error(fields, "a Connection String")
    if host and account and _account_of(host) != account:
        raise _contradiction_error(fields, host, account)
    return {"connection_string": text}


def _account_options(fields: _Fields, host: str | None) -> dict[str, Any]:
    """Return the storage account's name, and its host if it differs from the default for that name."""
    own = fields["account_host"] or fields["account_url"] or _whole_url(fields["sas_token"])
    if own is None and fields.host and "." in fields.host:
        own = fields.host
    named = fields["account_name"] or (_account_of(own) if own else None) or _account_field(fields)
    if named and host and named != _account_of(host):
        raise _contradiction_error(fields, host, named)
    chosen = _onelake_host(fields, own, host) if ACCOUNT in (named, _account_of(host or "")) else own or host
    account = named or (_account_of(host) if host else None)
    if not account or not _ACCOUNT.match(account):
        what = f"{account!r}, which is not a valid name" if account else "none"
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
    """Return the account from the field that holds it for this type of connection."""
    if fields.kind == "wasb":
        return None if fields.tenant else fields.login  # with a tenant, the login is the client id
    return fields.host if fields.kind == "adls" else None


def _onelake_host(fields: _Fields, *hosts: str | None) -> str:
    """Return the host of a region or workspace if one is named, as data may have to stay there; else the global one."""
    named = {_blob_host(fields, host).lower() for host in hosts if host} - {GLOBAL_HOST}
    if len(named) > 1:
        raise ConfigurationError(
            f"The Airflow connection {fields.conn_id!r} and the location name different hosts of OneLake: "
            f"{' and '.join(sorted(named))}. Correct one of them."
        )
    return named.pop() if named else GLOBAL_HOST


def _onelake_error(fields: _Fields, credential: str) -> ConfigurationError:
    return ConfigurationError(
        f"The Airflow connection {fields.conn_id!r} signs in with {credential}, but OneLake accepts only identities of "
        "Microsoft Entra. Remove it, and fill in Tenant Id, Login (client id) and Password (client secret) of a "
        "service principal; or leave all of them empty to use the machine's identity."
    )


def _account_of(host: str) -> str:
    if is_onelake(_without_scheme(host)):
        return ACCOUNT
    return _without_scheme(host).split(".", 1)[0]


def _without_scheme(host: str) -> str:
    return host.split("://", 1)[-1].split("/", 1)[0]


def _whole_url(sas_token: str | None) -> str | None:
    return sas_token.split("?", 1)[0] if sas_token and sas_token.startswith("https://") else None


def _blob_host(fields: _Fields, host: str) -> str:
    """Return the host of the Blob API; the same account's Data Lake host serves another API."""
    if host.startswith("http://"):
        raise fields.fault(
            "the account's URL", "begins with http://; for an emulator give a Connection String instead"
        )
    return _without_scheme(host).replace(".dfs.", ".blob.", 1)


def _contradiction_error(fields: _Fields, host: str, account: str) -> ConfigurationError:
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
    return _machine_identity(fields)


def _service_principal(fields: _Fields) -> dict[str, Any]:
    for value, name in ((fields.login, "Login (client id)"), (fields.password, "Password (client secret)")):
        if not value:
            raise fields.fault(name, "is empty, but a tenant is given. A service principal needs all three")
    signs_in = {"tenant_id": fields.tenant, "client_id": fields.login, "client_secret": fields.password}
    settings = fields.extra.get(_SIGN_IN_SETTINGS)
    if not settings:
        return signs_in
    if not isinstance(settings, dict):
        raise fields.fault(f"{_SIGN_IN_SETTINGS} in Extra", "is not a JSON object")
    return {**signs_in, _SIGN_IN_SETTINGS: settings}


def _machine_identity(fields: _Fields) -> dict[str, Any]:
    """Return options for `DefaultAzureCredential`; adlfs passes unknown options on."""
    names = ("managed_identity_client_id", "workload_identity_client_id", "workload_identity_tenant_id")
    options: dict[str, Any] = {name: fields[name] for name in names if fields[name]}
    if tenant := options.get("workload_identity_tenant_id"):
        options["additionally_allowed_tenants"] = [tenant]
    return {"anon": False, **options}


def _add_credential(options: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Create the credential of a service principal with these settings, in the async form that adlfs needs."""
    from azure.identity.aio import ClientSecretCredential  # noqa: PLC0415 (as adlfs)

    names = ("tenant_id", "client_id", "client_secret")
    credential = ClientSecretCredential(**{name: options[name] for name in names}, **settings)
    host = {"account_host": options["account_host"]} if "account_host" in options else {}
    return {**host, "credential": credential}


def _reject_overriding(conn_id: str, options: dict[str, Any]) -> None:
    overriding = [n for n, option in _ENVIRONMENT.items() if os.environ.get(n) and option not in options]
    if overriding:
        raise ConfigurationError(
            f"The environment variable {overriding[0]} would override the Airflow connection {conn_id!r}. Remove it "
            "from the environment of Airflow's processes."
        )


def _reduce_logging() -> None:
    """Raise the log level of Azure's SDK, which logs every request with all headers at INFO, Airflow's level."""
    for name in ("azure.core.pipeline.policies.http_logging_policy", "azure.identity"):
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)
