"""The part of the service's WSDL that our operations use, as one table of elements in their order.

SOAP requires the elements of a request in the WSDL's order and in the right namespace, and it names the items of an
array; JSON has none of this. With the table, an operation's body and its answer have the same values in both. Source:
the WSDL that Microsoft's SDK ships, revision 2026-10-12; a test compares each line with it. Unused elements are left
out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from microsoft_advertising.environment import Service

__all__ = ["FAULTS", "HEADERS", "NAMESPACES", "REQUESTS", "RESPONSES", "Array", "Scalar", "Struct", "Type"]

CAMPAIGN_NAMESPACE: Final = "https://bingads.microsoft.com/CampaignManagement/v13"
CUSTOMER_NAMESPACE: Final = "https://bingads.microsoft.com/Customer/v13"
ENTITIES_NAMESPACE: Final = f"{CUSTOMER_NAMESPACE}/Entities"
EXCEPTION_NAMESPACE: Final = f"{CUSTOMER_NAMESPACE}/Exception"
ARRAYS_NAMESPACE: Final = "http://schemas.microsoft.com/2003/10/Serialization/Arrays"
NULLABLES_NAMESPACE: Final = "http://schemas.datacontract.org/2004/07/System"
FAULT_NAMESPACE: Final = "https://adapi.microsoft.com"

NAMESPACES: Final = {
    Service.BULK: CAMPAIGN_NAMESPACE,  # not one of its own (documented)
    Service.CAMPAIGN: CAMPAIGN_NAMESPACE,
    Service.CUSTOMER: CUSTOMER_NAMESPACE,
}
"""Namespace of a service's requests and of the elements in the SOAP header."""

_IN_ACCOUNT: Final = ("AuthenticationToken", "CustomerAccountId", "CustomerId", "DeveloperToken")

HEADERS: Final = {
    Service.BULK: _IN_ACCOUNT,
    Service.CAMPAIGN: _IN_ACCOUNT,
    Service.CUSTOMER: ("AuthenticationToken", "DeveloperToken"),
}
"""The current elements of a service's SOAP header, in the WSDL's order; the others are legacy."""


class Scalar(Enum):
    """A value without parts, by its type in JSON."""

    TEXT = auto()
    """Text, and the names of enumerations."""
    LONG = auto()
    """64 bits, as a string of digits, as in REST."""
    INT = auto()
    BOOLEAN = auto()


@dataclass(frozen=True)
class Array:
    """A list; in SOAP, an element around its items.

    Attributes:
        item: Name of the items.
        of: Type of the items.
        namespace: Namespace of the items' elements.
    """

    item: str
    of: Type
    namespace: str = CAMPAIGN_NAMESPACE


@dataclass(frozen=True)
class Struct:
    """An object.

    Attributes:
        name: Name of the type in the WSDL.
        fields: Fields in the WSDL's order.
        namespace: Namespace of the fields' elements.
        derived: Names of types that extend this one. The field `Type` of the JSON, or an attribute in SOAP, says which
            type a value has.
    """

    name: str
    fields: Mapping[str, Type] = field(repr=False)
    namespace: str = CAMPAIGN_NAMESPACE
    derived: frozenset[str] = frozenset()


Type = Scalar | Array | Struct

_TEXT, _LONG, _INT, _BOOLEAN = Scalar.TEXT, Scalar.LONG, Scalar.INT, Scalar.BOOLEAN

_LONGS = Array("long", _LONG, ARRAYS_NAMESPACE)
_NULLABLE_LONGS = Array("long", _LONG, NULLABLES_NAMESPACE)
_INTS = Array("int", _INT, ARRAYS_NAMESPACE)
_TEXTS = Array("string", _TEXT, ARRAYS_NAMESPACE)

_AUDIENCE = Struct(
    "Audience",
    {
        "AudienceNetworkSize": _LONG,
        "Description": _TEXT,
        "Id": _LONG,
        "MembershipDuration": _INT,
        "Name": _TEXT,
        "ParentId": _LONG,
        "Scope": _TEXT,
        "SearchSize": _LONG,
        "Type": _TEXT,
    },
    derived=frozenset({"CustomerList"}),
)
_AUDIENCES = Array("Audience", _AUDIENCE)

_USER_DATA = Struct(
    "CustomerListUserData",
    {
        "AcceptCustomerMatchTerm": _BOOLEAN,
        "ActionType": _TEXT,
        "AudienceId": _LONG,
        "CustomerListItemSubType": _TEXT,
        "CustomerListItems": _TEXTS,
    },
)
_USER = Struct("User", {"CustomerId": _LONG, "Id": _LONG, "UserName": _TEXT}, ENTITIES_NAMESPACE)
_ACCOUNT = Struct(
    "AdvertiserAccount",
    {
        "AccountFinancialStatus": _TEXT,
        "Id": _LONG,
        "Name": _TEXT,
        "Number": _TEXT,
        "ParentCustomerId": _LONG,
        "AccountLifeCycleStatus": _TEXT,
    },
    ENTITIES_NAMESPACE,
)

