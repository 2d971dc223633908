"""Translate errors from clients of storages other than Azure into our error families.

The clients are recognised by name, because their packages need not be installed. *Observed* means run against
botocore 1.43 through s3fs 2026.9; everything else follows the documentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from customer_match.errors import ConfigurationError, CustomerMatchError, TerminalError, TransientError
from customer_match.storage import http_status as storage_status
from customer_match.storage.http_status import detail, is_retryable

__all__ = ["file_shrank_error", "translate_client_error"]

# The client libraries of the file systems that Airflow's providers install.
_CLIENTS: Final = frozenset(
    {
        "aiobotocore",
        "aiohttp",
        "botocore",
        "gcsfs",
        "google",
        "paramiko",
        "requests",
        "s3fs",
        "urllib3",
        "yarl",
    }
)
_CREDENTIALS: Final = ("Credential", "Authentication", "RefreshError", "TokenRetrieval")
# No request was made, because the client's settings are unusable (observed with botocore: InvalidRegionError,
# ProfileNotFound, ParamValidationError).
_SETTINGS: Final = ("Config", "Malformed", "Profile", "Region", "Schema", "URL", "Validation")
_CODE: Final = re.compile(r"[A-Za-z0-9.]{1,60}")

_EXPIRED: Final = (
    "A session token of the connection has expired or is wrong. Renew it (`aws_session_token` in Extra)."
)
_REGION: Final = (
    "The bucket is in a different region than the one requested: set `region_name` (and `endpoint_url`, if it is "
    "used) in the Extra of the lake's Airflow connection."
)
_ACCOUNT: Final = "The account of the bucket is closed, suspended or not signed up."
# What to check first, by code (documented: Amazon S3, Error responses).
_REMEDIES: Final = {
    "InvalidAccessKeyId": "The access key does not exist: correct the login of the lake's Airflow connection.",
    "SignatureDoesNotMatch": "The secret key is wrong: correct the password of the lake's Airflow connection.",
    "RequestTimeTooSkewed": "This machine's clock is wrong: correct it.",
    "ExpiredToken": _EXPIRED,
    "InvalidToken": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "PermanentRedirect": _REGION,
    "TemporaryRedirect": _REGION,
    "301": _REGION,
    # For requests about a single object, S3 answers without a code.
    "400": f"{_REGION} Or: {_EXPIRED}",
    "InvalidObjectState": "It is archived and cannot be read: restore it, or move it to another storage class.",
    "AccountProblem": _ACCOUNT,
    "AllAccessDisabled": _ACCOUNT,
    "NotSignedUp": _ACCOUNT,
}
_ACCESS: Final = (
    "Check the credentials on the lake's Airflow connection, and that they may list the bucket and read its objects "
    "(in Amazon S3: s3:ListBucket, s3:GetObject)."
)


def translate_client_error(error: BaseException, location: str) -> CustomerMatchError | None:
    """Translate an error of a client library; None if it is not from one."""
    kind = type(error)
    if kind.__module__.partition(".")[0] in _CLIENTS:
        return _translate(error, _get_code(error), _get_status(error), location)
    if isinstance(error, ValueError) and not _CLIENTS.isdisjoint(_packages_in_traceback(error)):
        return _unusable_error(location, kind.__name__)  # observed with botocore: an endpoint without http://
    # gcsfs has no error class for forbidden requests.
    if (
        isinstance(error, OSError)
        and "gcsfs" in _packages_in_traceback(error)
        and str(error).startswith("Forbidden")
    ):
        return _refused_error(location, "HTTP 403", _ACCESS)
    return None


def _translate(error: BaseException, code: str, status: int | None, location: str) -> CustomerMatchError:
    words = detail(status, "" if code.isdigit() else code, error)
    if remedy := _REMEDIES.get(code):
        return _refused_error(location, words, remedy)
    if status in storage_status.REFUSED or _name_contains(error, _CREDENTIALS):
        return _refused_error(location, words, _ACCESS)
    if status:
        return _translate_status(status, words, location)
    return (
        _unusable_error(location, words)
        if _name_contains(error, _SETTINGS)
        else _unreachable_error(location, words)
    )


def _translate_status(status: int, words: str, location: str) -> CustomerMatchError:
    if status == storage_status.NOT_FOUND:
        return ConfigurationError(
            f"{location}: the bucket or folder does not exist ({words}). Correct the name."
        )
    if status == storage_status.OUT_OF_RANGE:
        return file_shrank_error(location, words)
    if is_retryable(status):
        return _unreachable_error(location, words)
    return TerminalError(f"{location}: the storage refuses the request ({words}).")


def _unreachable_error(location: str, words: str) -> TransientError:
    return TransientError(
        f"{location}: the storage cannot be reached or is busy ({words}). If this persists, check the network and the "
        "endpoint on the lake's Airflow connection."
    )


def file_shrank_error(location: str, words: str) -> TransientError:
    """Return the error for a range beyond the end of a file that has shrunk."""
    return TransientError(
        f"{location} became shorter while it was read ({words}). The next try reads it again; run the export after the "
        "table is written, not at the same time."
    )


def _refused_error(location: str, words: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(f"{location}: the storage refuses access ({words}). {remedy}")


def _unusable_error(location: str, words: str) -> ConfigurationError:
    return ConfigurationError(
        f"{location}: the storage's client cannot use this location or its settings ({words}). Check the fields and "
        "Extra of the lake's Airflow connection (`endpoint_url` begins with https:// or http://), and the "
        "name of the bucket."
    )


def _name_contains(error: BaseException, words: tuple[str, ...]) -> bool:
    return any(word in type(error).__name__ for word in words)


def _packages_in_traceback(error: BaseException) -> Iterator[str]:
    """Yield the packages in the error's traceback."""
    trace = error.__traceback__
    while trace is not None:
        yield str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        trace = trace.tb_next


def _get_status(error: BaseException) -> int | None:
    """Return the HTTP status, from where aiohttp, gcsfs, requests and botocore store it."""
    response: Any = getattr(error, "response", None)
    found = [
        getattr(error, "status", None),
        getattr(error, "code", None),
        getattr(response, "status_code", None),
    ]
    if isinstance(response, dict):
        found.append(response.get("ResponseMetadata", {}).get("HTTPStatusCode"))
    return next((int(text) for text in map(str, found) if text.isdigit()), None)


def _get_code(error: BaseException) -> str:
    """Return the storage's code from where botocore stores it (the status if the answer has none); else empty."""
    response: Any = getattr(error, "response", None)
    code = str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""
    return code if _CODE.fullmatch(code) else ""
