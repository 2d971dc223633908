"""What storages other than Azure raise. Shapes and chains are those that the real clients raised (see test_s3.py)."""

import errno
from types import FunctionType, SimpleNamespace
from typing import Any

import pytest

from customer_match.errors import ConfigurationError, CustomerMatchError, TerminalError, TransientError
from customer_match.storage.files import storage_faults

SIGNATURE = "sig=c2VjcmV0"


def of_client(module: str, name: str, **attributes: Any) -> Exception:
    """An exception as the client library of a storage raises."""
    kind = type(name, (Exception,), {"__module__": module, **attributes})
    return kind(SIGNATURE)


def s3(status: int, code: str) -> Exception:
    """As botocore raises what S3 answers; to a question about one object S3 gives no code, and botocore the status."""
    response = {"Error": {"Code": code, "Message": SIGNATURE}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return of_client("botocore.exceptions", "ClientError", response=response)


def wrapped(error: Exception, cause: Exception) -> Exception:
    """As s3fs makes an OSError of it."""
    error.__cause__ = cause
    return error


def raised_in(package: str, error: Exception) -> Exception:
    """An error that came through a function of a package."""

    def fail() -> None:
        raise error

    try:
        FunctionType(fail.__code__, {"__name__": f"{package}.core"}, closure=fail.__closure__)()
    except Exception as found:  # noqa: BLE001 (whatever was given)
        return found
    raise AssertionError


def told(error: BaseException) -> CustomerMatchError:
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
            of_client("botocore.exceptions", "NoCredentialsError"),
            ConfigurationError,
            "(NoCredentialsError). Check the",
        ),
        (
            of_client("google.auth.exceptions", "RefreshError"),
            ConfigurationError,
            "the storage refuses access",
        ),
        (
            of_client("botocore.exceptions", "EndpointConnectionError"),
            TransientError,
            "check the network, and the end",
        ),
        (
            of_client("botocore.exceptions", "InvalidRegionError"),
            ConfigurationError,
            "its settings (InvalidRegion",
        ),
        (
            of_client("botocore.exceptions", "ProfileNotFound"),
            ConfigurationError,
            "Check the fields and Extra",
        ),
        (
            of_client("botocore.exceptions", "ParamValidationError"),
            ConfigurationError,
            "the name of the bucket",
        ),
        (of_client("gcsfs.retry", "HttpError", code=403), ConfigurationError, "HTTP 403"),
        (of_client("gcsfs.retry", "HttpError", code="404"), ConfigurationError, "no such bucket"),
        (of_client("aiohttp", "ClientResponseError", status=429), TransientError, "HTTP 429"),
        (
            of_client("requests", "HTTPError", response=SimpleNamespace(status_code=400)),
            TerminalError,
            "HTTP 400",
        ),
        (s3(503, "SlowDown"), TransientError, "is busy (HTTP 503, SlowDown)"),
        (s3(403, "AccessDenied"), ConfigurationError, "s3:ListBucket, s3:GetObject"),
        (
            s3(403, "InvalidAccessKeyId"),
            ConfigurationError,
            "(HTTP 403, InvalidAccessKeyId). There is no such access",
        ),
        (s3(403, "SignatureDoesNotMatch"), ConfigurationError, "correct the password"),
        (s3(403, "RequestTimeTooSkewed"), ConfigurationError, "clock"),
        (s3(400, "ExpiredToken"), ConfigurationError, "session token"),
        (s3(301, "PermanentRedirect"), ConfigurationError, "in another region"),
        (s3(301, "301"), ConfigurationError, "(HTTP 301). The bucket is in another region"),
        (s3(400, "400"), ConfigurationError, "(HTTP 400). The bucket is in another region"),
        (s3(403, "InvalidObjectState"), ConfigurationError, "archived"),
        (s3(403, f"<{SIGNATURE}>"), ConfigurationError, "refuses access (HTTP 403). Check"),
        (s3(400, "InvalidArgument"), TerminalError, "refuses the request (HTTP 400, InvalidArgument)"),
    ],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "__name__", type(value).__name__),
)
def test_each_trouble_has_its_family(error: Exception, family: type[CustomerMatchError], words: str) -> None:
    found = told(error)
    assert type(found) is family
    assert words in str(found)


@pytest.mark.faults
@pytest.mark.parametrize(
    ("error", "family", "words"),
    [
        (
            wrapped(PermissionError("Forbidden"), s3(403, "403")),
            ConfigurationError,
            "(HTTP 403). Check the cred",
        ),
        (
            wrapped(OSError(errno.EINVAL, SIGNATURE), s3(400, "AuthorizationHeaderMalformed")),
            ConfigurationError,
            "region",
        ),
        (
            wrapped(OSError(errno.EINVAL, SIGNATURE), s3(416, "InvalidRange")),
            TransientError,
            "became shorter",
        ),
        (wrapped(OSError(errno.EREMCHG, SIGNATURE), s3(301, "301")), ConfigurationError, "region"),
        (
            wrapped(OSError(errno.EREMOTEIO, SIGNATURE), s3(500, "InternalError")),
            TransientError,
            "HTTP 500, Internal",
        ),
    ],
)
def test_the_client_knows_more_than_the_file_system(
    error: Exception, family: type[CustomerMatchError], words: str
) -> None:
    found = told(error)
    assert type(found) is family
    assert words in str(found)


@pytest.mark.bad_input
def test_an_endpoint_that_is_none_is_told() -> None:
    found = told(raised_in("botocore", ValueError(f"Invalid endpoint: {SIGNATURE}")))
    assert isinstance(found, ConfigurationError)
    assert "`endpoint_url` begins with https://" in str(found)


def test_what_gcsfs_is_forbidden_is_told() -> None:
    found = told(raised_in("gcsfs", OSError(f"Forbidden: {SIGNATURE}")))
    assert isinstance(found, ConfigurationError)
    assert isinstance(told(raised_in("gcsfs", OSError(SIGNATURE))), TransientError)
    assert isinstance(told(OSError("Forbidden")), TransientError)  # of whatever else


def test_an_error_of_our_own_stays_what_it_is() -> None:
    with pytest.raises(ValueError, match="ours"), storage_faults("t"):
        raise ValueError("ours")
