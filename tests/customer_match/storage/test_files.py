import errno
from typing import Any

import fsspec
import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    IncompleteReadError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.storage.blob import StorageErrorCode
from fsspec.exceptions import FSTimeoutError

from customer_match.errors import ConfigurationError, CustomerMatchError, TerminalError, TransientError
from customer_match.storage.files import open_input, storage_faults

SIGNATURE = "sig=c2VjcmV0"


class Answer:
    """The parts of a response that an HttpResponseError reads."""

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


def sign_in(status: int) -> ClientAuthenticationError:
    """Make an error as azure-identity raises it for Microsoft Entra: without a storage code."""
    return ClientAuthenticationError(f"AADSTS {SIGNATURE}", response=Answer(status))  # type: ignore[arg-type]


def translate(error: BaseException) -> CustomerMatchError:
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
        (
            ClientAuthenticationError(f"no token {SIGNATURE}"),
            ConfigurationError,
            "failed (ClientAuthenticationError). Check tenant",
        ),
        (http(404, "ContainerNotFound"), ConfigurationError, "the container does not exist"),
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
        (PermissionError(errno.EACCES, SIGNATURE), ConfigurationError, "(Permission denied). Check the cred"),
        (PermissionError(SIGNATURE), ConfigurationError, "and their permissions"),
        (OSError(errno.EBUSY, SIGNATURE), TransientError, "cannot be reached: Device or resource busy"),
        (OSError(SIGNATURE), TransientError, "cannot be reached: OSError"),
        (
            http(403, "AuthorizationPermissionMismatch"),
            ConfigurationError,
            "the role Storage Blob Data Reader",
        ),
        (http(403, "KeyBasedAuthenticationNotPermitted"), ConfigurationError, "accepts no keys"),
        (http(400, "InvalidAuthenticationInfo"), ConfigurationError, "refuses access (HTTP 400, InvalidAuth"),
        (http(403, StorageErrorCode.AUTHORIZATION_FAILURE), ConfigurationError, "blocks this machine"),
        (http(403, "SomethingNew"), ConfigurationError, "and the account's firewall"),
        (http(403, "SomethingNew"), ConfigurationError, "a role in the Fabric workspace"),
        (http(400, "FriendlyNameSupportDisabled"), ConfigurationError, "Write the ids of workspace and item"),
        (http(409, "BlobArchived"), ConfigurationError, "in the archive tier"),
        (sign_in(400), ConfigurationError, "signing in to the storage account failed (HTTP 400)"),
        (sign_in(401), ConfigurationError, "Check tenant, client id and secret"),
        (sign_in(503), TransientError, "the sign-in service is busy or unavailable (HTTP 503)"),
        (sign_in(429), TransientError, "HTTP 429"),
        (
            http(416, "InvalidRange"),
            TransientError,
            "became shorter while it was read (HTTP 416, InvalidRange)",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "__name__", type(value).__name__),
)
def test_each_error_has_its_family(
    error: BaseException, family: type[CustomerMatchError], words: str
) -> None:
    found = translate(error)
    assert type(found) is family
    assert words in str(found)


def test_errors_of_local_files_name_owner_and_permissions() -> None:
    with (
        pytest.raises(ConfigurationError, match="Check owner and permissions"),
        storage_faults("/data/lake"),
    ):
        raise PermissionError(errno.EACCES, "Permission denied")


def test_the_wait_that_azure_requests_is_passed_on() -> None:
    found = translate(http(503, "ServerBusy", {"Retry-After": "17"}))
    assert isinstance(found, TransientError)
    assert found.retry_after == 17
    other = translate(http(503, "ServerBusy", {"Retry-After": "Mon, 23 Nov 2026 00:00:00 GMT"}))
    assert isinstance(other, TransientError)
    assert other.retry_after is None


def test_errors_wrapped_by_adlfs_are_unwrapped() -> None:
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
def test_other_errors_are_not_translated(error: Exception) -> None:
    caught: Any = None
    try:
        with storage_faults("t"):
            raise error
    except Exception as found:  # noqa: BLE001 (whatever comes out is compared)
        caught = found
    assert caught is error


class TestFileInALake:
    """A file of known size, read by ranges, behaves like a file."""

    @pytest.fixture
    def lake(self) -> Any:
        lake = fsspec.filesystem("memory", skip_instance_cache=True)
        lake.pipe_file("/t/a", b"0123456789")
        yield lake
        lake.rm("/t", recursive=True)

    @pytest.mark.parametrize("expected", [[], [(2, 8)], [(-5, 3), (4, 99), (6, 2)]])
    def test_reads_equal_those_of_a_local_file(self, lake: Any, expected: list[tuple[int, int]]) -> None:
        with open_input(lake, "/t/a", 10) as file:
            file.expect(expected)
            assert file.read(3) == b"012"
            assert file.tell() == 3
            assert file.seek(2, 1) == 5
            assert file.read() == b"56789"
            assert file.read(1) == b""
            assert file.seek(-4, 2) == 6
            into = bytearray(3)
            assert file.readinto(into) == 3
            assert bytes(into) == b"678"
            assert file.seek(50) == 50
            assert file.read(1) == b""

    def test_expecting_again_drops_earlier_ranges(self, lake: Any) -> None:
        with open_input(lake, "/t/a", 10) as file:
            file.expect([(0, 5)])
            lake.pipe_file("/t/a", b"abcdefghij")
            file.expect([(0, 5)])
            assert file.read(5) == b"abcde"

    @pytest.mark.faults
    def test_missing_files_and_storage_errors_are_reported(
        self, lake: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with open_input(lake, "/t/gone", 10) as file, pytest.raises(FileNotFoundError):
            file.read(1)

        def cat_file(path: str, start: int, end: int) -> bytes:
            raise http(503, "ServerBusy")

        monkeypatch.setattr(lake, "cat_file", cat_file)
        with open_input(lake, "/t/a", 10) as file:
            file.expect([(0, 5)])
            for start in (0, 7):  # fetched ahead, and not
                file.seek(start)
                with pytest.raises(TransientError, match="ServerBusy"):
                    file.read(1)

    @pytest.mark.faults
    @pytest.mark.parametrize("is_expected", [True, False], ids=["fetched ahead", "not ahead"])
    def test_a_file_that_became_shorter_is_reported(self, lake: Any, is_expected: bool) -> None:
        with open_input(lake, "/t/a", 10) as file:
            lake.pipe_file("/t/a", b"012345")
            file.expect([(0, 10)] if is_expected else [])
            with pytest.raises(TransientError, match=r"became shorter .*6 bytes instead of 10"):
                file.read()

    @pytest.mark.faults
    @pytest.mark.parametrize("size", [10, None])
    @pytest.mark.parametrize("change", [lambda part: part * 2, lambda part: part[:-1], lambda _: b""])
    def test_another_number_of_bytes_is_an_error(
        self, lake: Any, size: int | None, change: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As from a client that decompresses: neither more nor fewer bytes are taken for the file."""
        fetch = lake.cat_file
        monkeypatch.setattr(lake, "cat_file", lambda path, **span: change(fetch(path, **span)))
        with open_input(lake, "/t/a", size) as file:
            file.expect([(0, 4)])
            for start, end in ((0, 4), (4, 10)):
                file.seek(start)
                with pytest.raises(
                    TerminalError, match=rf"has 10 bytes, .* for the bytes {start} to {end - 1}\."
                ):
                    file.read(end - start)

    def test_a_folder_is_not_a_file(self, lake: Any) -> None:
        with pytest.raises(FileNotFoundError):
            open_input(lake, "/t")
