"""From an Airflow connection to the file system of a data lake: the one place that knows Azure's credentials.

A connection of type `wasb`, `adls` or `azure_data_lake` says who we are, in the fields that Airflow's Azure
provider gives them; the first of these that is filled in counts, in the provider's own order:

1. a connection string,
2. a service principal: tenant, client id (login), client secret (password),
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
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from include.errors import ConfigurationError, TransientError

if TYPE_CHECKING:
    import fsspec
    from airflow.sdk import Connection

__all__ = ["filesystem", "storage_options"]

_CONNECTION_TYPES: Final = frozenset({"wasb", "adls", "azure_data_lake"})
_AZURE_SCHEMES: Final = frozenset({"abfs", "abfss"})
_PUBLIC_CLOUD: Final = "blob.core.windows.net"
_CONTAINER: Final = re.compile(r"^(\$root|\$web|[a-z0-9](-?[a-z0-9]){2,62})$")
_ACCOUNT: Final = re.compile(r"^[a-z0-9]{3,24}$")
# adlfs fills what it is not given from these, and a connection string wins over everything.
_ENVIRONMENT: Final = {
    "AZURE_STORAGE_CONNECTION_STRING": "connection_string",
    "AZURE_STORAGE_ACCOUNT_KEY": "account_key",
    "AZURE_STORAGE_SAS_TOKEN": "sas_token",
    "AZURE_STORAGE_CLIENT_ID": "client_id",
}


def filesystem(conn_id: str | None, url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """The file system that a location is in, and its path there.

    Args:
        conn_id: Airflow connection; None for local folders.
        url: A local path, `file://…`, `abfs://container/path`, or
            `abfs://container@account.dfs.core.windows.net/path`.

    Returns:
        A file system without listing cache, and the path: absolute, or `container/path`.

    Raises:
        ConfigurationError: The location or the connection is not usable; the message names the field.
        TransientError: Airflow cannot be asked for the connection now.
    """
    if "://" not in url or url.startswith("file://"):
        return _local(conn_id, url)
    location = _Location.of(url)
    if conn_id is None:
        raise ConfigurationError(
            f"{url} needs an Airflow connection. Name it beside the root in the export file: `connection: lake`."
        )
    options = storage_options(_connection(conn_id), location.host)
    return _azure(conn_id, options), location.path


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
    return {**_account_options(fields, host), **_credentials(fields)}


@dataclass(frozen=True)
class _Location:
    """An `abfs://` URL taken apart."""

    path: str
    host: str | None

    @classmethod
    def of(cls, url: str) -> _Location:
        parts = urlsplit(url)
        if parts.scheme not in _AZURE_SCHEMES:
            raise ConfigurationError(
                f"{url}: {parts.scheme}:// is not supported. Write abfs://container/path or a local folder."
            )
        container, _, host = parts.netloc.partition("@")
        if "@" in parts.netloc and "." not in host:
            raise ConfigurationError(
                f"{url}: what follows the @ is the storage account's host, as in "
                "abfs://container@account.dfs.core.windows.net/path."
            )
        if not _CONTAINER.match(container):
            raise ConfigurationError(
                f"{url}: {container!r} cannot be a container: their names have 3 to 63 lower-case letters, digits "
                "and hyphens. Write abfs://container/path."
            )
        path = url.split("://", 1)[1].partition("/")[2].strip("/")  # `#` and `?` are letters of a path here
        return cls(f"{container}/{path}".rstrip("/"), host or None)


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
            raise _fault(conn_id, "Extra", "is not a JSON object") from None  # the text may hold a secret
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
        return _fault(self.conn_id, field, what)


def _fault(conn_id: str, field: str, what: str) -> ConfigurationError:
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
    return {"tenant_id": fields.tenant, "client_id": fields.login, "client_secret": fields.password}


def _what_the_machine_offers(fields: _Fields) -> dict[str, Any]:
    """`DefaultAzureCredential`; adlfs passes on what it does not know itself."""
    names = ("managed_identity_client_id", "workload_identity_client_id", "workload_identity_tenant_id")
    options: dict[str, Any] = {name: fields[name] for name in names if fields[name]}
    if tenant := options.get("workload_identity_tenant_id"):
        options["additionally_allowed_tenants"] = [tenant]
    return {"anon": False, **options}


def _local(conn_id: str | None, url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    from fsspec.implementations.local import LocalFileSystem  # noqa: PLC0415 (imports are paid by who needs them)

    if conn_id is not None:
        raise ConfigurationError(
            f"{url} is a local folder; the connection {conn_id!r} does not open it. Write abfs://container/path, or "
            "remove the connection."
        )
    path = Path(url.removeprefix("file://")).expanduser()
    return LocalFileSystem(), str(path.absolute())


def _connection(conn_id: str) -> Connection:
    from airflow.sdk import BaseHook  # noqa: PLC0415 (takes seconds)
    from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError  # noqa: PLC0415

    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        raise ConfigurationError(
            f"There is no Airflow connection {conn_id!r}. Create it (Admin > Connections) with the type wasb "
            "(Azure Blob Storage), or name another one as `connection` in the export file."
        ) from None
    except AirflowRuntimeError as error:
        raise TransientError(f"Airflow cannot be asked for the connection {conn_id!r} now.") from error
    except (TypeError, ValueError):  # its text may repeat the connection, secrets and all
        raise _fault(conn_id, "its definition", "is neither a connection URI nor JSON") from None


def _azure(conn_id: str, options: dict[str, Any]) -> fsspec.AbstractFileSystem:
    import adlfs  # noqa: PLC0415 (takes a second)

    overriding = [n for n, option in _ENVIRONMENT.items() if os.environ.get(n) and option not in options]
    if overriding:
        raise ConfigurationError(
            f"The environment variable {overriding[0]} would override the Airflow connection {conn_id!r}. Remove it "
            "from the environment of Airflow's processes."
        )
    _quieten()
    try:
        # Others write to the lake meanwhile: a listing that was cached is wrong.
        return adlfs.AzureBlobFileSystem(**options, use_listings_cache=False)
    except ValueError:  # its text may repeat the connection string
        raise _fault(conn_id, "Connection String or another credential", "is malformed") from None


def _quieten() -> None:
    """Azure's SDK logs every request with all headers at INFO, which is Airflow's level."""
    for name in ("azure.core.pipeline.policies.http_logging_policy", "azure.identity"):
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)
