"""The key of the registers of erased members: an Airflow Variable, which any secrets backend can provide.

Airflow encrypts Variables in its metadata database, and hides the values of those with "secret" in their names on its
pages and in logs.
"""

from __future__ import annotations

import re
import secrets
from typing import Final

from airflow_microsoft_advertising.connection.metadata_database import has_metadata_database
from airflow_microsoft_advertising.connection.variables import (
    has_supervisor,
    mask,
    read_variable,
    write_variable,
)
from customer_match.erasure.register import KEY_NAME
from customer_match.errors import ConfigurationError, TransientError

__all__ = ["make_key", "read_key"]

_DIGITS: Final = re.compile(r"[0-9a-f]{64}")
_HOW: Final = (
    f"Provide 64 hex digits (such as from `openssl rand -hex 32`) as the Airflow Variable {KEY_NAME!r}: in a secrets "
    f"backend, or in the environment of all of Airflow's programs and of this command "
    f"(AIRFLOW_VAR_{KEY_NAME.upper()})"
)


def read_key() -> bytes:
    """Read the key.

    Raises:
        ConfigurationError: There is none, or it is not 64 hex digits.
        TransientError: Airflow cannot be asked now.
    """
    value = _read()
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
    value = _read()
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
    stored = _read()  # of two commands, the later one counts
    if stored is None:
        raise ConfigurationError(f"The new key could not be stored. {_HOW}.")
    return _key(stored), True


def _read() -> str | None:
    try:
        if has_supervisor() or has_metadata_database():
            return read_variable(KEY_NAME)
        return _from_backends()
    except Exception as error:
        raise TransientError(
            f"The Airflow Variable {KEY_NAME!r} cannot be read ({type(error).__name__}). Trying again later."
        ) from error


def _from_backends() -> str | None:
    """Ask all secrets backends but the metadata database, which does not exist: asking would make an empty one."""
    from airflow.configuration import ensure_secrets_loaded  # noqa: PLC0415 (reads Airflow's settings)
    from airflow.secrets.metastore import MetastoreBackend  # noqa: PLC0415

    found = (
        backend.get_variable(KEY_NAME)
        for backend in ensure_secrets_loaded()
        if not isinstance(backend, MetastoreBackend)
    )
    return next((value for value in found if value is not None), None)


def _key(value: str) -> bytes:
    mask(value)
    if not _DIGITS.fullmatch(value.strip().lower()):
        raise ConfigurationError(
            f"The Airflow Variable {KEY_NAME!r} is not a key: it must be 64 hex digits. Restore the right value. If "
            f"nobody was ever erased: {_HOW[0].lower()}{_HOW[1:]}."
        )
    return bytes.fromhex(value.strip())
