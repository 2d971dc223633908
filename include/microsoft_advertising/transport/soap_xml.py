"""SOAP envelopes as bytes: writes a request from an operation's body, reads an answer into REST's shape.

Pure: no I/O. `soap_types` defines the elements. Answers come from the network, so they must not define entities, and
only elements of the table are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, TypeVar
from xml.etree import ElementTree as ET

from customer_match.errors import ConfigurationError
from microsoft_advertising.faults import safe_token
from microsoft_advertising.limits import MAX_ANSWER_BYTES
from microsoft_advertising.operations import Operation
from microsoft_advertising.transport.soap_types import (
    FAULTS,
    HEADERS,
    NAMESPACES,
    REQUESTS,
    RESPONSES,
    Array,
    Scalar,
    Struct,
    Type,
)

__all__ = ["Answer", "compose", "read", "text_of"]

T = TypeVar("T")

ENVELOPE: Final = "http://schemas.xmlsoap.org/soap/envelope/"
INSTANCE: Final = "http://www.w3.org/2001/XMLSchema-instance"

_NIL, _TYPE = f"{{{INSTANCE}}}nil", f"{{{INSTANCE}}}type"
_HEADER, _BODY = f"{{{ENVELOPE}}}Header", f"{{{ENVELOPE}}}Body"


# --- requests ----------------------------------------------------------------------------------------------


def compose(operation: Operation[T], credentials: Mapping[str, str]) -> bytes:
    """The request of an operation.

    Args:
        operation: Its body is sent: missing fields are left out, None is sent as nil.
        credentials: Values for the elements of the header.

    Raises:
        ConfigurationError: A text contains a character that XML does not allow.
        LookupError: The table lacks the operation or a field of its body (a programming error).
    """
    namespace, request = NAMESPACES[operation.service], REQUESTS[operation.name]
    envelope = ET.Element(f"{{{ENVELOPE}}}Envelope")
    header = ET.SubElement(envelope, _HEADER)
    for name in HEADERS[operation.service]:
        ET.SubElement(header, f"{{{namespace}}}{name}").text = text_of(credentials[name])
    body = ET.SubElement(envelope, _BODY)
    _write(ET.SubElement(body, f"{{{namespace}}}{request.name}"), operation.body, request)
    content: bytes = ET.tostring(envelope, encoding="utf-8", xml_declaration=True)
    return content


def text_of(value: object) -> str:
    """A scalar as XML text, before special characters are escaped.

    Raises:
        ConfigurationError: It contains a character that XML does not allow.
    """
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if _FORBIDDEN.search(text):
        raise ConfigurationError(
            "A name or description contains a control character, which SOAP cannot transmit. Remove it from the export "
            "file, or set the connection's transport to rest."
        )
    return text


_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that XML 1.0 excludes, and the carriage return, which a parser would turn into a line feed."""


def _write(element: ET.Element, value: Any, kind: Type) -> None:
    if value is None:
        element.set(_NIL, "true")
    elif isinstance(kind, Scalar):
        element.text = text_of(value)
    elif isinstance(kind, Array):
        for item in value:
            _write(ET.SubElement(element, f"{{{kind.namespace}}}{kind.item}"), item, kind.of)
    else:
        _write_struct(element, value, kind)


def _write_struct(element: ET.Element, value: Mapping[str, Any], kind: Struct) -> None:
    if unknown := value.keys() - kind.fields.keys():
        raise LookupError(f"{kind.name} has no {', '.join(sorted(unknown))}")
    if value.get("Type") in kind.derived:
        element.set(_TYPE, ET.QName(kind.namespace, value["Type"]))  # type: ignore[arg-type]  # it takes these
    for name, part in kind.fields.items():
        if name in value:
            _write(ET.SubElement(element, f"{{{kind.namespace}}}{name}"), value[name], part)


