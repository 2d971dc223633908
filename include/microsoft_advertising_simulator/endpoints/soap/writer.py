"""Writes plain answers and faults as SOAP 1.1 messages. Pure.

Documented or observed, and required by the official SDK: a header with TrackingId in every message, every element
of the contract in its order, and nil elements instead of missing ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from lxml import etree

from microsoft_advertising_simulator.codes import ServiceFault, code
from microsoft_advertising_simulator.endpoints.soap.contract import AD_API_FAULT, ServiceContract
from microsoft_advertising_simulator.endpoints.soap.reader import ENVELOPE, INSTANCE, MessageError
from microsoft_advertising_simulator.endpoints.soap.types import Array, Field, Kind, Record, Simple

__all__ = ["write_answer", "write_fault", "write_refusal"]

_XML: Final = "http://www.w3.org/XML/1998/namespace"
_NONE: Final = "http://schemas.microsoft.com/ws/2005/05/addressing/none"
# Characters that XML 1.0 does not allow; a name that was set through REST may contain them.
_NOT_XML: Final = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_answer(
    contract: ServiceContract, operation: str, answer: Mapping[str, Any], tracking_id: str
) -> bytes:
    """The answer to a call.

    Raises:
        KeyError: The answer has a value without an element in the contract, or lacks one that must not be nil.
    """
    envelope, body = _envelope(contract, tracking_id)
    response = etree.SubElement(
        body,
        f"{{{contract.namespace}}}{operation}Response",
        nsmap={None: contract.namespace, "i": INSTANCE},
    )
    _write_record(response, contract.messages[operation].answer, answer)
    return _bytes(envelope)


def write_fault(contract: ServiceContract, fault: ServiceFault, tracking_id: str) -> bytes:
    """The answer to a refused call.

    Authentication and call errors: ``AdApiFaultDetail`` with ``Detail``; otherwise the service's own fault with
    ``Details`` (documented).
    """
    detail = AD_API_FAULT if fault.is_ad_api_fault else contract.fault
    errors = [
        {
            "Code": number,
            detail.text: fault.details,
            "ErrorCode": code(number).name,
            "Message": code(number).message,
        }
        for number in fault.numbers
    ]
    content: dict[str, Any] = {"TrackingId": tracking_id, detail.errors: errors}
    if any(field.name == "BatchErrors" for field in detail.record.fields):
        content["BatchErrors"] = []  # observed: present and empty
    # Observed, word for word.
    reason = (
        f"Invalid client data. Check the SOAP fault details for more information. TrackingId: {tracking_id}."
    )
    envelope, body = _envelope(contract, tracking_id)
    holder = _write_soap_fault(body, "s:Server", reason)
    namespaces = {None: detail.namespace, "i": INSTANCE}
    if detail.record.namespace != detail.namespace:
        namespaces["a"] = detail.record.namespace
    element = etree.SubElement(
        etree.SubElement(holder, "detail"), f"{{{detail.namespace}}}{detail.name}", nsmap=namespaces
    )
    _write_record(element, detail.record, content)
    return _bytes(envelope)


def write_refusal(contract: ServiceContract, error: MessageError, tracking_id: str) -> bytes:
    """The answer to a call that did not reach an operation: a fault without detail."""
    envelope, body = _envelope(contract, tracking_id)
    fault_code = (
        "a:ActionNotSupported" if error.fault_code == "ActionNotSupported" else f"s:{error.fault_code}"
    )
    _write_soap_fault(body, fault_code, error.reason)
    return _bytes(envelope)


def _envelope(contract: ServiceContract, tracking_id: str) -> tuple[etree._Element, etree._Element]:
    envelope = etree.Element(f"{{{ENVELOPE}}}Envelope", nsmap={"s": ENVELOPE})
    header = etree.SubElement(envelope, f"{{{ENVELOPE}}}Header")
    tracking = etree.SubElement(
        header, f"{{{contract.namespace}}}TrackingId", nsmap={"h": contract.namespace}
    )
    tracking.text = tracking_id
    return envelope, etree.SubElement(envelope, f"{{{ENVELOPE}}}Body")


def _write_soap_fault(body: etree._Element, fault_code: str, reason: str) -> etree._Element:
    fault = etree.SubElement(body, f"{{{ENVELOPE}}}Fault")
    own = {"a": _NONE} if fault_code.startswith("a:") else None
    etree.SubElement(fault, "faultcode", nsmap=own).text = fault_code
    text = etree.SubElement(fault, "faultstring")
    text.set(f"{{{_XML}}}lang", "en-US")
    text.text = reason
    return fault


def _write_record(element: etree._Element, record: Record, content: Mapping[str, Any]) -> None:
    # Errors have the same keys for all services, but not every service has an element for each.
    unknown = content.keys() - {field.name for field in record.fields} - {"ErrorCode"}
    if unknown:
        raise KeyError(f"the contract has no element {sorted(unknown)}")
    for field in record.fields:
        namespace = field.namespace or record.namespace
        _write(element, f"{{{namespace}}}{field.name}", field, content.get(field.name, field.default))


def _write(parent: etree._Element, tag: str, field: Field, value: Any) -> None:
    child = etree.SubElement(parent, tag, nsmap=_declare_namespace(parent, field, value))
    if value is not None:
        _write_value(child, field.of, value)
    elif field.nillable:
        child.set(f"{{{INSTANCE}}}nil", "true")
    else:
        raise KeyError(f"element {field.name} must not be nil")


def _declare_namespace(parent: etree._Element, field: Field, value: Any) -> dict[str | None, str] | None:
    """The namespace that an element declares, as the service writes it: with prefix a, then b."""
    if field.namespace is not None:
        return {None: field.namespace}
    inner = field.of.namespace if isinstance(field.of, Array | Record) and value is not None else None
    if inner is None or inner in parent.nsmap.values():
        return None
    return {"b" if "a" in parent.nsmap else "a": inner}


def _write_value(element: etree._Element, kind: Kind, value: Any) -> None:
    if isinstance(kind, Simple):
        element.text = _NOT_XML.sub("\ufffd", kind.write(value))
    elif isinstance(kind, Array):
        item = Field(kind.item, kind.of, nillable=kind.nillable)
        for entry in value:
            _write(element, f"{{{kind.namespace}}}{kind.item}", item, entry)
    else:
        if kind.types:
            names = {key: name for name, key in kind.types.items()}
            element.set(f"{{{INSTANCE}}}type", names[value["Type"]])
        _write_record(element, kind, value)


def _bytes(envelope: etree._Element) -> bytes:
    return etree.tostring(envelope, encoding="utf-8", xml_declaration=False)
