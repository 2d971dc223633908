"""The field Extra: a malformed one is reported, without its text."""

from __future__ import annotations

import pytest
from airflow.sdk import Connection

from airflow_microsoft_advertising.connection.extra import read_extra
from customer_match.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "values"), [(None, {}), ("", {}), ("{}", {}), ('{"hosts": "a"}', {"hosts": "a"})]
)
def test_the_fields_of_extra(text: str | None, values: dict[str, str]) -> None:
    assert read_extra(Connection(conn_id="ads", conn_type="x", extra=text)) == values


@pytest.mark.bad_input
@pytest.mark.parametrize("text", ["refresh_token=hidden", '["hidden"]', '"hidden"', "{'a': 'hidden'}"])
def test_what_is_no_json_object_is_reported(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"'ads': Extra is not a JSON object\. Correct it") as caught:
        read_extra(Connection(conn_id="ads", conn_type="x", extra=text))
    assert "hidden" not in str(caught.value)
