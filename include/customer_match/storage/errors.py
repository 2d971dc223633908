"""Translate what storages raise into our error families.

Local disks raise OSError; adlfs raises errors of the Azure SDK, partly wrapped in RuntimeError; other fsspec file
systems raise OSError where they translate errors, and otherwise their client's errors. A storage's error texts are left
out, because they repeat requests, which may contain signatures. Its codes are kept.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from typing import Any, Final

from customer_match.errors import ConfigurationError, CustomerMatchError, TerminalError, TransientError
from customer_match.storage import http_status as storage_status
from customer_match.storage.client_errors import file_shrank_error, translate_client_error
from customer_match.storage.http_status import detail, is_retryable

__all__ = ["translate_error"]

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_UNUSABLE: Final = frozenset({errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL})

# What to check first, by Azure's code (documented: Blob service error codes, Common REST API error codes).
_REFUSALS: Final = {
    "AuthenticationFailed": "The key or the signature is wrong or has expired, or this machine's clock is wrong.",
    "AuthorizationFailure": "The key or signature of the Airflow connection is wrong or lacks permissions, or the "
    "account's firewall blocks this machine.",
    "AuthorizationPermissionMismatch": "Give the identity the role Storage Blob Data Reader; for a workspace, "
    "Storage Blob Data Contributor. A signature must allow read and list; for a workspace, also write and delete.",
    "KeyBasedAuthenticationNotPermitted": "The account accepts no keys: use a service principal or a managed identity.",
    "PublicAccessNotPermitted": "The container is not public: give the connection a credential.",
    "NoAuthenticationInformation": "The container is not public: give the connection a credential.",
    "AccountIsDisabled": "The storage account is disabled.",
}
_ACCESS: Final = (
    "Check the credentials on the lake's Airflow connection, that they have the role Storage Blob Data Contributor "
    "(for a workspace) or Reader (in OneLake: a role in the Fabric workspace, or access to the item), and the "
    "account's firewall."
)
_MALFORMED: Final = "InvalidAuthenticationInfo"  # with 400, or with 401
# Observed by others: the tenant or item does not accept names of workspaces and items.
_IDS_ONLY: Final = "FriendlyNameSupportDisabled"
_ARCHIVED: Final = frozenset({"BlobArchived", "BlobBeingRehydrated"})


def translate_error(error: BaseException, location: str) -> CustomerMatchError | None:
    """Translate an error that a storage is known to raise; None for any other.

    A client's own error takes precedence over the file system's wrapper, because it has status and code.
    """
    for translate in (_translate_azure_error, translate_client_error, _translate_os_error):
        for link in _causes(error):
            if ours := translate(link, location):
                return ours
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _translate_os_error(error: BaseException, location: str) -> CustomerMatchError | None:
    if not isinstance(error, OSError):
        return None
    # For network file systems, `strerror` may be the storage's own text.
    known = error.errno in errno.errorcode
    reason = os.strerror(error.errno) if known and error.errno else type(error).__name__
    if error.errno in _FULL:
        return ConfigurationError(
            f"{location} cannot be written because the storage is full ({reason}). Free some space."
        )
    if error.errno in _FORBIDDEN or isinstance(error, PermissionError):
        return ConfigurationError(_forbidden_message(location, reason))
    if error.errno in _UNUSABLE:
        return ConfigurationError(
            f"{location} is not a usable path on this machine ({reason}). Correct the path."
        )
    return TransientError(f"{location} cannot be reached: {reason}.")


def _forbidden_message(location: str, reason: str) -> str:
    remedy = "owner and permissions of the file and of the folders above it"
    if "://" in location:
        remedy = "the credentials on the lake's Airflow connection and their permissions"
    return f"This user has no permission to read or write {location} ({reason}). Check {remedy}."


def _translate_azure_error(error: BaseException, location: str) -> CustomerMatchError | None:
    azure: Any = sys.modules.get("azure.core.exceptions")  # an SDK that is not imported cannot have raised
    if azure is None or not isinstance(error, azure.AzureError):
        return None
    status = getattr(error, "status_code", None)
    code = getattr(error, "error_code", None)
    code = getattr(code, "value", code)  # codes that the SDK knows are members of an enumeration
    words = detail(status, code, error)
    # Errors of the account always have a code.
    if isinstance(error, azure.ClientAuthenticationError) and not code:
        return _sign_in_error(error, status, words, location)
    if status == storage_status.OUT_OF_RANGE:
        return file_shrank_error(location, words)
    if code in _ARCHIVED or code == _MALFORMED or (status and not is_retryable(status)):
        return _refused_error(status or 0, str(code), words, location)
    return TransientError(
        f"{location}: the storage account cannot be reached or is busy ({words}). If this persists, check the "
        "account's name and the network.",
        retry_after=_retry_after(error),
    )


def _refused_error(status: int, code: str, words: str, location: str) -> CustomerMatchError:
    if status in storage_status.REFUSED or code == _MALFORMED:
        remedy = _REFUSALS.get(code, _ACCESS)
        return ConfigurationError(f"{location}: the storage account refuses access ({words}). {remedy}")
    if code == _IDS_ONLY:
        return ConfigurationError(
            f"{location}: OneLake accepts no names here ({words}). Write the ids of workspace and item, which are in "
            "the item's URL in Fabric."
        )
    if code in _ARCHIVED:
        return ConfigurationError(
            f"{location} is in the archive tier and cannot be read ({words}). Move it to the hot or cool tier."
        )
    if status == storage_status.NOT_FOUND:
        return ConfigurationError(
            f"{location}: the container does not exist in the storage account ({words}). Create it, or correct the "
            "name."
        )
    return TerminalError(f"{location}: the storage account refuses the request ({words}).")


def _sign_in_error(error: BaseException, status: int | None, words: str, location: str) -> CustomerMatchError:
    """Return the error for a failed token request; the storage account itself was not contacted."""
    if status and (status >= storage_status.SERVER_ERROR or status == storage_status.TOO_MANY):
        return TransientError(
            f"{location}: the sign-in service is busy or unavailable ({words}).",
            retry_after=_retry_after(error),
        )
    return ConfigurationError(
        f"{location}: signing in to the storage account failed ({words}). Check tenant, client id and secret on the "
        "lake's Airflow connection; if it has none, check the identity of this machine (environment, workload "
        "identity, managed identity, or `az login`)."
    )


def _retry_after(error: BaseException) -> float | None:
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    value = str(headers.get("Retry-After", ""))
    return float(value) if value.isdigit() else None
