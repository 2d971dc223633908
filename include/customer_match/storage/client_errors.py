"""What the clients of storages other than Azure's raise, in our words and families.

They are known by name, as their packages need not be installed. Run against botocore 1.43 by s3fs 2026.9, where
marked *observed*; the rest is as documented.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from customer_match.errors import ConfigurationError, CustomerMatchError, TerminalError, TransientError
from customer_match.storage import http_status as storage_status
from customer_match.storage.http_status import detail, may_pass

__all__ = ["became_shorter", "of_client"]

# The clients below the file systems that Airflow's providers bring.
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
# No request was made: what was given to the client is unusable (observed of botocore: InvalidRegionError,
# ProfileNotFound, ParamValidationError).
_SETTINGS: Final = ("Config", "Malformed", "Profile", "Region", "Schema", "URL", "Validation")
_CODE: Final = re.compile(r"[A-Za-z0-9.]{1,60}")

_EXPIRED: Final = (
    "A session token of the connection has expired or is wrong (`aws_session_token` in Extra): renew it."
)
_REGION: Final = (
    "The bucket is in another region than the one that is asked: set `region_name` (and `endpoint_url`, if there is "
    "one) in the Extra of the lake's Airflow connection."
)
_ACCOUNT: Final = "The account of the bucket is closed, suspended or not signed up."
# What to look at first, by code (documented: Amazon S3, Error responses).
_REMEDIES: Final = {
    "InvalidAccessKeyId": "There is no such access key: correct the login of the lake's Airflow connection.",
    "SignatureDoesNotMatch": "The secret key is wrong: correct the password of the lake's Airflow connection.",
    "RequestTimeTooSkewed": "This machine's clock is off.",
    "ExpiredToken": _EXPIRED,
    "InvalidToken": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "PermanentRedirect": _REGION,
    "TemporaryRedirect": _REGION,
    "301": _REGION,
    # To a question about one object S3 answers without a code.
    "400": f"{_REGION} Or: {_EXPIRED}",
    "InvalidObjectState": "It is archived, where nothing can be read: restore it, or move it to another storage class.",
    "AccountProblem": _ACCOUNT,
    "AllAccessDisabled": _ACCOUNT,
    "NotSignedUp": _ACCOUNT,
}
_ACCESS: Final = (
    "Check the credentials on the lake's Airflow connection, and that they may list the bucket and read its objects "
    "(in Amazon S3: s3:ListBucket, s3:GetObject)."
)


def of_client(error: BaseException, location: str) -> CustomerMatchError | None:
    """The error for what a client library raised; None if it is none of theirs."""
    kind = type(error)
    if kind.__module__.partition(".")[0] in _CLIENTS:
        return _told(error, _code_of(error), _status_of(error), location)
    if isinstance(error, ValueError) and not _CLIENTS.isdisjoint(_passed(error)):
        return _unusable(location, kind.__name__)  # observed of botocore: an endpoint without http://
    # gcsfs has no kind of its own for what is forbidden.
    if isinstance(error, OSError) and "gcsfs" in _passed(error) and str(error).startswith("Forbidden"):
        return _refused(location, "HTTP 403", _ACCESS)
    return None


def _told(error: BaseException, code: str, status: int | None, location: str) -> CustomerMatchError:
    words = detail(status, "" if code.isdigit() else code, error)
    if remedy := _REMEDIES.get(code):
        return _refused(location, words, remedy)
    if status in storage_status.REFUSED or _speaks_of(error, _CREDENTIALS):
        return _refused(location, words, _ACCESS)
    if status:
        return _of_status(status, words, location)
    return _unusable(location, words) if _speaks_of(error, _SETTINGS) else _out_of_reach(location, words)


def _of_status(status: int, words: str, location: str) -> CustomerMatchError:
    if status == storage_status.NOT_FOUND:
        return ConfigurationError(
            f"{location}: there is no such bucket or folder ({words}). Correct the name."
        )
    if status == storage_status.OUT_OF_RANGE:
        return became_shorter(location, words)
    if may_pass(status):
        return _out_of_reach(location, words)
    return TerminalError(f"{location}: the storage refuses the request ({words}).")


def _out_of_reach(location: str, words: str) -> TransientError:
    return TransientError(
        f"{location}: the storage cannot be reached or is busy ({words}). If this stays so, check the network, and the "
        "endpoint on the lake's Airflow connection."
    )


def became_shorter(location: str, words: str) -> TransientError:
    """The error for a range that a file does not have any more."""
    return TransientError(
        f"{location} became shorter while it was read ({words}). It is read again on the next try; export after the "
        "table is written, not meanwhile."
    )


def _refused(location: str, words: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(f"{location}: the storage refuses access ({words}). {remedy}")


def _unusable(location: str, words: str) -> ConfigurationError:
    return ConfigurationError(
        f"{location}: the storage's client cannot work with this place or with its settings ({words}). Check the "
        "fields and Extra of the lake's Airflow connection (`endpoint_url` begins with https:// or http://), and the "
        "name of the bucket."
    )


def _speaks_of(error: BaseException, words: tuple[str, ...]) -> bool:
    return any(word in type(error).__name__ for word in words)


def _passed(error: BaseException) -> Iterator[str]:
    """The packages that the error came through."""
    trace = error.__traceback__
    while trace is not None:
        yield str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        trace = trace.tb_next


def _status_of(error: BaseException) -> int | None:
    """The HTTP status: where aiohttp, gcsfs, requests and botocore keep it."""
    response: Any = getattr(error, "response", None)
    found = [
        getattr(error, "status", None),
        getattr(error, "code", None),
        getattr(response, "status_code", None),
    ]
    if isinstance(response, dict):
        found.append(response.get("ResponseMetadata", {}).get("HTTPStatusCode"))
    return next((int(text) for text in map(str, found) if text.isdigit()), None)


def _code_of(error: BaseException) -> str:
    """The storage's code, where botocore keeps it: a word, or the status where the answer has none; else empty."""
    response: Any = getattr(error, "response", None)
    code = str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""
    return code if _CODE.fullmatch(code) else ""
