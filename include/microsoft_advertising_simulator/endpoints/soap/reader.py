"""Reads the bytes of a SOAP 1.1 message into headers and plain values. Pure.

Only namespaces matter, not prefixes. Order, names and namespaces are those of the contract (documented: the
service enforces the order). It is assumed that a mistake returns 201 and its location; this is strict on purpose,
where the live service may silently read nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lxml import etree

from microsoft_advertising_simulator.codes import ServiceFault
from microsoft_advertising_simulator.endpoints.soap.types import Array, Kind, Record, Simple

__all__ = ["ENVELOPE", "INSTANCE", "MAX_BYTES", "MessageError", "SoapMessage", "read_message", "read_record"]

ENVELOPE: Final = "http://schemas.xmlsoap.org/soap/envelope/"
INSTANCE: Final = "http://www.w3.org/2001/XMLSchema-instance"
MAX_BYTES: Final = 16 * 1024 * 1024
"""Largest message (assumed); 1,000 records of 10 KB fit."""
_MAX_DEPTH: Final = 32
_SHOWN: Final = 60
_WITHOUT_OWN_ELEMENTS: Final = frozenset({"CustomerList"})


class MessageError(Exception):
    """The bytes are not a SOAP 1.1 message that can be processed.

    Args:
        fault_code: SOAP's fault code (``Client``, ``VersionMismatch``).
        reason: Sentence for users, without the message's content.
        status: HTTP status of the answer.
    """

    def __init__(self, fault_code: str, reason: str, *, status: int | None = None) -> None:
        super().__init__(reason)
        self.fault_code = fault_code
        self.reason = reason
        self.status = status


@dataclass(frozen=True, slots=True)
class SoapMessage:
    """The parts of an envelope.

    Args:
        headers: Texts by qualified name (``{namespace}name``); None = nil or empty.
        name: Qualified name of the body's element.
        body: The body's element.
    """

    headers: Mapping[str, str | None]
    name: str
    body: etree._Element


def read_message(raw: bytes) -> SoapMessage:
    """Read a message.

    Raises:
        MessageError: Too large, not well-formed, with a document type, too deep, not a SOAP 1.1 envelope, no body.
    """
    if len(raw) > MAX_BYTES:
        raise MessageError("Client", f"The message is larger than {MAX_BYTES} bytes.", status=413)
    root = _parse(raw)
    if root.tag != f"{{{ENVELOPE}}}Envelope":
        fault_code = "VersionMismatch" if etree.QName(root).localname == "Envelope" else "Client"
        raise MessageError(fault_code, "The message is not a SOAP 1.1 envelope.")
    body = root.find(f"{{{ENVELOPE}}}Body")
    if body is None or len(body) != 1:
        raise MessageError("Client", "The envelope must have a body with one element.")
    header = root.find(f"{{{ENVELOPE}}}Header")
    headers = {} if header is None else {str(child.tag): child.text or None for child in header}
    return SoapMessage(headers, str(body[0].tag), body[0])


def read_record(
    element: etree._Element, record: Record, place: str, *, sealed: bool = True
) -> dict[str, Any]:
    """The plain value of an element; missing elements are missing keys.

    Args:
        element: Its children are read.
        record: The expected children.
        place: Location for messages.
        sealed: Whether unknown elements are refused; otherwise they are skipped.

    Raises:
        ServiceFault: 201 with the location, never with the content.
    """
    _no_text(element, place)
    found: dict[str, Any] = {}
    names = [f"{{{field.namespace or record.namespace}}}{field.name}" for field in record.fields]
    reached = -1
    for child in element:
        tag = str(child.tag)
        if tag not in names:
            if not sealed:
                continue
            raise _refusal(place, f"unknown element {_shorten(tag)}")
        position = names.index(tag)
        field = record.fields[position]
        if position <= reached:
            raise _refusal(place, f"element {field.name} out of order")
        reached = position
        found[field.name] = _read(child, field.of, f"{place}.{field.name}", nillable=field.nillable)
    missing = [field.name for field in record.fields if field.required and field.name not in found]
    if missing:
        raise _refusal(place, f"element {missing[0]} missing")
    return found


def _parse(raw: bytes) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,  # keeps the library's own limits on depth, names and texts
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(raw, parser)
    except etree.XMLSyntaxError as error:
        raise MessageError("Client", f"The message is not well-formed XML (line {error.lineno}).") from error
    if root.getroottree().docinfo.doctype:
        raise MessageError("Client", "A SOAP message must not have a document type.")
    if _is_deeper(root, _MAX_DEPTH):
        raise MessageError("Client", f"Elements are nested more than {_MAX_DEPTH} deep.")
    return root


def _is_deeper(root: etree._Element, limit: int) -> bool:
    level = [root]
    for _ in range(limit):
        level = [child for element in level for child in element]
        if not level:
            return False
    return True


def _read(element: etree._Element, kind: Kind, place: str, *, nillable: bool) -> Any:
    if element.get(f"{{{INSTANCE}}}nil", "false").strip() in ("true", "1"):
        if not nillable:
            raise _refusal(place, "must not be nil")
        return None
    if isinstance(kind, Simple):
        return _read_simple(element, kind, place)
    if isinstance(kind, Array):
        return _read_array(element, kind, place)
    return _read_typed(element, kind, place) if kind.types else read_record(element, kind, place)


def _read_simple(element: etree._Element, kind: Simple, place: str) -> object:
    if len(element):
        raise _refusal(place, f"elements in a {kind.name}")
    try:
        return kind.read(element.text or "")
    except (ValueError, KeyError) as error:
        raise _refusal(place, f"no {kind.name}") from error


def _read_array(element: etree._Element, kind: Array, place: str) -> list[Any]:
    _no_text(element, place)
    items = []
    for index, child in enumerate(element):
        if child.tag != f"{{{kind.namespace}}}{kind.item}":
            raise _refusal(place, f"unknown element {_shorten(str(child.tag))}")
        items.append(_read(child, kind.of, f"{place}.{index}", nillable=kind.nillable))
    return items


def _read_typed(element: etree._Element, record: Record, place: str) -> dict[str, Any]:
    """A record whose ``i:type`` gives its type; the element ``Type`` is ignored (assumed: read-only)."""
    written = element.get(f"{{{INSTANCE}}}type")
    if written is None:
        return read_record(element, record, place) | {"Type": None}
    prefix, _, name = written.strip().rpartition(":")
    if element.nsmap.get(prefix or None) != record.namespace or name not in record.types:
        raise _refusal(place, "unknown i:type")
    # Other types have further elements, which are not simulated: the operation refuses those types.
    fields = read_record(element, record, place, sealed=name in _WITHOUT_OWN_ELEMENTS)
    return fields | {"Type": record.types[name]}


def _no_text(element: etree._Element, place: str) -> None:
    if (element.text or "").strip() or any((child.tail or "").strip() for child in element):
        raise _refusal(place, "text between elements")


def _refusal(place: str, what: str) -> ServiceFault:
    return ServiceFault(201, f"{place}: {what}")


def _shorten(tag: str) -> str:
    return tag if len(tag) <= _SHOWN else f"{tag[:_SHOWN]}…"
