"""A missing connection, and one that Airflow's api-server could not return."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ErrorResponse

from airflow_microsoft_advertising.connection.lookup import missing_connection
from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook
from airflow_microsoft_advertising.lake import filesystem as lake
from customer_match.errors import ConfigurationError, CustomerMatchError, TransientError


class Supervisor:
    """Answers what the api-server answered; an exception: it did not."""

    def __init__(self, answer: ErrorResponse | Exception) -> None:
        self.answer = answer

    def send(self, _: Any) -> ErrorResponse:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


MISSING = ErrorResponse(error=ErrorType.CONNECTION_NOT_FOUND, detail={"conn_id": "nowhere"})
AWAY = AirflowRuntimeError(ErrorResponse(error=ErrorType.GENERIC_ERROR))


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (MISSING, ConfigurationError, "There is no Airflow connection 'nowhere'. Do so."),
        (AWAY, TransientError, "did not answer the request"),
        (ConnectionResetError(), TransientError, "did not answer the request"),
        (ErrorResponse(error=ErrorType.API_SERVER_ERROR), TransientError, "did not answer the request"),
    ],
)
@pytest.mark.faults
def test_only_a_connection_that_the_api_server_reports_missing_is_an_error_of_configuration(
    answer: ErrorResponse | Exception,
    kind: type[CustomerMatchError],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Supervisor(answer), raising=False)
    error = missing_connection("nowhere", "Do so.")
    assert type(error) is kind
    assert said in str(error)


@pytest.mark.faults
def test_the_service_and_the_storage_are_tried_again_where_airflow_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lookup(conn_id: str) -> None:
        """As Airflow does, which hides why."""
        raise AirflowNotFoundException(f"The conn_id `{conn_id}` isn't defined")

    monkeypatch.setattr(BaseHook, "get_connection", staticmethod(lookup))
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Supervisor(AWAY), raising=False)
    with pytest.raises(TransientError, match="'nowhere'"):
        MicrosoftAdvertisingHook("nowhere").connection()
    with pytest.raises(TransientError, match="'nowhere'"):
        lake._get_connection("nowhere", "the type wasb")


FIELDS = {"login": "id", "password": "hidden"}


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (json.dumps({"conn_type": "microsoft_advertising"} | FIELDS)[:-1], "not valid JSON (line 1, column "),
        (str({"conn_type": "microsoft_advertising"} | FIELDS), "not valid JSON (line 1, column 2)"),
        (json.dumps(FIELDS | {"refresh_token": "hidden"}), "the keys refresh_token are unknown"),
        (json.dumps({"conn_type": "microsoft_advertising", "login": 5}), "has the wrong type"),
        ("microsoft-advertising://id:hid/den@/", "percent-encoded"),
        ("microsoft-advertising://id:hid#den@/", "percent-encoded"),
    ],
)
def test_a_variable_that_airflow_cannot_read_is_told_from_a_missing_connection(
    text: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_NOWHERE", text)
    with pytest.raises(ConfigurationError) as caught:
        MicrosoftAdvertisingHook("nowhere").connection()
    assert str(caught.value).startswith("The environment variable AIRFLOW_CONN_NOWHERE holds no connection")
    assert words in str(caught.value)
    assert "hid" not in str(caught.value)
