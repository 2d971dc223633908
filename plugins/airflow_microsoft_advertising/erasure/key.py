"""The key of the registers of erased members: an Airflow Variable, which any secrets backend can provide."""

from __future__ import annotations

import secrets
from typing import Final

from airflow_microsoft_advertising.connection.metadata_database import has_metadata_database
from airflow_microsoft_advertising.connection.variables import (
    how_to_provide,
    key_of,
    mask,
    read_secret,
    write_variable,
)
from customer_match.erasure.register import KEY_NAME
from customer_match.errors import ConfigurationError

__all__ = ["make_key", "read_key"]

_HOW: Final = how_to_provide(KEY_NAME)


def read_key() -> bytes:
    """Read the key.

    Raises:
        ConfigurationError: There is none, or it is not 64 hex digits.
        TransientError: Airflow cannot be asked now.
    """
    value = read_secret(KEY_NAME)
    if value is None:
        raise ConfigurationError(
            f"The workspace has a register of erased members, but the Airflow Variable {KEY_NAME!r}, which holds its "
            "key, does not exist. Nothing is exported. Restore the Variable."
        )
    return _key(value)


def make_key() -> tuple[bytes, bool]:
    """Read the key; if there is none, make one and store it in the metadata database.

    Returns:
        The key, and whether it was made just now.

    Raises:
        ConfigurationError: It is not 64 hex digits, or there is none and no metadata database to store one in.
        TransientError: Airflow cannot be asked now.
    """
    value = read_secret(KEY_NAME)
    if value is not None:
        return _key(value), False
    if not has_metadata_database():
        raise ConfigurationError(
            "A register of erased members needs a secret key, and there is no metadata database to store one in. "
            f"{_HOW}."
        )
    made = secrets.token_hex(32)
    mask(made)
    write_variable(
        KEY_NAME, made, "Key of the registers of erased members. If it is lost, no export can run."
    )
    stored = read_secret(KEY_NAME)  # of two commands, the later one counts
    if stored is None:
        raise ConfigurationError(f"The new key could not be stored. {_HOW}.")
    return _key(stored), True


def _key(value: str) -> bytes:
    key = key_of(value)
    if key is None:
        raise ConfigurationError(
            f"The Airflow Variable {KEY_NAME!r} is not a key: it must be 64 hex digits. Restore the right value. If "
            f"nobody was ever erased: {_HOW[0].lower()}{_HOW[1:]}."
        )
    return key