_ACCOUNTS = Array("AdvertiserAccount", _ACCOUNT, ENTITIES_NAMESPACE)
_PREDICATE = Struct("Predicate", {"Field": _TEXT, "Operator": _TEXT, "Value": _TEXT}, ENTITIES_NAMESPACE)
_PREDICATES = Array("Predicate", _PREDICATE, ENTITIES_NAMESPACE)
_PAGING = Struct("Paging", {"Index": _INT, "Size": _INT}, ENTITIES_NAMESPACE)

# Texts of errors (Message, Details) may repeat data that was sent, and are not read.
_BATCH_ERROR = Struct("BatchError", {"Code": _INT, "ErrorCode": _TEXT, "Index": _INT})
_BATCH_ERRORS = Array("BatchError", _BATCH_ERROR)
_OPERATION_ERROR = Struct("OperationError", {"Code": _INT, "ErrorCode": _TEXT})
_OPERATION_ERRORS = Array("OperationError", _OPERATION_ERROR)
_CUSTOMER_ERROR = Struct("OperationError", {"Code": _INT}, EXCEPTION_NAMESPACE)
_AD_API_ERROR = Struct("AdApiError", {"Code": _INT, "ErrorCode": _TEXT}, FAULT_NAMESPACE)


def _by_operation(suffix: str, structs: Mapping[str, Mapping[str, Type]]) -> dict[str, Struct]:
    return {
        name: Struct(
            f"{name}{suffix}", fields, CUSTOMER_NAMESPACE if name in _OF_CUSTOMER else CAMPAIGN_NAMESPACE
        )
        for name, fields in structs.items()
    }


_OF_CUSTOMER = {"GetUser", "GetAccount", "GetCustomerPilotFeatures", "SearchAccounts"}

REQUESTS: Final = _by_operation(
    "Request",
    {
        "GetBulkUploadUrl": {"ResponseMode": _TEXT, "AccountId": _LONG},
        "GetBulkUploadStatus": {"RequestId": _TEXT},
        "AddAudiences": {"Audiences": _AUDIENCES},
        "UpdateAudiences": {"Audiences": _AUDIENCES},
        "DeleteAudiences": {"AudienceIds": _LONGS},
        "GetAudiencesByIds": {"AudienceIds": _LONGS, "Type": _TEXT},
        "ApplyCustomerListUserData": {"CustomerListUserData": _USER_DATA},
        "GetUser": {"UserId": _LONG},
        "GetAccount": {"AccountId": _LONG},
        "SearchAccounts": {"Predicates": _PREDICATES, "PageInfo": _PAGING},
        "GetCustomerPilotFeatures": {"CustomerId": _LONG},
    },
)
"""The request of each operation, by the operation's name."""

RESPONSES: Final = _by_operation(
    "Response",
    {
        "GetBulkUploadUrl": {"RequestId": _TEXT, "UploadUrl": _TEXT},
        "GetBulkUploadStatus": {
            "Errors": _OPERATION_ERRORS,
            "PercentComplete": _INT,
            "RequestStatus": _TEXT,
            "ResultFileUrl": _TEXT,
        },
        "AddAudiences": {"AudienceIds": _NULLABLE_LONGS, "PartialErrors": _BATCH_ERRORS},
        "UpdateAudiences": {"PartialErrors": _BATCH_ERRORS},
        "DeleteAudiences": {"PartialErrors": _BATCH_ERRORS},
        "GetAudiencesByIds": {"Audiences": _AUDIENCES, "PartialErrors": _BATCH_ERRORS},
        "ApplyCustomerListUserData": {"PartialErrors": _BATCH_ERRORS},
        "GetUser": {"User": _USER},
        "GetAccount": {"Account": _ACCOUNT},
        "SearchAccounts": {"Accounts": _ACCOUNTS},
        "GetCustomerPilotFeatures": {"FeaturePilotFlags": _INTS},
    },
)
"""The answer of each operation, by the operation's name."""

_API_FAULT: Mapping[str, Type] = {
    "TrackingId": _TEXT,
    "BatchErrors": _BATCH_ERRORS,
    "OperationErrors": _OPERATION_ERRORS,
}

FAULTS: Final = {
    "AdApiFaultDetail": Struct(
        "AdApiFaultDetail",
        {"TrackingId": _TEXT, "Errors": Array("AdApiError", _AD_API_ERROR, FAULT_NAMESPACE)},
        FAULT_NAMESPACE,
    ),
    "ApiFaultDetail": Struct("ApiFaultDetail", _API_FAULT),
    "EditorialApiFaultDetail": Struct("EditorialApiFaultDetail", _API_FAULT),
    "ApiFault": Struct(
        "ApiFault",
        {
            "TrackingId": _TEXT,
            "OperationErrors": Array("OperationError", _CUSTOMER_ERROR, EXCEPTION_NAMESPACE),
        },
        EXCEPTION_NAMESPACE,
    ),
}
"""The details of faults, by the element's name; `ApiFault` is used by Customer Management."""
