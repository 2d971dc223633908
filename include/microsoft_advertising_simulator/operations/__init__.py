"""The operations of the service: the content of requests, their effect, and their answers.

Independent of REST and SOAP: requests and answers are plain values with the service's names, 64-bit numbers as
text, and the fields of a request in the order of the WSDL. REST sends them unchanged; SOAP writes them as XML.
"""

from __future__ import annotations

from typing import Any, Final

from microsoft_advertising_simulator.operations.base import Operation
from microsoft_advertising_simulator.operations.bulk import BULK
from microsoft_advertising_simulator.operations.campaign import CAMPAIGN_MANAGEMENT
from microsoft_advertising_simulator.operations.customer import CUSTOMER_MANAGEMENT

__all__ = ["OPERATIONS"]

OPERATIONS: Final[tuple[Operation[Any], ...]] = (*BULK, *CAMPAIGN_MANAGEMENT, *CUSTOMER_MANAGEMENT)
