"""The operations of the service, each once: what a request may hold, what is done, what is answered.

Apart from any face: requests and answers are plain values in the service's own names, with 64-bit numbers as
text, and the fields of a request in the order of the WSDL. REST sends them as they are; SOAP writes them as XML.
"""

from __future__ import annotations

from typing import Any, Final

from microsoft_advertising_simulator.operations.base import Operation
from microsoft_advertising_simulator.operations.bulk import BULK
from microsoft_advertising_simulator.operations.campaign import CAMPAIGN_MANAGEMENT
from microsoft_advertising_simulator.operations.customer import CUSTOMER_MANAGEMENT

__all__ = ["OPERATIONS"]

OPERATIONS: Final[tuple[Operation[Any], ...]] = (*BULK, *CAMPAIGN_MANAGEMENT, *CUSTOMER_MANAGEMENT)
