import errno
from typing import Any

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    IncompleteReadError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from fsspec.exceptions import FSTimeoutError

from include.customer_match.storage import storage_faults
from include.errors import ConfigurationError, CustomerMatchError, TerminalError, TransientError

SIGNATURE = "sig=c2VjcmV0"


class Answer:
    """As much of a response as an HttpResponseError looks at."""

    def __init__(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.status_code = status
        self.headers = headers or {}
        self.reason = f"Reason with {SIGNATURE}"

    def body(self) -> bytes:
        return b""


def http(status: int, code: str = "", headers: dict[str, str] | None = None) -> HttpResponseError:
    kind = ResourceNotFoundError if status == 404 else HttpResponseError
    error = kind(f"failed for {SIGNATURE}", response=Answer(status, headers))  # type: ignore[arg-type]
    error.error_code = code  # type: ignore[attr-defined]  # set by the SDK from the answer
    return error


def told(error: BaseException) -> CustomerMatchError:
    with pytest.raises(CustomerMatchError) as raised, storage_faults("abfs://lake/t"):
        raise error
    assert "abfs://lake/t" in str(raised.value)
    assert SIGNATURE not in str(raised.value)
    assert raised.value.__cause__ is error
    return raised.value


@pytest.mark.faults
@pytest.mark.parametrize(
    ("error", "family", "words"),
    [
        (
            http(403, "AuthenticationFailed"),
            ConfigurationError,
            "refuses access (HTTP 403, AuthenticationFailed)",
        ),
        (http(401), ConfigurationError, "refuses access (HTTP 401)"),
        (ClientAuthenticationError(f"no token {SIGNATURE}"), ConfigurationError, "ClientAuthenticationError"),
        (http(404, "ContainerNotFound"), ConfigurationError, "no such container"),
        (http(503, "ServerBusy"), TransientError, "HTTP 503, ServerBusy"),
        (http(500), TransientError, "cannot be reached or is busy"),
        (http(429), TransientError, "busy"),
        (http(409, "ContainerBeingDeleted"), TransientError, "ContainerBeingDeleted"),
        (http(400, "InvalidResourceName"), TerminalError, "InvalidResourceName"),
        (ServiceRequestError(f"cannot connect {SIGNATURE}"), TransientError, "check the account's name"),
        (ServiceResponseError("broken off"), TransientError, "ServiceResponseError"),
        (IncompleteReadError("half"), TransientError, "IncompleteReadError"),
        (FSTimeoutError(), TransientError, "cannot be reached"),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), TransientError, "reset by peer"),
        (PermissionError(errno.EACCES, "Permission denied"), ConfigurationError, "Check owner"),
    ],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "__name__", type(value).__name__),
)
def test_each_trouble_has_its_family(
    error: BaseException, family: type[CustomerMatchError], words: str
) -> None:
    found = told(error)
    assert type(found) is family
    assert words in str(found)


def test_the_wait_that_azure_asks_for_is_handed_on() -> None:
    found = told(http(503, "ServerBusy", {"Retry-After": "17"}))
    assert isinstance(found, TransientError)
    assert found.retry_after == 17
    other = told(http(503, "ServerBusy", {"Retry-After": "Mon, 23 Nov 2026 00:00:00 GMT"}))
    assert isinstance(other, TransientError)
    assert other.retry_after is None


def test_what_adlfs_wraps_is_found_inside() -> None:
    def upload() -> None:
        try:
            raise http(403, "AuthorizationFailure")
        except HttpResponseError as error:
            raise RuntimeError(f"Failed to upload block: {SIGNATURE}") from error

    with pytest.raises(ConfigurationError, match="AuthorizationFailure"), storage_faults("t"):
        upload()


@pytest.mark.parametrize(
    "error", [FileNotFoundError(), FileExistsError(), KeyError("ours"), TerminalError("ours")]
)
def test_the_rest_passes_as_it_is(error: Exception) -> None:
    caught: Any = None
    try:
        with storage_faults("t"):
            raise error
    except Exception as found:  # noqa: BLE001 (whatever comes out is compared)
        caught = found
    assert caught is error
