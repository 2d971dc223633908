"""Open the file system of a location with an Airflow connection; lakes and workspaces are opened only here.

Local folders are opened directly, Azure by `azure.py`, and everything else with Airflow's object storage by
`providers.py`: each provider defines the schemes that it opens, and its own type of connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_microsoft_advertising.connection.extra import field_error
from airflow_microsoft_advertising.connection.lookup import missing_connection
from airflow_microsoft_advertising.lake.azure import open_azure
from airflow_microsoft_advertising.lake.providers import (
    ensure_provider,
    open_by_provider,
    required_type,
)
from customer_match.errors import ConfigurationError, TransientError
from customer_match.storage.location_paths import parse_location, path_of

if TYPE_CHECKING:
    import fsspec
    from airflow.sdk import Connection

    from customer_match.storage.location import Location

__all__ = ["filesystem"]

_AZURE_KIND: Final = "the type wasb (Azure Blob Storage)"


def filesystem(conn_id: str | None, url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """Open the file system of a location; return it with the path of the location in it.

    Args:
        conn_id: Airflow connection; None for local folders, and if a provider needs none.
        url: A local path or a URL, as `Location` accepts them.

    Returns:
        A file system without listing cache, and the path: absolute, or `container/path`.

    Raises:
        ConfigurationError: The location or the connection is not usable; the message names the field.
        TransientError: Airflow cannot provide the connection now.
    """
    location = parse_location(url)
    if location.is_local:
        found = _open_local(conn_id, url)
    elif location.is_azure:
        found = _open_azure(conn_id, location, url)
    else:
        found = _open_by_airflow(conn_id, location)
    return found, path_of(found, url)


def _open_local(conn_id: str | None, url: str) -> fsspec.AbstractFileSystem:
    from fsspec.implementations.local import LocalFileSystem  # noqa: PLC0415 (import only where it is needed)

    if conn_id is not None:
        raise ConfigurationError(
            f"{url} is a local folder, which needs no connection, but {conn_id!r} is given. Write "
            "abfs://container/path, or remove the connection."
        )
    return LocalFileSystem()


def _open_azure(conn_id: str | None, location: Location, url: str) -> fsspec.AbstractFileSystem:
    if conn_id is None:
        raise ConfigurationError(
            f"{url} needs an Airflow connection. Name it beside the root in the export file: `connection: lake`."
        )
    return open_azure(_get_connection(conn_id, _AZURE_KIND), location.host)


def _open_by_airflow(conn_id: str | None, location: Location) -> fsspec.AbstractFileSystem:
    ensure_provider(location)
    if conn_id is None:
        return open_by_provider(None, location)
    # A provider may treat a missing connection like none at all.
    return open_by_provider(_get_connection(conn_id, required_type(location)), location)


def _get_connection(conn_id: str, kind: str) -> Connection:
    from airflow.sdk import BaseHook  # noqa: PLC0415 (takes seconds)
    from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError  # noqa: PLC0415

    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        advice = f"Create it (Admin > Connections) with {kind}, or name another one as `connection` in the export file."
        raise missing_connection(conn_id, advice) from None
    except AirflowRuntimeError as error:
        raise TransientError(f"Airflow cannot provide the connection {conn_id!r} now.") from error
    except (TypeError, ValueError):  # the error text may repeat the connection with its secrets
        raise field_error(conn_id, "its definition", "is neither a connection URI nor JSON") from None
