"""The simulated part of the service's SOAP contract: services, messages, order and namespaces of elements.

Documented: the WSDL of each service. A test compares this with the WSDL that Microsoft's SDK ships.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from microsoft_advertising_simulator.endpoints.soap.types import (
    BOOLEAN,
    DATE_TIME,
    INT,
    LONG,
    TEXT,
    Array,
    Field,
    Record,
    enumeration,
    flags,
)

__all__ = ["AD_API_FAULT", "SERVICES", "ServiceContract"]

_ADAPI: Final = "https://adapi.microsoft.com"
_CAMPAIGN: Final = "https://bingads.microsoft.com/CampaignManagement/v13"
_CUSTOMER: Final = "https://bingads.microsoft.com/Customer/v13"
_ENTITIES: Final = "https://bingads.microsoft.com/Customer/v13/Entities"
_EXCEPTION: Final = "https://bingads.microsoft.com/Customer/v13/Exception"
_ARRAYS: Final = "http://schemas.microsoft.com/2003/10/Serialization/Arrays"
_SYSTEM: Final = "http://schemas.datacontract.org/2004/07/System"
_GENERIC: Final = "http://schemas.datacontract.org/2004/07/System.Collections.Generic"


@dataclass(frozen=True, slots=True)
class Detail:
    """The element in a fault's ``detail``.

    Args:
        namespace: Namespace of the element.
        errors: Key of the list of errors.
        text: Key of the details of one error.
    """

    name: str
    namespace: str
    record: Record
    errors: str
    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """Request and answer of one operation; the elements are its name + ``Request``, ``Response``."""

    request: Record
    answer: Record


@dataclass(frozen=True, slots=True)
class ServiceContract:
    """One service.

    Args:
        path: URL path, with a placeholder for the version.
        namespace: Namespace of its messages and headers.
        in_account: Whether it has the headers CustomerId and CustomerAccountId.
        fault: Detail of the faults of its operations.
        messages: By operation.
    """

    name: str
    path: str
    namespace: str
    in_account: bool
    fault: Detail
    messages: Mapping[str, Message]


_STRINGS: Final = Array(_ARRAYS, "string", TEXT)
_LONGS: Final = Array(_ARRAYS, "long", LONG, nillable=False)
_PAIRS: Final = Array(
    _GENERIC,
    "KeyValuePairOfstringstring",
    Record(_GENERIC, (Field("key", TEXT, required=True), Field("value", TEXT, required=True))),
    nillable=False,
)
_MAP: Final = Field("ForwardCompatibilityMap", _PAIRS)
_CODE: Final = Field("Code", INT, nillable=False)
_TRACKING: Final = Field("TrackingId", TEXT, namespace=_ADAPI)

_AD_API_ERROR: Final = Record(
    _ADAPI, (_CODE, Field("Detail", TEXT), Field("ErrorCode", TEXT), Field("Message", TEXT))
)
AD_API_FAULT: Final = Detail(
    "AdApiFaultDetail",
    _ADAPI,
    Record(_ADAPI, (_TRACKING, Field("Errors", Array(_ADAPI, "AdApiError", _AD_API_ERROR)))),
    errors="Errors",
    text="Detail",
)
"""Faults of authentication and calls, the same in all services."""

_OPERATION_ERROR: Final = Record(
    _CAMPAIGN, (_CODE, Field("Details", TEXT), Field("ErrorCode", TEXT), Field("Message", TEXT))
)
_OPERATION_ERRORS: Final = Array(_CAMPAIGN, "OperationError", _OPERATION_ERROR)
_BATCH_ERROR: Final = Record(
    _CAMPAIGN,
    (
        _CODE,
        Field("Details", TEXT),
        Field("ErrorCode", TEXT),
        Field("FieldPath", TEXT),
        _MAP,
        Field("Index", INT, nillable=False),
        Field("Message", TEXT),
        Field("Type", TEXT),
    ),
)
_BATCH_ERRORS: Final = Array(_CAMPAIGN, "BatchError", _BATCH_ERROR)
_PARTIAL_ERRORS: Final = Field("PartialErrors", _BATCH_ERRORS)
_API_FAULT_DETAIL: Final = Detail(
    "ApiFaultDetail",
    _CAMPAIGN,
    Record(
        _CAMPAIGN,
        (_TRACKING, Field("BatchErrors", _BATCH_ERRORS), Field("OperationErrors", _OPERATION_ERRORS)),
    ),
    errors="OperationErrors",
    text="Details",
)

_CUSTOMER_ERROR: Final = Record(_EXCEPTION, (_CODE, Field("Details", TEXT), Field("Message", TEXT)))
_API_FAULT: Final = Detail(
    "ApiFault",
    _CUSTOMER,
    Record(
        _EXCEPTION,
        (_TRACKING, Field("OperationErrors", Array(_EXCEPTION, "OperationError", _CUSTOMER_ERROR))),
    ),
    errors="OperationErrors",
    text="Details",
)


def _message(namespace: str, request: tuple[Field, ...], answer: tuple[Field, ...]) -> Message:
    return Message(Record(namespace, request), Record(namespace, answer))


_MODE: Final = Field(
    "ResponseMode", enumeration("ResponseMode", "ErrorsOnly", "ErrorsAndResults"), nillable=False
)
_ACCOUNT_ID: Final = Field("AccountId", LONG, nillable=False)
_REQUEST_ID: Final = Field("RequestId", TEXT)
_FILE_STATUS: Final = (
    Field("Errors", _OPERATION_ERRORS),
    _MAP,
    Field("PercentComplete", INT, nillable=False, default=0),
    Field("RequestStatus", TEXT),
    Field("ResultFileUrl", TEXT),
)
_BULK_MESSAGES: Final = {
    "GetBulkUploadUrl": _message(
        _CAMPAIGN, (_MODE, _ACCOUNT_ID), (_REQUEST_ID, Field("UploadUrl", TEXT))
    ),
    "GetBulkUploadStatus": _message(_CAMPAIGN, (_REQUEST_ID,), _FILE_STATUS),
    "UploadEntityRecords": _message(
        _CAMPAIGN,
        (Field("EntityRecords", _STRINGS), _MODE, _ACCOUNT_ID),
        (
            Field("EntityRecords", _STRINGS),
            Field("Errors", _OPERATION_ERRORS),
            _REQUEST_ID,
            Field("RequestStatus", TEXT),
        ),
    ),
    "DownloadCampaignsByAccountIds": _message(
        _CAMPAIGN,
        (
            Field("AccountIds", _LONGS),
            Field("CompressionType", enumeration("CompressionType", "Zip", "GZip")),
            Field(
                "DataScope",
                flags("DataScope", "EntityData", "QualityScoreData", "BidSuggestionsData"),
                nillable=False,
            ),
            # About 150 kinds; the operation decides which of them exist.
            Field("DownloadEntities", Array(_CAMPAIGN, "DownloadEntity", TEXT, nillable=False)),
            Field("DownloadFileType", enumeration("DownloadFileType", "Csv", "Tsv")),
            Field("FormatVersion", TEXT),
            Field("LastSyncTimeInUTC", DATE_TIME),
        ),
        (Field("DownloadRequestId", TEXT),),
    ),
    "GetBulkDownloadStatus": _message(_CAMPAIGN, (_REQUEST_ID,), _FILE_STATUS),
}  # fmt: skip

_AUDIENCE_TYPES: Final = MappingProxyType(
    {  # value of the flag AudienceType by the type's name; the one differs from the other
        "CustomerList": "CustomerList",
        "RemarketingList": "RemarketingList",
        "CustomAudience": "Custom",
        "InMarketAudience": "InMarket",
        "ProductAudience": "Product",
        "SimilarRemarketingList": "SimilarRemarketingList",
        "CombinedList": "CombinedList",
        "ImpressionBasedRemarketingList": "ImpressionBasedRemarketingList",
        "CustomSegment": "CustomSegment",
    }
)
_AUDIENCE_TYPE: Final = Field(
    "Type", flags("AudienceType", *_AUDIENCE_TYPES.values(), "AIPrompt"), nillable=False
)
_SHARE: Final = Record(
    _CAMPAIGN,
    (
        Field("AccountId", LONG),
        Field(
            "Associations",
            Array(
                _CAMPAIGN,
                "CustomerAccountShareAssociation",
                Record(_CAMPAIGN, (Field("AssociationCount", LONG), Field("UsageType", TEXT))),
            ),
        ),
        Field("CustomerId", LONG),
    ),
)
_CUSTOMER_SHARE: Final = Record(
    _CAMPAIGN,
    (
        Field("CustomerAccountShares", Array(_CAMPAIGN, "CustomerAccountShare", _SHARE)),
        Field("OwnerCustomerId", LONG),
    ),
)
_AUDIENCE: Final = Record(
    _CAMPAIGN,
    (
        Field("AudienceNetworkSize", LONG),
        Field("CustomerShare", _CUSTOMER_SHARE),
        Field("Description", TEXT),
        _MAP,
        Field("Id", LONG),
        Field("MembershipDuration", INT),
        Field("Name", TEXT),
        Field("ParentId", LONG),
        Field("Scope", enumeration("EntityScope", "Account", "Customer")),
        Field("SearchSize", LONG),
        Field("SupportedCampaignTypes", _STRINGS),
        _AUDIENCE_TYPE,
    ),
    _AUDIENCE_TYPES,
)
_AUDIENCES: Final = Field("Audiences", Array(_CAMPAIGN, "Audience", _AUDIENCE))
_USER_DATA: Final = Record(
    _CAMPAIGN,
    (
        Field("AcceptCustomerMatchTerm", BOOLEAN),
        Field(
            "ActionType",
            enumeration("CustomerListActionType", "None", "Add", "Remove", "Replace"),
            nillable=False,
            required=True,
        ),
        Field("AudienceId", LONG, nillable=False, required=True),
        Field(
            "CustomerListItemSubType",
            enumeration("CustomerListItemSubType", "Email", "CRM", "Phone"),
            nillable=False,
            required=True,
        ),
        Field("CustomerListItems", _STRINGS, required=True),
    ),
)
_CAMPAIGN_MESSAGES: Final = {
    "AddAudiences": _message(
        _CAMPAIGN,
        (_AUDIENCES,),
        (Field("AudienceIds", Array(_SYSTEM, "long", LONG)), _PARTIAL_ERRORS),
    ),
    "UpdateAudiences": _message(_CAMPAIGN, (_AUDIENCES,), (_PARTIAL_ERRORS,)),
    "DeleteAudiences": _message(_CAMPAIGN, (Field("AudienceIds", _LONGS),), (_PARTIAL_ERRORS,)),
    "GetAudiencesByIds": _message(
        _CAMPAIGN,
        (
            Field("AudienceIds", _LONGS),
            _AUDIENCE_TYPE,
            Field(
                "ReturnAdditionalFields",
                flags(
                    "AudienceAdditionalField",
                    "NormalForm",
                    "NumberRuleItem",
                    "ImpressionBasedRemarketingList",
                    "CampaignIdsAdGroupIds",
                    "CustomSegment",
                ),
            ),
        ),
        (_AUDIENCES, _PARTIAL_ERRORS),
    ),
    "ApplyCustomerListUserData": _message(
        _CAMPAIGN, (Field("CustomerListUserData", _USER_DATA),), (_PARTIAL_ERRORS,)
    ),
}

_ADDRESS: Final = Record(
    _ENTITIES,
    (
        Field("City", TEXT),
        Field("CountryCode", TEXT),
        Field("Id", LONG),
        Field("Line1", TEXT),
        Field("Line2", TEXT),
        Field("Line3", TEXT),
        Field("Line4", TEXT),
        Field("PostalCode", TEXT),
        Field("StateOrProvince", TEXT),
        Field("TimeStamp", TEXT),
        Field("BusinessName", TEXT),
    ),
)
_CONTACT: Final = Record(
    _ENTITIES,
    (
        Field("Address", _ADDRESS),
        Field("ContactByPhone", BOOLEAN),
        Field("ContactByPostalMail", BOOLEAN),
        Field("Email", TEXT),
        Field("EmailFormat", TEXT),
        Field("Fax", TEXT),
        Field("HomePhone", TEXT),
        Field("Id", LONG),
        Field("Mobile", TEXT),
        Field("Phone1", TEXT),
        Field("Phone2", TEXT),
    ),
)
_PERSON: Final = Record(
    _ENTITIES, (Field("FirstName", TEXT), Field("LastName", TEXT), Field("MiddleInitial", TEXT))
)
_USER: Final = Record(
    _ENTITIES,
    (
        Field("ContactInfo", _CONTACT),
        Field("CustomerId", LONG),
        Field("Id", LONG),
        Field("JobTitle", TEXT),
        Field("LastModifiedByUserId", LONG),
        Field("LastModifiedTime", DATE_TIME),
        Field("Lcid", TEXT),
        Field("Name", _PERSON),
        Field("Password", TEXT),
        Field("SecretAnswer", TEXT),
        Field("SecretQuestion", TEXT, nillable=False, default="None"),
        Field("UserLifeCycleStatus", TEXT),
        Field("TimeStamp", TEXT),
        Field("UserName", TEXT),
        _MAP,
        Field("AuthenticationToken", TEXT),
    ),
)
_ROLE: Final = Record(
    _ENTITIES,
    (
        Field("RoleId", INT, nillable=False),
        Field("CustomerId", LONG, nillable=False),
        Field("AccountIds", _LONGS),
        Field("LinkedAccountIds", _LONGS),
        Field("CustomerLinkPermission", TEXT),
    ),
)
_CUSTOMER_INFO: Final = Record(_ENTITIES, (Field("Id", LONG), Field("Name", TEXT)))
_TAX_CERTIFICATE: Final = Record(
    _ENTITIES,
    (
        Field("TaxCertificateBlobContainerName", TEXT),
        Field(
            "TaxCertificates",
            Array(
                _GENERIC,
                "KeyValuePairOfstringbase64Binary",
                Record(_GENERIC, (Field("key", TEXT, required=True), Field("value", TEXT, required=True))),
                nillable=False,
            ),
        ),
        Field("Status", TEXT),
    ),
)
_ACCOUNT: Final = Record(
    _ENTITIES,
    (
        Field("BillToCustomerId", LONG),
        Field("CurrencyCode", TEXT),
        Field("AccountFinancialStatus", TEXT),
        Field("Id", LONG),
        Field("Language", TEXT),
        Field("LastModifiedByUserId", LONG),
        Field("LastModifiedTime", DATE_TIME),
        Field("Name", TEXT),
        Field("Number", TEXT),
        Field("ParentCustomerId", LONG, nillable=False),
        Field("PaymentMethodId", LONG),
        Field("PaymentMethodType", TEXT),
        Field("PrimaryUserId", LONG),
        Field("AccountLifeCycleStatus", TEXT),
        Field("TimeStamp", TEXT),
        Field("TimeZone", TEXT),
        Field("PauseReason", INT),
        _MAP,
        Field("LinkedAgencies", Array(_ENTITIES, "CustomerInfo", _CUSTOMER_INFO)),
        Field("SalesHouseCustomerId", LONG),
        Field("TaxInformation", _PAIRS),
        Field("BackUpPaymentInstrumentId", LONG),
        Field("BillingThresholdAmount", TEXT),
        Field("BusinessAddress", _ADDRESS),
        Field("AutoTagType", TEXT),
        Field("SoldToPaymentInstrumentId", LONG),
        Field("TaxCertificate", _TAX_CERTIFICATE),
        Field("AccountMode", TEXT),
        Field("ParentCustomerNumber", TEXT),
    ),
)
_PREDICATE: Final = Record(
    _ENTITIES,
    (
        Field("Field", TEXT),
        Field(
            "Operator",
            enumeration(
                "PredicateOperator",
                "Equals",
                "NotEquals",
                "Contains",
                "In",
                "GreaterThanEquals",
                "LessThanEquals",
                "StartsWith",
                "NotContains",
            ),
            nillable=False,
        ),
        Field("Value", TEXT),
    ),
)
_ORDER: Final = Record(
    _ENTITIES,
    (
        Field(
            "Field",
            enumeration(
                "OrderByField",
                "Id",
                "Name",
                "Number",
                "LifeCycleStatus",
                "CouponClassName",
                "CouponStartDate",
            ),
            nillable=False,
        ),
        Field("Order", enumeration("SortOrder", "Ascending", "Descending"), nillable=False),
    ),
)
_PAGING: Final = Record(_ENTITIES, (Field("Index", INT, nillable=False), Field("Size", INT, nillable=False)))
_ACCOUNT_EXTRAS: Final = Field(
    "ReturnAdditionalFields",
    flags(
        "AccountAdditionalField", "TaxCertificate", "AccountMode", "CouponClaimInfo", "ParentCustomerNumber"
    ),
)
_CUSTOMER_MESSAGES: Final = {
    "GetUser": _message(
        _CUSTOMER,
        (Field("UserId", LONG),),
        (Field("User", _USER), Field("CustomerRoles", Array(_ENTITIES, "CustomerRole", _ROLE))),
    ),
    "SearchAccounts": _message(
        _CUSTOMER,
        (
            Field("Predicates", Array(_ENTITIES, "Predicate", _PREDICATE)),
            Field("Ordering", Array(_ENTITIES, "OrderBy", _ORDER)),
            Field("PageInfo", _PAGING),
            _ACCOUNT_EXTRAS,
        ),
        (Field("Accounts", Array(_ENTITIES, "AdvertiserAccount", _ACCOUNT)),),
    ),
    "GetAccount": _message(
        _CUSTOMER, (_ACCOUNT_ID, _ACCOUNT_EXTRAS), (Field("Account", _ACCOUNT),)
    ),
    "GetCustomerPilotFeatures": _message(
        _CUSTOMER,
        (Field("CustomerId", LONG, nillable=False),),
        (Field("FeaturePilotFlags", Array(_ARRAYS, "int", INT, nillable=False)),),
    ),
}  # fmt: skip

SERVICES: Final = (
    ServiceContract(
        "BulkService",
        "/Api/Advertiser/CampaignManagement/{version}/BulkService.svc",
        _CAMPAIGN,
        in_account=True,
        fault=_API_FAULT_DETAIL,
        messages=MappingProxyType(_BULK_MESSAGES),
    ),
    ServiceContract(
        "CampaignManagementService",
        "/Api/Advertiser/CampaignManagement/{version}/CampaignManagementService.svc",
        _CAMPAIGN,
        in_account=True,
        fault=_API_FAULT_DETAIL,
        messages=MappingProxyType(_CAMPAIGN_MESSAGES),
    ),
    ServiceContract(
        "CustomerManagementService",
        "/Api/CustomerManagement/{version}/CustomerManagementService.svc",
        _CUSTOMER,
        in_account=False,
        fault=_API_FAULT,
        messages=MappingProxyType(_CUSTOMER_MESSAGES),
    ),
)
