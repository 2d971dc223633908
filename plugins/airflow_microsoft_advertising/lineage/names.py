"""Names of datasets, as OpenLineage's specification has them: a namespace, which is the storage, and a name in it.

Source: https://openlineage.io/docs/spec/naming.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from customer_match.storage.location import Location
from customer_match.storage.onelake import encode_place

__all__ = ["DatasetName", "audience_dataset", "table_dataset"]

_SCHEMES: Final = {"s3a": "s3", "s3n": "s3", "gcs": "gs"}
"""Schemes of the same storage, and the one that the specification uses."""


class DatasetName(NamedTuple):
    """The name of a dataset."""

    namespace: str
    name: str


def table_dataset(location: str, account: str | None) -> DatasetName:
    """Return the dataset of a table.

    Args:
        location: A local path or a URL.
        account: The storage account in Azure, for a location that does not name its host.

    Raises:
        ValueError: It is no location.
    """
    place = Location.of(location)
    if place.is_local:
        return DatasetName("file", place.path)
    container, _, path = place.path.partition("/")
    if not place.is_azure:
        return DatasetName(f"{_SCHEMES.get(place.scheme, place.scheme)}://{container}", path or "/")
    if place.is_onelake:
        container, path = encode_place(place.path)
    host = _dfs(place.host) if place.host else f"{account}.dfs.core.windows.net" if account else None
    return DatasetName(f"abfss://{container}@{host}" if host else f"abfss://{container}", path or "/")


def _dfs(host: str) -> str:
    """The host of the Data Lake endpoint, also in other clouds; the Blob endpoint is the same storage."""
    return host.replace(".blob.", ".dfs.", 1)


def audience_dataset(uri: str) -> DatasetName:
    """Return the dataset of an audience; its URI is that of its asset in Airflow (`assets.outlets.audience_uri`)."""
    scheme, _, rest = uri.partition("://")
    account, _, path = rest.partition("/")
    return DatasetName(f"{scheme}://{account}", path)