# --- answers -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """The content of an envelope.

    Attributes:
        payload: The answer or the fault in REST's shape; None if it is neither, or not SOAP.
        tracking_id: From the header, or the fault.
        fault_code: For a fault, the local part of its code: `Server`, `Client`, or one of WCF's.
    """

    payload: dict[str, Any] | None = field(default=None, repr=False)
    tracking_id: str = ""
    fault_code: str = ""


def read(content: bytes, operation: str) -> Answer:
    """Read an answer.

    Args:
        content: Any body of an HTTP answer.
        operation: The service's name of the operation.
    """
    root = _parse(content)
    if root is None:
        return Answer()
    tracked = _tracking_id(root)
    for element in root.findall(f"{_BODY}/*"):
        name = _local(element.tag)
        if name == "Fault":
            fault = _fault(element)
            code = _local(element.findtext("faultcode", default="").strip(), separator=":")
            return Answer(fault, safe_token(fault.get("TrackingId")) or tracked, code)
        if name == f"{operation}Response":
            return Answer(_struct(element, RESPONSES[operation]), tracked)
    return Answer(None, tracked)


class _WithoutDtd(ET.TreeBuilder):
    """Rejects documents with a DTD: SOAP has none, and a DTD can define entities."""

    def doctype(self, *_: object) -> NoReturn:
        raise ValueError("a document type declaration in a SOAP message")


def _parse(content: bytes) -> ET.Element | None:
    if len(content) > MAX_ANSWER_BYTES:
        return None
    parser = ET.XMLParser(target=_WithoutDtd())  # noqa: S314 (it rejects what makes XML dangerous)
    try:
        parser.feed(content)
        root: ET.Element = parser.close()
    except (ET.ParseError, ValueError, LookupError):  # an unknown encoding is a LookupError
        return None
    return root


def _tracking_id(root: ET.Element) -> str:
    for element in root.findall(f"{_HEADER}/*"):
        if _local(element.tag) == "TrackingId":
            return safe_token((element.text or "").strip())
    return ""


def _fault(element: ET.Element) -> dict[str, Any]:
    """A fault in the shape of REST's two faults; without errors if the detail is not one of the service's types."""
    for detail in element.findall("detail/*"):
        kind = FAULTS.get(_local(detail.tag))
        if kind is not None:
            family = kind.name if kind.name == "AdApiFaultDetail" else "ApiFaultDetail"
            return {"Type": family, **_struct(detail, kind)}
    return {"Type": "ApiFaultDetail"}


def _value(element: ET.Element, kind: Type) -> Any:
    if element.get(_NIL) in {"true", "1"}:
        return None
    if isinstance(kind, Scalar):
        return _scalar(element.text or "", kind)
    if len(element) == 0 and (element.text or "").strip():
        return element.text  # text instead of elements: `Operation.read` rejects it, as in REST
    if isinstance(kind, Array):
        return [_value(child, kind.of) if _local(child.tag) == kind.item else "" for child in element]
    return _struct(element, kind)


def _struct(element: ET.Element, kind: Struct) -> dict[str, Any]:
    return {name: _value(child, kind.fields[name]) for name, child in _known_elements(element, kind)}


def _known_elements(element: ET.Element, kind: Struct) -> Iterator[tuple[str, ET.Element]]:
    """Elements that are in the table, by their local names. A newer service may send more."""
    for child in element:
        name = _local(child.tag)
        if name in kind.fields:
            yield name, child


def _scalar(text: str, kind: Scalar) -> object:
    """A value by its type. Text that is not a number stays text: `Operation.read` rejects it, as in REST."""
    if kind is Scalar.TEXT:
        return text
    word = text.strip()
    if kind is Scalar.BOOLEAN:
        return word in {"true", "1"}
    return int(word) if kind is Scalar.INT and _DIGITS.fullmatch(word) else word


_DIGITS = re.compile(r"-?[0-9]{1,19}")


def _local(name: str, separator: str = "}") -> str:
    return name.rpartition(separator)[2]
