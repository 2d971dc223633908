"""From an Airflow connection to the file system that a provider of Airflow opens: S3, Google Cloud Storage and others.

What a provider makes of a connection is its own matter; but where it would pass over a mistake and go on with what
the machine offers, the connection is refused before the provider gets it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from airflow_microsoft_advertising.lake.azure import fault_of
from customer_match.errors import ConfigurationError, CustomerMatchError

if TYPE_CHECKING:
    import fsspec
    from airflow.sdk import Connection

    from customer_match.storage.location import Location

__all__ = ["ensure_provider", "kind_of_connection", "open_by_provider"]

_S3: Final = ("s3", "s3a", "s3n")
_GOOGLE: Final = ("gs", "gcs")
# What to install for the schemes that people ask for most (documented: Airflow, Object Storage).
_PACKAGES: Final = {
    **dict.fromkeys(_S3, "apache-airflow-providers-amazon[s3fs]"),
    **dict.fromkeys(_GOOGLE, "apache-airflow-providers-google"),
}
_TYPES: Final = {**dict.fromkeys(_S3, "aws"), **dict.fromkeys(_GOOGLE, "google_cloud_platform")}


def ensure_provider(location: Location) -> None:
    """Make sure that a provider which is installed opens a place.

    Raises:
        ConfigurationError: None does.
    """
    from airflow.sdk.io import has_fs  # noqa: PLC0415 (takes seconds)

    if not has_fs(location.scheme):
        raise ConfigurationError(
            f"{location.url}: no Airflow provider that is installed opens {location.scheme}://. "
            f"{_what_to_install(location)}"
        )


def kind_of_connection(location: Location) -> str:
    """Of which type a connection must be that opens a place, for people."""
    kind = _TYPES.get(location.scheme)
    return f"the type {kind}" if kind else "the type of its storage"


def open_by_provider(connection: Connection | None, location: Location) -> fsspec.AbstractFileSystem:
    """What the scheme's provider opens, without its listing cache: others write to the lake meanwhile.

    Args:
        connection: None: the provider signs in with what this machine offers.
        location: A place that some provider opens.

    Raises:
        ConfigurationError: The connection is not usable; or the provider cannot open it, or lacks a library.
        TransientError: The provider asks somebody who cannot be reached.
    """
    from airflow.sdk.io import get_fs  # noqa: PLC0415 (takes seconds)

    from customer_match.storage.files import storage_faults  # noqa: PLC0415 (with fsspec)

    if connection is not None:
        _refuse_mistakes(connection, location)
    try:
        with storage_faults(location.url):
            found = get_fs(location.scheme, connection.conn_id if connection else None)
    except CustomerMatchError:
        raise
    except ImportError:
        raise ConfigurationError(
            f"{location.url}: the Airflow provider for {location.scheme}:// lacks a library. "
            f"{_what_to_install(location)}"
        ) from None
    except Exception as error:  # noqa: BLE001 (each provider has its own; the text may repeat credentials)
        raise _not_opened(connection, location, error) from None
    found.dircache.clear()
    found.dircache.use_listings_cache = False
    return found


def _refuse_mistakes(connection: Connection, location: Location) -> None:
    conn_id, wanted = connection.conn_id, _TYPES.get(location.scheme)
    if wanted and connection.conn_type != wanted:
        raise ConfigurationError(
            f"The Airflow connection {conn_id!r} is of type {connection.conn_type!r}. To open {location.scheme}:// it "
            f"must be of type {wanted}."
        )
    extra = _extra(connection)
    if location.scheme in _S3:
        _refuse_half_a_key(conn_id, "Login and Password", connection.login, connection.password)
        names = ("aws_access_key_id", "aws_secret_access_key")
        _refuse_half_a_key(conn_id, f"{' and '.join(names)} in Extra", *map(extra.get, names))


def _extra(connection: Connection) -> dict[str, Any]:
    """What Extra holds; Airflow would go on without it where it is malformed."""
    try:
        extra = json.loads(connection.extra or "{}")
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        raise fault_of(connection.conn_id, "Extra", "is not a JSON object")
    return extra


def _refuse_half_a_key(conn_id: str, fields: str, name: Any, secret: Any) -> None:
    """With one of the two the provider would sign in with what this machine offers (observed: 9.39)."""
    if bool(name) != bool(secret):
        raise fault_of(conn_id, fields, "must both be filled in, or neither")


def _not_opened(connection: Connection | None, location: Location, error: Exception) -> ConfigurationError:
    what = (
        f"the connection {connection.conn_id!r}"
        if connection
        else "what this machine offers, as no connection is named,"
    )
    return ConfigurationError(
        f"{location.url} cannot be opened with {what} ({type(error).__name__}). Check the fields of the connection."
    )


def _what_to_install(location: Location) -> str:
    package = _PACKAGES.get(location.scheme)
    named = f"`{package}`" if package else "the provider package that has it"
    return f"Add {named} to the Python environment of Airflow's processes, or copy the tables to Azure."
