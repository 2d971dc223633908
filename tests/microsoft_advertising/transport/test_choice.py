"""The choice of the transport, and the announcement of the end of SOAP."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta

import pytest

from customer_match.project import PROJECT
from microsoft_advertising.limits import SOAP_ENDS
from microsoft_advertising.transport.choice import TransportName, end_notice

REST, SOAP = TransportName.REST, TransportName.SOAP


@pytest.mark.parametrize(
    ("days_before", "words"),
    [
        (400, ""),
        (91, ""),
        (90, "switches off on 31 January 2027, in 90 days"),
        (67, "in 67 days"),
        (0, "in 0 days"),
        (-1, "has switched off on 31 January 2027"),
        (-400, "has switched off"),
    ],
)
def test_the_end_of_soap_is_announced_in_time(days_before: int, words: str) -> None:
    today = SOAP_ENDS - timedelta(days=days_before)
    notice = end_notice(SOAP, today)
    assert bool(notice) is bool(words)
    assert words in notice
    assert "Transport to rest" in notice or not words
    assert end_notice(REST, today) == ""


def test_soap_ends_on_31_january_2027() -> None:
    assert date(2027, 1, 31) == SOAP_ENDS


IN_THE_EVENT_LOOP = """
import asyncio
from customer_match.errors import TransientError
from microsoft_advertising.account import Account
from microsoft_advertising.async_client import AsyncClient
from microsoft_advertising.environment import Environment
from microsoft_advertising.retrying import RetryPolicy
from microsoft_advertising.auth.tokens import TokenSource
from microsoft_advertising.transport.choice import TransportName

TokenSource.access_token = lambda self, refused=None: "token"
account = Account(client_id="a", refresh_token="r", developer_token="d", customer_id="1", account_id="2")

async def call():
    nowhere, once = Environment.at("http://127.0.0.1:9"), RetryPolicy(attempts=1)
    async with AsyncClient(account, nowhere, retries=once, transport=TransportName.SOAP) as client:
        try:
            await client.upload_status("r")
        except TransientError as error:
            assert "no connection" in str(error)
            return
        raise AssertionError

asyncio.run(call())
"""
IN_A_WORKER = """
from microsoft_advertising import operations
from microsoft_advertising.transport import sdk
names = ["AuthenticationToken", "CustomerAccountId", "CustomerId", "DeveloperToken"]
sdk.compose(operations.upload_status("r"), dict.fromkeys(names, "1"))
"""


@pytest.mark.system
@pytest.mark.parametrize(
    ("program", "imported"),
    [
        pytest.param("import microsoft_advertising.client", False, id="imported"),
        pytest.param(IN_THE_EVENT_LOOP, False, id="called in the event loop"),
        pytest.param(IN_A_WORKER, True, id="called in a worker"),
    ],
)
def test_the_sdk_is_imported_where_it_is_used_and_nowhere_else(program: str, imported: bool) -> None:
    check = (
        "\nimport sys; print({'bingads', 'suds'} <= set(sys.modules), {'bingads', 'suds'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program + check], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("True" if imported else "False set()")
