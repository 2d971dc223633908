"""The WSDL that Microsoft's SDK ships, and two independent clients: libxml2's XML Schema, and zeep.

The schema checks order, names, namespaces, nil and types of what is answered; zeep, in strict mode, builds
requests from the same WSDL and must find in the answer what the WSDL promises.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import zeep
from lxml import etree
from zeep.transports import Transport

from tests.microsoft_advertising_simulator.sdk import PATHS

XS = "{http://www.w3.org/2001/XMLSchema}"
SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
FILES = {
    "BulkService": "bulk_service.xml",
    "CampaignManagementService": "campaignmanagement_service.xml",
    "CustomerManagementService": "customermanagement_service.xml",
}


def wsdl_path(service: str) -> Path:
    """The file in the installed SDK, found without importing it."""
    spec = importlib.util.find_spec("bingads")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "v13" / "proxies" / "production" / FILES[service]


@cache
def schemas(service: str) -> dict[str, etree._Element]:
    """The WSDL's schemas by target namespace."""
    found = etree.parse(wsdl_path(service)).iter(f"{XS}schema")
    return {str(schema.get("targetNamespace")): schema for schema in found}


@cache
def schema(service: str) -> etree.XMLSchema:
    """A validator made of all of a WSDL's schemas."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        files = {namespace: f"{number}.xsd" for number, namespace in enumerate(schemas(service))}
        for namespace, part in schemas(service).items():
            for imported in part.findall(f"{XS}import"):
                imported.set("schemaLocation", files[str(imported.get("namespace"))])
            (folder / files[namespace]).write_bytes(etree.tostring(part))
        whole = etree.Element(f"{XS}schema")
        for namespace, file in files.items():
            etree.SubElement(whole, f"{XS}import", namespace=namespace, schemaLocation=file)
        (folder / "all.xsd").write_bytes(etree.tostring(whole))
        return etree.XMLSchema(etree.parse(folder / "all.xsd"))


def check(service: str, answer: bytes) -> etree._Element:
    """Check an answer against the WSDL, strictly; returns the body's element.

    The header must hold TrackingId and nothing else; a body's element, or what a fault has as detail, must be
    valid. A fault without detail is checked for its form only.
    """
    envelope = etree.fromstring(answer)
    assert envelope.tag == f"{SOAP}Envelope"
    assert [part.tag for part in envelope] == [f"{SOAP}Header", f"{SOAP}Body"]
    header, body = envelope
    [tracking] = header
    assert etree.QName(tracking).localname == "TrackingId"
    assert tracking.text
    [content] = body
    checked = [tracking, content]
    if content.tag == f"{SOAP}Fault":
        names = [part.tag for part in content]
        assert names in (["faultcode", "faultstring"], ["faultcode", "faultstring", "detail"])
        checked = [tracking, *(content[2] if len(content) == 3 else ())]
        assert len(checked) <= 2
    for element in checked:
        alone = etree.fromstring(etree.tostring(element))  # with the namespaces that it needs
        assert etree.QName(alone).namespace in schemas(service)
        schema(service).assertValid(alone)
    return content


class CheckingTransport(Transport):
    """Checks every answer of a service against its WSDL before the client sees it."""

    def __init__(self, service: str) -> None:
        super().__init__(operation_timeout=60)
        self.session.trust_env = False
        self._service = service
        self.checked: list[etree._Element] = []

    def post(self, address: str, message: bytes, headers: dict[str, str]) -> Any:
        answer = super().post(address, message, headers)
        self.checked.append(check(self._service, answer.content))
        return answer


class StrictClient:
    """zeep in strict mode, for one service of a simulator.

    Args:
        service: Name of the service.
        ready: What the simulator prints when it is ready.
        token: Access token.
    """

    def __init__(self, service: str, ready: dict[str, str], token: str) -> None:
        transport = CheckingTransport(service)
        self._checked = transport.checked
        self._client = zeep.Client(
            str(wsdl_path(service)), transport=transport, settings=zeep.Settings(strict=True)
        )
        [port] = next(iter(self._client.wsdl.services.values())).ports.values()
        self._service = self._client.create_service(
            str(port.binding.name), ready["base_url"] + PATHS[service]
        )
        self._headers = {"AuthenticationToken": token, "DeveloperToken": ready["developer_token"]}
        if service != "CustomerManagementService":
            self._headers |= {"CustomerAccountId": ready["account_id"], "CustomerId": ready["customer_id"]}

    @property
    def checked(self) -> list[str]:
        """Names of the body's element of every answer so far; each was valid."""
        return [etree.QName(element).localname for element in self._checked]

    def nils(self) -> set[str]:
        """Names of the elements that are nil in the last answer (zeep makes empty values of some)."""
        found = self._checked[-1].iterfind(".//*[@{http://www.w3.org/2001/XMLSchema-instance}nil='true']")
        return {etree.QName(element).localname for element in found}

    def new(self, namespace: str, name: str, **values: Any) -> Any:
        """A value of a complex type."""
        return self._client.get_type(f"{{{namespace}}}{name}")(**values)

    def call(self, operation: str, **arguments: Any) -> Any:
        """The body of an operation's answer.

        Raises:
            zeep.exceptions.Fault: It is refused.
        """
        answer = self._service[operation](**arguments, _soapheaders=self._headers)
        assert answer.header.TrackingId
        return answer.body
