"""Answers become errors of the right class, without the service's free text."""

from __future__ import annotations

import pytest

from customer_match.errors import ConfigurationError, TerminalError, TransientError
from microsoft_advertising.faults import (
    Origin,
    ServiceConfigurationError,
    ServiceError,
    ServiceTransientError,
    UploadUrlExpired,
    error_of,
    error_of_status,
    errors_in,
    safe_token,
)

ORIGIN = Origin("GetBulkUploadUrl", "222")


def batch(code: int, **more: object) -> dict[str, object]:
    return {"Code": code, "ErrorCode": "Name", "Message": "somebody@example.com", **more}


@pytest.mark.parametrize(
    ("payload", "codes"),
    [
        ({"Type": "AdApiFaultDetail", "Errors": [batch(109)]}, [109]),
        ({"OperationErrors": [batch(4204)], "BatchErrors": [None, batch(4853)]}, [4204, 4853]),
        ({"PartialErrors": [None, batch(4835, Index=1)]}, [4835]),
        ({"Code": 3224, "ErrorCode": "BulkServiceUrlAlreadyUsedForUpload"}, [3224]),
        ({"Errors": [batch("117")]}, [117]),  # type: ignore[arg-type]  # SOAP's codes are text
        ({"Errors": None, "OperationErrors": "x", "BatchErrors": [7, {"Code": None}]}, []),
        ([1], []),
        (None, []),
    ],
)
def test_errors_are_found_in_all_fields(payload: object, codes: list[int]) -> None:
    assert [error.code for error in errors_in(payload)] == codes


def test_only_the_given_keys_are_read() -> None:
    assert errors_in({"Errors": [batch(1)], "PartialErrors": [batch(2)], "Code": 3}, "PartialErrors") == (
        ServiceError(2, "Name"),
    )


@pytest.mark.parametrize(
    ("code", "family"),
    [
        (117, TransientError),
        (0, TransientError),
        (8003, ConfigurationError),
        (105, ConfigurationError),
        (8004, TerminalError),
        (3223, TerminalError),
        (3226, UploadUrlExpired),
        (3220, UploadUrlExpired),
        (123456, ServiceTransientError),
    ],
)
def test_each_code_becomes_its_family_with_operation_and_tracking_id(
    code: int, family: type[Exception]
) -> None:
    error = error_of((ServiceError(code, ""),), ORIGIN, tracking_id="abc-1")
    assert isinstance(error, family)
    assert str(error).startswith("GetBulkUploadUrl for account 222: ")
    assert str(error).endswith("[TrackingId abc-1]")
    assert f"({code})" in str(error)


def test_throttling_has_the_wait_and_is_known_to_be_undone() -> None:
    error = error_of((ServiceError(4204, ""),), ORIGIN)
    assert isinstance(error, ServiceTransientError)
    assert (error.retry_after, error.undone, error.codes) == (900, True, (4204,))
    internal = error_of((ServiceError(0, ""),), ORIGIN)
    assert isinstance(internal, ServiceTransientError)
    assert not internal.undone


def test_of_several_errors_the_most_severe_decides_and_all_are_reported() -> None:
    error = error_of((ServiceError(117, ""), ServiceError(8003, ""), ServiceError(117, "")), ORIGIN)
    assert isinstance(error, ServiceConfigurationError)
    assert "terms" in str(error)
    assert "CallRateExceeded (117)" in str(error)
    assert error.codes == (117, 8003)


def test_a_configuration_error_takes_precedence_over_a_stop() -> None:
    error = error_of((ServiceError(8001, ""), ServiceError(8000, "")), ORIGIN)
    assert isinstance(error, ConfigurationError)
    assert "InvalidCustomerListId (8000)" in str(error)


@pytest.mark.parametrize(
    ("status", "family"),
    [
        (200, ConfigurationError),
        (302, ConfigurationError),
        (400, TerminalError),
        (401, ConfigurationError),
        (403, ConfigurationError),
        (404, TerminalError),
        (408, TransientError),
        (429, TransientError),
        (500, TransientError),
        (503, TransientError),
    ],
)
def test_a_status_without_a_fault_becomes_its_family(status: int, family: type[Exception]) -> None:
    error = error_of_status(status, ORIGIN, retry_after=7)
    assert isinstance(error, family)
    assert str(status) in str(error)
    if isinstance(error, TransientError):
        assert error.retry_after == 7


@pytest.mark.parametrize(
    "text", ["somebody@example.com", "a b", "", None, 7, "x" * 101, "a\nb", "<b>", "aB" * 32, "09" * 32]
)
def test_free_text_is_not_a_token(text: object) -> None:
    assert safe_token(text) == ""


def test_names_and_guids_are_tokens() -> None:
    assert safe_token("InvalidAudienceId")
    assert safe_token("0f8fad5b-d9cb-469f-a165-70867728950e")
