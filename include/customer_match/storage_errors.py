"""What storages raise, in our words and families.

Local disks raise OSError, adlfs what the Azure SDK raises, partly wrapped in RuntimeError; other file systems
of fsspec raise OSError as far as they translate, and else what their clients raise. The words of a storage are
left out: they repeat requests, and those may carry signatures. Its codes are kept.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import Any, Final

from include.errors import ConfigurationError, CustomerMatchError, TerminalError, TransientError

__all__ = ["translated"]

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_UNUSABLE: Final = frozenset({errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL})
_HTTP_REFUSED: Final = frozenset({401, 403})
_HTTP_LATER: Final = frozenset({408, 409, 412, 429})
_HTTP_NOT_FOUND: Final = 404
_HTTP_TOO_MANY: Final = 429
_HTTP_SERVER_ERROR: Final = 500

# What to look at first, by Azure's code (documented: Blob service error codes, Common REST API error codes).
_REFUSALS: Final = {
    "AuthenticationFailed": "The key or the signature is wrong or has expired, or this machine's clock is off.",
    "AuthorizationFailure": "The key or signature of the Airflow connection is wrong or allows less, or the account's "
    "firewall keeps this machine out.",
    "AuthorizationPermissionMismatch": "Give the identity the role Storage Blob Data Reader; for a workspace, "
    "Storage Blob Data Contributor. A signature must allow read and list; for a workspace, also write and delete.",
    "KeyBasedAuthenticationNotPermitted": "The account takes no keys: use a service principal or a managed identity.",
    "PublicAccessNotPermitted": "The container is not public: give the connection a credential.",
    "NoAuthenticationInformation": "The container is not public: give the connection a credential.",
    "AccountIsDisabled": "The storage account is disabled.",
}
_ACCESS: Final = (
    "Check the credentials on the lake's Airflow connection, that they have the role Storage Blob Data Contributor "
    "(for a workspace) or Reader, and the account's firewall."
)
_MALFORMED: Final = "InvalidAuthenticationInfo"  # with 400, or with 401
_ARCHIVED: Final = frozenset({"BlobArchived", "BlobBeingRehydrated"})
# The clients below the file systems that Airflow's providers bring (assumed: none is installed here but Azure's).
_CLIENTS: Final = frozenset(
    {"aiobotocore", "aiohttp", "botocore", "gcsfs", "google", "paramiko", "requests", "s3fs", "urllib3"}
)
_CREDENTIALS: Final = ("Credential", "Authentication", "RefreshError", "TokenRetrieval")


def translated(error: BaseException, location: str) -> CustomerMatchError | None:
    """Our word for the first error of the chain that a storage is known to raise; None where there is none."""
    link: BaseException | None = error
    while link is not None:
        for translate in (_of_azure, _of_client, _of_system):
            if ours := translate(link, location):
                return ours
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return None


def _of_system(error: BaseException, location: str) -> CustomerMatchError | None:
    if not isinstance(error, OSError):
        return None
    # Of file systems in a network, `strerror` is the storage's own text.
    known = error.errno in errno.errorcode
    reason = os.strerror(error.errno) if known and error.errno else type(error).__name__
    if error.errno in _FULL:
        return ConfigurationError(
            f"{location} cannot be written: the storage is full ({reason}). Free some space."
        )
    if error.errno in _FORBIDDEN or isinstance(error, PermissionError):
        return ConfigurationError(_forbidden(location, reason))
    if error.errno in _UNUSABLE:
        return ConfigurationError(f"{location} cannot be used as a path here ({reason}). Correct the path.")
    return TransientError(f"{location} cannot be reached: {reason}.")


def _forbidden(location: str, reason: str) -> str:
    remedy = "owner and permissions of the file and of the folders above it"
    if "://" in location:
        remedy = "the credentials on the lake's Airflow connection, and what they may do there"
    return f"{location} may not be read or written by this user ({reason}). Check {remedy}."


def _of_azure(error: BaseException, location: str) -> CustomerMatchError | None:
    azure: Any = sys.modules.get("azure.core.exceptions")  # who has not imported it has not raised from it
    if azure is None or not isinstance(error, azure.AzureError):
        return None
    status = getattr(error, "status_code", None)
    code = getattr(error, "error_code", None)
    code = getattr(code, "value", code)  # where the SDK knows it, it is a member of an enumeration
    detail = _detail(status, code, error)
    if isinstance(error, azure.ClientAuthenticationError) and not code:  # the account always gives a code
        return _not_signed_in(error, status, detail, location)
    if code in _ARCHIVED or code == _MALFORMED or (status and not _may_pass(status)):
        return _refused(status or 0, str(code), detail, location)
    return TransientError(
        f"{location}: the storage account cannot be reached or is busy ({detail}). If this stays so, check the "
        "account's name and the network.",
        retry_after=_retry_after(error),
    )


def _refused(status: int, code: str, detail: str, location: str) -> CustomerMatchError:
    if status in _HTTP_REFUSED or code == _MALFORMED:
        remedy = _REFUSALS.get(code, _ACCESS)
        return ConfigurationError(f"{location}: the storage account refuses access ({detail}). {remedy}")
    if code in _ARCHIVED:
        return ConfigurationError(
            f"{location} is in the archive tier, where nothing can be read ({detail}). Move it to the hot or cool tier."
        )
    if status == _HTTP_NOT_FOUND:
        return ConfigurationError(
            f"{location}: there is no such container in the storage account ({detail}). Create it, or correct the "
            "name."
        )
    return TerminalError(f"{location}: the storage account refuses the request ({detail}).")


def _not_signed_in(
    error: BaseException, status: int | None, detail: str, location: str
) -> CustomerMatchError:
    """No token was had: the storage account was not even asked."""
    if status and (status >= _HTTP_SERVER_ERROR or status == _HTTP_TOO_MANY):
        return TransientError(
            f"{location}: the sign-in is busy or out of order ({detail}).", retry_after=_retry_after(error)
        )
    return ConfigurationError(
        f"{location}: signing in to the storage account failed ({detail}). Check tenant, client id and secret on the "
        "lake's Airflow connection; without them, the identity that this machine offers (environment, workload "
        "identity, managed identity, or `az login`)."
    )


def _of_client(error: BaseException, location: str) -> CustomerMatchError | None:
    """What a client library of another storage raises, by its HTTP status, else by its name."""
    kind = type(error)
    if kind.__module__.partition(".")[0] not in _CLIENTS:
        return None
    status = _status_of(error)
    detail = _detail(status, None, error)
    if status in _HTTP_REFUSED or any(word in kind.__name__ for word in _CREDENTIALS):
        return ConfigurationError(_forbidden(location, detail))
    if status == _HTTP_NOT_FOUND:
        return ConfigurationError(
            f"{location}: there is no such bucket or folder ({detail}). Correct the name."
        )
    if status and not _may_pass(status):
        return TerminalError(f"{location}: the storage refuses the request ({detail}).")
    return TransientError(f"{location}: the storage cannot be reached or is busy ({detail}).")


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


def _detail(status: object, code: object, error: BaseException) -> str:
    parts = [str(part) for part in (status and f"HTTP {status}", code) if part]
    return ", ".join(parts) or type(error).__name__


def _may_pass(status: int) -> bool:
    return status >= _HTTP_SERVER_ERROR or status in _HTTP_LATER


def _retry_after(error: BaseException) -> float | None:
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    value = str(headers.get("Retry-After", ""))
    return float(value) if value.isdigit() else None
