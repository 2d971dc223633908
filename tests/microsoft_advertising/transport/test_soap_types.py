"""Our table of SOAP types against the WSDL that Microsoft's SDK ships."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from microsoft_advertising import operations
from microsoft_advertising.environment import Environment, Service
from microsoft_advertising.operations import Operation
from microsoft_advertising.transport.soap_types import (
    FAULT_NAMESPACE,
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

XS = "{http://www.w3.org/2001/XMLSchema}"
WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
SOAP = "{http://schemas.xmlsoap.org/wsdl/soap/}"
FILES = {
    Service.BULK: "bulk_service.xml",
    Service.CAMPAIGN: "campaignmanagement_service.xml",
    Service.CUSTOMER: "customermanagement_service.xml",
}
SCALARS = {"string": Scalar.TEXT, "long": Scalar.LONG, "int": Scalar.INT, "boolean": Scalar.BOOLEAN}
SERVICE_OF = {"GetBulkUploadUrl": Service.BULK, "GetBulkUploadStatus": Service.BULK}
SERVICE_OF |= dict.fromkeys(
    ("GetUser", "GetAccount", "GetCustomerPilotFeatures", "SearchAccounts"), Service.CUSTOMER
)


@cache
def wsdl(service: Service) -> ET.Element:
    """Find the file without importing the SDK, which would take most of a second."""
    spec = find_spec("bingads")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "v13" / "proxies" / "production"
    return ET.parse(folder / FILES[service]).getroot()


@cache
def fields_of(service: Service, namespace: str, name: str) -> list[tuple[str, str]]:
    """Name and type (without prefix) of the elements of a type or a message, in order, inherited ones first."""
    for schema in wsdl(service).iter(f"{XS}schema"):
        if schema.get("targetNamespace") != namespace:
            continue
        for found in schema:
            if found.get("name") != name or (found.tag == f"{XS}element" and found.get("type")):
                continue
            own = [
                (element.get("name", ""), element.get("type", "").rpartition(":")[2])
                for element in found.iter(f"{XS}element")
                if element is not found
            ]
            bases = [base.get("base", "").rpartition(":")[2] for base in found.iter(f"{XS}extension")]
            inherited = [
                field for base in bases for field in fields_of(service, *_home(service, base, namespace))
            ]
            return inherited + own
    raise AssertionError(f"the WSDL of {service} has no {name} in {namespace}")


def _home(service: Service, base: str, namespace: str) -> tuple[str, str]:
    return (FAULT_NAMESPACE if base == "ApplicationFault" else namespace, base)


def is_enumeration(service: Service, name: str) -> bool:
    return any(simple.get("name") == name for simple in wsdl(service).iter(f"{XS}simpleType"))


def structs(service: Service, struct: Struct) -> Iterator[Struct]:
    yield struct
    for kind in struct.fields.values():
        inner = kind.of if isinstance(kind, Array) else kind
        if isinstance(inner, Struct):
            yield from structs(service, inner)


def wrong(service: Service, struct: Struct) -> Iterator[str]:
    """Differences between the table and the WSDL."""
    there = fields_of(service, struct.namespace, struct.name)
    names = [name for name, _ in there]
    if [name for name in names if name in struct.fields] != list(struct.fields):
        yield f"{struct.name}: {list(struct.fields)} is not the order of {names}"
    for name, kind in struct.fields.items():
        told = dict(there).get(name, "nothing")
        if not _fits(service, kind, told):
            yield f"{struct.name}.{name}: {kind} is {told} there"


def _fits(service: Service, kind: Type, told: str) -> bool:
    if isinstance(kind, Struct):
        return kind.name == told
    if isinstance(kind, Array):
        [(item, of)] = fields_of(service, kind.namespace, told)
        return item == kind.item and _fits(service, kind.of, of)
    return SCALARS.get(told) is kind or (kind is Scalar.TEXT and is_enumeration(service, told))


CASES = [
    (SERVICE_OF.get(name, Service.CAMPAIGN), struct)
    for table in (REQUESTS, RESPONSES)
    for name, struct in table.items()
] + [(Service.CUSTOMER if fault.name == "ApiFault" else Service.CAMPAIGN, fault) for fault in FAULTS.values()]


@pytest.mark.parametrize(("service", "struct"), CASES, ids=[struct.name for _, struct in CASES])
def test_the_table_matches_the_wsdl(service: Service, struct: Struct) -> None:
    assert [fault for one in structs(service, struct) for fault in wrong(service, one)] == []


def test_the_check_sees_a_wrong_order() -> None:
    """Checks the comparison itself."""
    good = REQUESTS["GetBulkUploadUrl"]
    turned = Struct(good.name, dict(reversed(good.fields.items())))
    assert list(wrong(Service.BULK, turned))
    assert list(wrong(Service.BULK, Struct(good.name, {"AccountId": Scalar.TEXT})))
    assert list(wrong(Service.BULK, Struct(good.name, {"Account": Scalar.LONG})))


def test_derived_types_extend_theirs() -> None:
    audience = RESPONSES["GetAudiencesByIds"].fields["Audiences"]
    assert isinstance(audience, Array)
    assert isinstance(audience.of, Struct)
    for name in audience.of.derived:
        there = fields_of(Service.CAMPAIGN, audience.of.namespace, name)
        assert there == fields_of(Service.CAMPAIGN, audience.of.namespace, audience.of.name)


@pytest.mark.parametrize("service", Service)
def test_headers_and_namespace(service: Service) -> None:
    ours = {
        f"{name}Request_Headers" for name in REQUESTS if SERVICE_OF.get(name, Service.CAMPAIGN) is service
    }
    [parts] = {
        tuple(part.get("name") for part in message.iter(f"{WSDL}part"))
        for message in wsdl(service).iter(f"{WSDL}message")
        if message.get("name") in ours
    }
    legacy = {"ApplicationToken", "UserName", "Password"}
    in_use = tuple(name for name in parts if name not in legacy)
    assert in_use == HEADERS[service]
    assert wsdl(service).get("targetNamespace") == NAMESPACES[service]


@pytest.mark.parametrize("service", Service)
def test_the_address_is_that_of_the_wsdl(service: Service) -> None:
    [address] = {element.get("location") for element in wsdl(service).iter(f"{SOAP}address")}
    assert Environment.named("production").soap_url(service).lower() == str(address).lower()


def test_every_operation_is_in_the_table() -> None:
    made = [_sample(getattr(operations, name)) for name in operations.__all__ if name[0].islower()]
    assert len(made) >= 9
    for operation in made:
        assert operation.body.keys() <= REQUESTS[operation.name].fields.keys()
        assert operation.service is SERVICE_OF.get(operation.name, Service.CAMPAIGN)
    assert REQUESTS.keys() == RESPONSES.keys()


SAMPLES = {"digests": np.zeros((1, 32), dtype=np.uint8)}


def _sample(factory: Callable[..., Operation[Any]]) -> Operation[Any]:
    needed = [
        name
        for name, parameter in inspect.signature(factory).parameters.items()
        if parameter.default is parameter.empty
    ]
    return factory(**{name: SAMPLES.get(name, "1") for name in needed})
