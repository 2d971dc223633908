"""SOAP answers with any content: the result of the operation or one of our errors, nothing else."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_match.errors import CustomerMatchError
from microsoft_advertising import operations
from microsoft_advertising.faults import Origin
from microsoft_advertising.operations import Operation
from microsoft_advertising.reply import Reply
from microsoft_advertising.transport import soap_xml
from microsoft_advertising.transport.answers import read_answer
from microsoft_advertising.transport.soap_types import RESPONSES, Array, Struct, Type
from tests.microsoft_advertising.transport.test_soap_xml import answer

ORIGIN = Origin("x", "222")

TEXTS = st.sampled_from(["", " ", "7", "-1", "true", "Completed", "somebody@example.com", "9" * 30, "é"])


def elements(name: str, kind: Type | None) -> st.SearchStrategy[str]:
    """An element as in the table, nil, text, or something else."""
    inner: list[st.SearchStrategy[str]] = [TEXTS.map(escape)]
    if isinstance(kind, Array):
        inner += [
            st.lists(elements(kind.item, kind.of) | elements("Other", None), max_size=3).map("".join)
        ] * 3
    if isinstance(kind, Struct):
        parts = [elements(part, of) for part, of in kind.fields.items()] + [elements("Other", None)]
        inner += [st.lists(st.one_of(parts), max_size=4).map("".join)] * 3
    whole = st.one_of(inner).map(lambda text: f"<{name}>{text}</{name}>")
    return whole | st.just(f'<{name} i:nil="true"/>')


OPERATIONS: list[Operation[Any]] = [
    operations.list_audiences(),
    operations.get_audience("7"),
    operations.create_audience("n", customer_id="1", account_id="2", description=""),
    operations.delete_audience("7"),
    operations.request_upload(account_id="2"),
    operations.upload_status("r"),
    operations.get_user(),
    operations.get_account("2"),
]


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
@settings(max_examples=40)
@given(data=st.data())
def test_an_answer_is_read_or_becomes_one_of_our_errors(
    operation: Operation[Any], data: st.DataObject
) -> None:
    parts = [elements(name, kind) for name, kind in RESPONSES[operation.name].fields.items()]
    content = answer(operation.name, "".join(data.draw(st.lists(st.one_of(parts), max_size=4))))
    found = soap_xml.read(content, operation.name)
    assert found.payload is not None
    told = ""
    try:
        read_answer(operation, Reply(status=200, payload=found.payload), ORIGIN)
    except CustomerMatchError as error:
        told = f"{error}{error.__cause__ or ''}"
    assert "somebody" not in told
