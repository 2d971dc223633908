"""Errors of storages other than Azure. Shapes and chains are those that the real clients raised (see test_s3.py)."""

import errno
from types import FunctionType, SimpleNamespace
from typing import Any

import pytest

from customer_match.errors import ConfigurationError, CustomerMatchError, TerminalError, TransientError
from customer_match.storage.files import storage_faults

SIGNATURE = "sig=c2VjcmV0"


def client_error(module: str, name: str, **attributes: Any) -> Exception:
    """Make an exception like those of a storage's client library."""
    kind = type(name, (Exception,), {"__module__": module, **attributes})
    return kind(SIGNATURE)


def s3_error(status: int, code: str) -> Exception:
    """Make an S3 error as botocore raises it; for a single object S3 gives no code, and botocore uses the status."""
    response = {"Error": {"Code": code, "Message": SIGNATURE}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return client_error("botocore.exceptions", "ClientError", response=response)


def wrap_error(error: Exception, cause: Exception) -> Exception:
    """Wrap an error in an OSError, as s3fs does."""
    error.__cause__ = cause
    return error


def raised_in(package: str, error: Exception) -> Exception:
    """Make an error whose traceback contains a function of a package."""

    def fail() -> None:
        raise error

    try:
        FunctionType(fail.__code__, {"__name__": f"{package}.core"}, closure=fail.__closure__)()
    except Exception as found:  # noqa: BLE001 (whatever was given)
        return found
    raise AssertionError


def translate(error: BaseException) -> CustomerMatchError:
    with pytest.raises(CustomerMatchError) as raised, storage_faults("s3://lake/t"):
        raise error
    assert "s3://lake/t" in str(raised.value)
    assert SIGNATURE not in str(raised.value)
    return raised.value


@pytest.mark.faults
@pytest.mark.parametrize(
    ("error", "family", "words"),
    [
        (
            client_error("botocore.exceptions", "NoCredentialsError"),
            ConfigurationError,
            "(NoCredentialsError). Check the",
        ),
        (
            client_error("google.auth.exceptions", "RefreshError"),
            ConfigurationError,
            "the storage refuses access",
        ),
        (
            client_error("botocore.exceptions", "EndpointConnectionError"),
            TransientError,
            "check the network and the end",
        ),
        (
            client_error("botocore.exceptions", "InvalidRegionError"),
            ConfigurationError,
            "its settings (InvalidRegion",
        ),
        (
            client_error("botocore.exceptions", "ProfileNotFound"),
            ConfigurationError,
            "Check the fields and Extra",
        ),
        (
            client_error("botocore.exceptions", "ParamValidationError"),
            ConfigurationError,
            "the name of the bucket",
        ),
        (client_error("gcsfs.retry", "HttpError", code=403), ConfigurationError, "HTTP 403"),
        (client_error("gcsfs.retry", "HttpError", code="404"), ConfigurationError, "folder does not exist"),
        (client_error("aiohttp", "ClientResponseError", status=429), TransientError, "HTTP 429"),
        (
            client_error("requests", "HTTPError", response=SimpleNamespace(status_code=400)),
            TerminalError,
            "HTTP 400",
        ),
        (s3_error(503, "SlowDown"), TransientError, "is busy (HTTP 503, SlowDown)"),
        (s3_error(403, "AccessDenied"), ConfigurationError, "s3:ListBucket, s3:GetObject"),
        (
            s3_error(403, "InvalidAccessKeyId"),
            ConfigurationError,
            "(HTTP 403, InvalidAccessKeyId). The access",
        ),
        (s3_error(403, "SignatureDoesNotMatch"), ConfigurationError, "correct the password"),
        (s3_error(403, "RequestTimeTooSkewed"), ConfigurationError, "clock"),
        (s3_error(400, "ExpiredToken"), ConfigurationError, "session token"),
        (s3_error(301, "PermanentRedirect"), ConfigurationError, "in a different region"),
        (s3_error(301, "301"), ConfigurationError, "(HTTP 301). The bucket is in a different region"),
        (s3_error(400, "400"), ConfigurationError, "(HTTP 400). The bucket is in a different region"),
        (s3_error(403, "InvalidObjectState"), ConfigurationError, "archived"),
        (s3_error(403, f"<{SIGNATURE}>"), ConfigurationError, "refuses access (HTTP 403). Check"),
        (s3_error(400, "InvalidArgument"), TerminalError, "refuses the request (HTTP 400, InvalidArgument)"),
    ],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "__name__", type(value).__name__),
)
def test_each_error_has_its_family(error: Exception, family: type[CustomerMatchError], words: str) -> None:
    found = translate(error)
    assert type(found) is family
    assert words in str(found)


@pytest.mark.faults
@pytest.mark.parametrize(
    ("error", "family", "words"),
    [
        (
            wrap_error(PermissionError("Forbidden"), s3_error(403, "403")),
            ConfigurationError,
            "(HTTP 403). Check the cred",
        ),
        (
            wrap_error(OSError(errno.EINVAL, SIGNATURE), s3_error(400, "AuthorizationHeaderMalformed")),
            ConfigurationError,
            "region",
        ),
        (
            wrap_error(OSError(errno.EINVAL, SIGNATURE), s3_error(416, "InvalidRange")),
            TransientError,
            "became shorter",
        ),
        (wrap_error(OSError(errno.EREMCHG, SIGNATURE), s3_error(301, "301")), ConfigurationError, "region"),
        (
            wrap_error(OSError(errno.EREMOTEIO, SIGNATURE), s3_error(500, "InternalError")),
            TransientError,
            "HTTP 500, Internal",
        ),
    ],
)
def test_the_client_knows_more_than_the_file_system(
    error: Exception, family: type[CustomerMatchError], words: str
) -> None:
    found = translate(error)
    assert type(found) is family
    assert words in str(found)


@pytest.mark.bad_input
def test_an_invalid_endpoint_is_reported() -> None:
    found = translate(raised_in("botocore", ValueError(f"Invalid endpoint: {SIGNATURE}")))
    assert isinstance(found, ConfigurationError)
    assert "`endpoint_url` begins with https://" in str(found)


def test_forbidden_requests_of_gcsfs_are_reported() -> None:
    found = translate(raised_in("gcsfs", OSError(f"Forbidden: {SIGNATURE}")))
    assert isinstance(found, ConfigurationError)
    assert isinstance(translate(raised_in("gcsfs", OSError(SIGNATURE))), TransientError)
    assert isinstance(translate(OSError("Forbidden")), TransientError)  # of whatever else


def test_our_own_errors_are_not_translated() -> None:
    with pytest.raises(ValueError, match="ours"), storage_faults("t"):
        raise ValueError("ours")
