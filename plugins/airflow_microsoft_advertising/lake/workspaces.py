"""Open workspaces with Airflow's connections, and with the keys of their encrypted files; they are opened only here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_microsoft_advertising.connection.variables import how_to_provide, key_of, read_secret
from airflow_microsoft_advertising.lake.filesystem import filesystem
from customer_match.errors import ConfigurationError
from customer_match.members.envelope import KEYS_NAME, Envelope
from customer_match.storage.onelake import is_onelake
from customer_match.workspace.workspace import Workspace

if TYPE_CHECKING:
    from customer_match.export.model import Export

__all__ = ["open_workspace", "workspace_of_export"]


def open_workspace(connection: str | None, location: str, *, encrypt_members: bool = False) -> Workspace:
    """Open a workspace.

    Args:
        connection: Airflow connection; None for a local folder.
        location: Its path or URL.
        encrypt_members: Whether new files of members are encrypted. Encrypted files are read in any case.

    Raises:
        ConfigurationError: As in `filesystem`; or it is in OneLake. For wrong or missing keys, when a file is written
            or read.
        TransientError: Airflow cannot provide the connection or the keys now.
    """
    opened, path = filesystem(connection, location)
    if is_onelake(getattr(opened, "account_host", None)):
        raise ConfigurationError(
            f"{location} is in OneLake, but a workspace must be in a storage account or on a local disk: only there is "
            "a run known to detect that another run writes the same ledger."
        )
    return Workspace(opened, path, Envelope(_read_keys, seals=encrypt_members))


def workspace_of_export(export: Export) -> Workspace:
    """Open the workspace of an export; errors as in `open_workspace`."""
    place = export.workspace
    return open_workspace(place.connection, place.locate(), encrypt_members=export.encrypt_members)


def _read_keys() -> list[bytes]:
    """The keys in the Variable, separated by white space."""
    value = read_secret(KEYS_NAME)
    if not value or not value.strip():
        how = how_to_provide(KEYS_NAME)
        raise ConfigurationError(
            f"Files of members in the workspace are encrypted, but the Airflow Variable {KEYS_NAME!r}, which holds "
            f"their key, does not exist. If it was deleted, restore it. If there was none yet: {how[0].lower()}"
            f"{how[1:]}."
        )
    keys = []
    for number, text in enumerate(value.split(), 1):
        key = key_of(text)
        if key is None:
            raise ConfigurationError(
                f"The Airflow Variable {KEYS_NAME!r}: key {number} is not 64 hex digits. Correct it. Several keys are "
                "separated by spaces, the newest one first."
            )
        keys.append(key)
    return keys
