"""Requests composed by the SDK: threads are isolated, and nothing is logged."""

from __future__ import annotations

import logging
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from customer_match.errors import ConfigurationError
from microsoft_advertising import operations
from microsoft_advertising.environment import Service
from microsoft_advertising.transport import sdk
from tests.microsoft_advertising.transport.test_soap_xml import CAMPAIGN, CREDENTIALS

pytestmark = pytest.mark.slow  # the SDK reads its WSDL for each client

THREADS, EACH = 8, 25


def test_threads_never_send_each_others_tokens() -> None:
    together = threading.Barrier(THREADS)

    def work(number: int) -> list[tuple[str | None, ...]]:
        together.wait()
        seen = []
        for turn in range(EACH):
            mark = f"{number}-{turn}"
            content = sdk.compose(operations.upload_status(mark), CREDENTIALS | {"AuthenticationToken": mark})
            root = ET.fromstring(content)
            names = ("AuthenticationToken", "RequestId")
            seen.append(tuple(root.findtext(f".//{{{CAMPAIGN}}}{name}") for name in names))
        return seen

    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(work, range(THREADS)))
    assert found == [[(f"{n}-{turn}",) * 2 for turn in range(EACH)] for n in range(THREADS)]


def test_a_client_is_used_by_one_thread_at_a_time() -> None:
    together = threading.Barrier(THREADS)

    def hold(_: int) -> Any:
        with sdk._borrow_client(Service.BULK) as client:
            together.wait(60)
            return client

    with ThreadPoolExecutor(THREADS) as pool:
        clients = list(pool.map(hold, range(THREADS)))
    assert len({id(client) for client in clients}) == THREADS
    caches = {id(client.soap_client.options.cache) for client in clients}
    assert len(caches) == THREADS, "a shared cache sends the token of another client"


def test_clients_are_returned_after_a_failure_too() -> None:
    with sdk._borrow_client(Service.CAMPAIGN) as first:
        pass
    with pytest.raises(ConfigurationError, match="control character"):
        sdk.compose(
            operations.create_audience("a\x00", customer_id="1", account_id="2", description=""), CREDENTIALS
        )
    with sdk._borrow_client(Service.CAMPAIGN) as second:
        assert second is first


def test_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        sdk.compose(
            operations.create_audience("some name", customer_id="1", account_id="2", description=""),
            CREDENTIALS,
        )
        assert not [record for record in caplog.records if "some name" in record.getMessage()]
        assert not [record for record in caplog.records if "token<" in record.getMessage()]
        logging.getLogger("suds.client").debug("of somebody else")
    assert [record.getMessage() for record in caplog.records if record.name == "suds.client"] == [
        "of somebody else"
    ]


def test_without_the_sdk_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bingads", None)
    with pytest.raises(ConfigurationError, match=r"customer-match-airflow\[soap\]"):
        sdk._new_client(Service.BULK)
