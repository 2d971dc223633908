"""What storages raise, in our words and families.

Local disks raise OSError, adlfs what the Azure SDK raises, partly wrapped in RuntimeError; other file systems
of fsspec raise OSError as far as they translate, and else what their clients raise. The words of a storage are
left out: they repeat requests, and those may carry signatures. Its codes are kept.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from typing import Any, Final

from customer_match.errors import ConfigurationError, CustomerMatchError, TerminalError, TransientError
from customer_match.storage import http_status as storage_status
from customer_match.storage.client_errors import became_shorter, of_client
from customer_match.storage.http_status import detail, may_pass

__all__ = ["translated"]

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_UNUSABLE: Final = frozenset({errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL})

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


def translated(error: BaseException, location: str) -> CustomerMatchError | None:
    """Our word for what a storage is known to raise; None where it is nothing of the kind.

    A client's own error goes before what a file system makes of it: it knows status and code.
    """
    for translate in (_of_azure, of_client, _of_system):
        for link in _chain(error):
            if ours := translate(link, location):
                return ours
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


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
    words = detail(status, code, error)
    if isinstance(error, azure.ClientAuthenticationError) and not code:  # the account always gives a code
        return _not_signed_in(error, status, words, location)
    if status == storage_status.OUT_OF_RANGE:
        return became_shorter(location, words)
    if code in _ARCHIVED or code == _MALFORMED or (status and not may_pass(status)):
        return _refused(status or 0, str(code), words, location)
    return TransientError(
        f"{location}: the storage account cannot be reached or is busy ({words}). If this stays so, check the "
        "account's name and the network.",
        retry_after=_retry_after(error),
    )


def _refused(status: int, code: str, words: str, location: str) -> CustomerMatchError:
    if status in storage_status.REFUSED or code == _MALFORMED:
        remedy = _REFUSALS.get(code, _ACCESS)
        return ConfigurationError(f"{location}: the storage account refuses access ({words}). {remedy}")
    if code in _ARCHIVED:
        return ConfigurationError(
            f"{location} is in the archive tier, where nothing can be read ({words}). Move it to the hot or cool tier."
        )
    if status == storage_status.NOT_FOUND:
        return ConfigurationError(
            f"{location}: there is no such container in the storage account ({words}). Create it, or correct the "
            "name."
        )
    return TerminalError(f"{location}: the storage account refuses the request ({words}).")


def _not_signed_in(error: BaseException, status: int | None, words: str, location: str) -> CustomerMatchError:
    """No token was had: the storage account was not even asked."""
    if status and (status >= storage_status.SERVER_ERROR or status == storage_status.TOO_MANY):
        return TransientError(
            f"{location}: the sign-in is busy or out of order ({words}).", retry_after=_retry_after(error)
        )
    return ConfigurationError(
        f"{location}: signing in to the storage account failed ({words}). Check tenant, client id and secret on the "
        "lake's Airflow connection; without them, the identity that this machine offers (environment, workload "
        "identity, managed identity, or `az login`)."
    )


def _retry_after(error: BaseException) -> float | None:
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    value = str(headers.get("Retry-After", ""))
    return float(value) if value.isdigit() else None
