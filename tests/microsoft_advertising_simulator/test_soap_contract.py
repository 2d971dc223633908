"""The tables of the SOAP contract against the WSDL that the SDK ships: every element, in order."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from microsoft_advertising_simulator.endpoints.soap.contract import AD_API_FAULT, SERVICES, ServiceContract
from microsoft_advertising_simulator.endpoints.soap.types import TEXT, Array, Kind, Record, Simple
from tests.microsoft_advertising_simulator.wsdl import XS, schemas, wsdl_path

W = "{http://schemas.xmlsoap.org/wsdl/}"
SIMPLE = {"string", "long", "int", "boolean", "dateTime"}


class Wsdl:
    """Looks definitions up in a WSDL's schemas."""

    def __init__(self, service: str) -> None:
        self._schemas = schemas(service)

    def named(self, kind: str, namespace: str, name: str) -> etree._Element:
        found = self._schemas[namespace].find(f"{XS}{kind}[@name='{name}']")
        assert found is not None, f"{{{namespace}}}{name}"
        return found

    def type_of(self, element: etree._Element) -> tuple[str, str]:
        """Namespace and name of an element's type."""
        prefix, _, name = str(element.get("type")).rpartition(":")
        return str(element.nsmap[prefix or None]), name

    def elements(self, kind: etree._Element) -> list[tuple[str, etree._Element]]:
        """Namespace and definition of a complex type's elements, inherited ones first."""
        own = [
            (str(next(kind.iterancestors(f"{XS}schema")).get("targetNamespace")), element)
            for element in kind.iterfind(f".//{XS}sequence/{XS}element")
        ]
        extension = kind.find(f".//{XS}extension")
        if extension is None:
            return own
        prefix, _, name = str(extension.get("base")).rpartition(":")
        base = self.named("complexType", str(extension.nsmap[prefix or None]), name)
        return self.elements(base) + own


def compare_record(wsdl: Wsdl, kind: etree._Element, record: Record, place: str) -> int:
    """Compare a complex type; number of elements seen."""
    elements = wsdl.elements(kind)
    said = [(field.namespace or record.namespace, field.name) for field in record.fields]
    assert said == [(namespace, element.get("name")) for namespace, element in elements], place
    seen = len(elements)
    for field, (_, element) in zip(record.fields, elements, strict=True):
        where = f"{place}.{field.name}"
        assert field.nillable == (element.get("nillable") == "true") or field.name in ("key", "value"), where
        assert field.required == (element.get("minOccurs") is None), where
        seen += compare(wsdl, element, field.of, where)
    return seen


def compare(wsdl: Wsdl, element: etree._Element, kind: Kind, place: str) -> int:
    namespace, name = wsdl.type_of(element)
    if isinstance(kind, Simple):
        compare_simple(wsdl, namespace, name, kind, place)
        return 0
    definition = wsdl.named("complexType", namespace, name)
    if isinstance(kind, Record):
        return compare_record(wsdl, definition, kind, place)
    [(inner, item)] = wsdl.elements(definition)
    assert (inner, item.get("name")) == (kind.namespace, kind.item), place
    assert item.get("maxOccurs") == "unbounded", place
    assert kind.nillable == (item.get("nillable") == "true"), place
    return 1 + compare(wsdl, item, kind.of, f"{place}[]")


def compare_simple(wsdl: Wsdl, namespace: str, name: str, kind: Simple, place: str) -> None:
    if kind is TEXT:  # the text of anything that is only answered, or checked by the operation
        return
    if namespace == XS.strip("{}"):
        assert name == kind.name or (name, kind.name) == ("unsignedByte", "int"), place
        assert name in SIMPLE or name == "unsignedByte", place
        return
    definition = wsdl.named("simpleType", namespace, name)
    assert kind.name == name, place
    words = [str(value.get("value")) for value in definition.iterfind(f".//{XS}enumeration")]
    assert [kind.read(word) for word in words] == words, place
    with pytest.raises(ValueError, match="Nonsense"):
        kind.read("Nonsense")
    together = " ".join(words[:2])
    if definition.find(f"{XS}list") is None:
        with pytest.raises(ValueError, match=words[0]):
            kind.read(together)
    else:
        assert kind.write(kind.read(together)) == together


@pytest.mark.behaviour("soap.contract")
@pytest.mark.parametrize("contract", SERVICES, ids=lambda contract: contract.name)
def test_messages_are_those_of_the_wsdl(contract: ServiceContract) -> None:
    wsdl = Wsdl(contract.name)
    seen = 0
    for operation, message in contract.messages.items():
        for suffix, record in (("Request", message.request), ("Response", message.answer)):
            name = f"{operation}{suffix}"
            element = wsdl.named("element", contract.namespace, name)
            seen += compare_record(wsdl, element, record, name)
    assert seen > 20


@pytest.mark.parametrize("contract", SERVICES, ids=lambda contract: contract.name)
def test_faults_are_those_of_the_wsdl(contract: ServiceContract) -> None:
    wsdl = Wsdl(contract.name)
    for detail in (AD_API_FAULT, contract.fault):
        element = wsdl.named("element", detail.namespace, detail.name)
        assert compare(wsdl, element, detail.record, detail.name) >= 5
        [errors] = [field.of for field in detail.record.fields if field.name == detail.errors]
        assert isinstance(errors, Array)
        assert isinstance(errors.of, Record)
        assert detail.text in [field.name for field in errors.of.fields]


@pytest.mark.parametrize("contract", SERVICES, ids=lambda contract: contract.name)
def test_paths_actions_and_headers(contract: ServiceContract) -> None:
    tree: Any = etree.parse(wsdl_path(contract.name))
    address = tree.find(f".//{W}port/*[@location]").get("location")
    assert address.endswith(contract.path.format(version="v13"))
    actions = {
        operation.get("name"): operation[0].get("soapAction")
        for operation in tree.iterfind(f".//{W}binding/{W}operation")
    }
    assert {name: actions[name] for name in contract.messages} == {name: name for name in contract.messages}
    operation = next(iter(contract.messages))
    headers = tree.find(f".//{W}message[@name='{operation}Request_Headers']")
    named = {part.get("element").rpartition(":")[2] for part in headers}
    assert {"AuthenticationToken", "DeveloperToken"} <= named
    assert contract.in_account == ({"CustomerId", "CustomerAccountId"} <= named)
