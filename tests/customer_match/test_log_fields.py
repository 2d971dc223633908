"""Fields of log records: whose records have them, and what they may hold."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest
from structlog.contextvars import get_contextvars

from customer_match.log_fields import log_fields


def test_the_fields_of_a_block_and_of_one_within_it() -> None:
    with log_fields(export="autumn", segment="Gold"):
        with log_fields(segment="Silver", request_id="7", tracking_id=""):
            assert get_contextvars() == {"export": "autumn", "segment": "Silver", "request_id": "7"}
        assert get_contextvars() == {"export": "autumn", "segment": "Gold"}
    assert get_contextvars() == {}


def test_an_error_ends_the_fields() -> None:
    with pytest.raises(ValueError, match="gone"), log_fields(export="autumn"):
        raise ValueError("gone")
    assert get_contextvars() == {}


def test_no_address() -> None:
    with log_fields(segment="list of anna@example.com", tracking_id="anna%40example.com"):
        assert "anna" not in str(get_contextvars())
        assert "[address]" in get_contextvars()["segment"]


def test_a_thread_has_them_in_a_copy_of_the_context() -> None:
    with ThreadPoolExecutor(1) as pool, log_fields(export="autumn"):
        assert pool.submit(get_contextvars).result() == {}
        assert pool.submit(copy_context().run, get_contextvars).result() == {"export": "autumn"}
