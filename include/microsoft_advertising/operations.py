"""The operations of the service: the request of each, and how its answer is read.

Pure: no I/O. A transport carries an operation out. REST uses `method`, `service` and `path`; SOAP uses `service` and
`name`. The body is the same in both, with the service's field names and 64-bit numbers as strings. Shapes: pages of
the operations and the WSDL (documented); REST paths from Microsoft's SDKs (observed).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from microsoft_advertising.environment import Service
from microsoft_advertising.error_codes import ERRORS, Reaction
from microsoft_advertising.faults import errors_in, safe_token
from microsoft_advertising.limits import MAX_ITEMS_PER_CALL, NEVER_EXPIRES
from microsoft_advertising.models import (
    AccountInfo,
    Action,
    Audience,
    ItemError,
    Scope,
    UploadState,
    UploadStatus,
    UploadTicket,
)

if TYPE_CHECKING:  # the triggerer needs no numpy to poll
    import numpy as np
    import numpy.typing as npt

    Digests = npt.NDArray[np.uint8]
    """Shape (n, 32): one row a SHA-256 digest."""

__all__ = [
    "Operation",
    "apply_members",
    "create_audience",
    "delete_audience",
    "get_account",
    "get_audience",
    "get_user",
    "list_audiences",
    "pilot_features",
    "request_upload",
    "search_accounts",
    "update_audience",
    "upload_status",
]

T = TypeVar("T")
Answer = Mapping[str, Any]

INVALID_AUDIENCE_ID = 4835

_DIGITS: Final = 64  # of a digest in hex
_ABOUT_ITEMS: Final = frozenset(
    code for code, entry in ERRORS.items() if entry.reaction is Reaction.REJECT_ROW
)


@dataclass(frozen=True)
class Operation(Generic[T]):
    """One call of the service.

    Attributes:
        name: The service's name of the operation.
        service: Which of the three services offers it.
        method: HTTP method.
        path: Below the service's base URL.
        body: The request, with the service's field names. It may hold digests, so it is never shown.
        read: Reads the answer. A KeyError, TypeError or ValueError from it means that the answer does not have the
            documented shape.
        repeatable: Whether the operation is idempotent. If not, a lost answer is `OutcomeUnknown`.
        uncertain: Whether an unreadable answer is `OutcomeUnknown`, although the operation is repeatable.
        settles: Error codes that count as an answer; `read` then gets an empty answer.
        about_items: Error codes that `read` handles itself if they are in `PartialErrors`.
    """

    name: str
    service: Service
    method: str
    path: str
    body: Answer = field(repr=False)
    read: Callable[[Answer], T] = field(repr=False)
    repeatable: bool = True
    uncertain: bool = False
    settles: frozenset[int] = frozenset()
    about_items: frozenset[int] = frozenset()


def list_audiences() -> Operation[list[Audience]]:
    """All customer lists that the account may use; the service offers no paging and no filter by name."""
    return _query_audiences({"Type": "CustomerList"}, _audiences)


def get_audience(audience_id: str) -> Operation[Audience | None]:
    """The customer list with this id; None if it does not exist (any more)."""

    def read(answer: Answer) -> Audience | None:
        return next((audience for audience in _audiences(answer) if audience.id == audience_id), None)

    return _query_audiences({"AudienceIds": [audience_id], "Type": "CustomerList"}, read)


def create_audience(
    name: str,
    *,
    customer_id: str,
    account_id: str,
    description: str,
    scope: Scope = "Customer",
    membership_duration: int = NEVER_EXPIRES,
) -> Operation[str]:
    """Create an empty customer list; returns its id. Does not require accepted terms (documented: customerlist)."""
    audience = {
        "Type": "CustomerList",
        "Name": name,
        "Description": description,
        "Scope": scope,
        "ParentId": account_id if scope == "Account" else customer_id,
        "MembershipDuration": membership_duration,
    }
    return Operation(
        "AddAudiences",
        Service.CAMPAIGN,
        "POST",
        "/Audiences",
        {"Audiences": [audience]},
        lambda answer: _identifier(answer["AudienceIds"][0]),
        repeatable=False,
    )


def update_audience(
    audience_id: str,
    *,
    name: str | None = None,
    description: str | None = None,
    scope: Scope | None = None,
    membership_duration: int | None = None,
) -> Operation[None]:
    """Change a customer list; a value of None stays unchanged.

    The pages disagree on whether customer lists can be changed: `updateaudiences` names other types only,
    `customerlist` has rules for it. The scope may become wider, never narrower (4855).
    """
    changed = {
        "Name": name,
        "Description": description,
        "Scope": scope,
        "MembershipDuration": membership_duration,
    }
    audience = {key: value for key, value in changed.items() if value is not None}
    return Operation(
        "UpdateAudiences",
        Service.CAMPAIGN,
        "PUT",
        "/Audiences",
        {"Audiences": [{"Type": "CustomerList", "Id": audience_id, **audience}]},
        lambda _: None,
    )


def delete_audience(audience_id: str) -> Operation[None]:
    """Delete a customer list. Succeeds if it does not exist, so that the call can be repeated after a lost answer."""
    return Operation(
        "DeleteAudiences",
        Service.CAMPAIGN,
        "DELETE",
        "/Audiences",
        {"AudienceIds": [audience_id]},
        lambda _: None,
        settles=frozenset({INVALID_AUDIENCE_ID}),
    )


def apply_members(
    audience_id: str, action: Action, digests: Digests, *, accept_terms: bool | None = None
) -> Operation[list[ItemError]]:
    """Add, remove or replace up to 1,000 members in one call; returns the errors of refused members, in no order.

    The service keeps members as a set, so the call is idempotent. The change is complete when the answer arrives
    (documented: applycustomerlistuserdata).

    Args:
        audience_id: Of the customer list.
        action: Replace removes all other members first (documented).
        digests: Shape (n, 32), 1 to 1,000 of them.
        accept_terms: Accept the Customer Match terms with this call; None leaves the field out.

    Raises:
        ValueError: There are no digests, or too many.
    """
    count = len(digests)
    if not 1 <= count <= MAX_ITEMS_PER_CALL:
        raise ValueError(f"a call takes 1 to {MAX_ITEMS_PER_CALL} members, not {count}")
    digits = digests.tobytes().hex()
    data = {
        "ActionType": str(action),
        "AudienceId": audience_id,
        "CustomerListItemSubType": "Email",
        "CustomerListItems": [
            digits[start : start + _DIGITS] for start in range(0, count * _DIGITS, _DIGITS)
        ],
    }
    terms = {} if accept_terms is None else {"AcceptCustomerMatchTerm": accept_terms}
    return Operation(
        "ApplyCustomerListUserData",
        Service.CAMPAIGN,
        "POST",
        "/CustomerListUserData/Apply",
        {"CustomerListUserData": terms | data},
        # The key is always present (documented): an answer without it does not come from the service.
        lambda answer: _item_errors(answer["PartialErrors"], count),
        uncertain=True,
        about_items=_ABOUT_ITEMS,
    )


def request_upload(*, account_id: str) -> Operation[UploadTicket]:
    """Request an upload ticket, the right to send one file. An unused ticket expires, so this may be repeated.

    ErrorsOnly: the results then list refused rows only, which is all we need.
    """
    return Operation(
        "GetBulkUploadUrl",
        Service.BULK,
        "POST",
        "/BulkUploadUrl/Query",
        {"ResponseMode": "ErrorsOnly", "AccountId": account_id},
        lambda answer: UploadTicket(_text(answer["RequestId"]), _text(answer["UploadUrl"])),
    )


def upload_status(request_id: str) -> Operation[UploadStatus]:
    """The status of an upload."""

    def read(answer: Answer) -> UploadStatus:
        return UploadStatus(
            state=UploadState(_text(answer["RequestStatus"])),
            percent=int(answer.get("PercentComplete") or 0),
            result_url=answer.get("ResultFileUrl") or None,
            errors=errors_in(answer, "Errors"),
        )

    return Operation(
        "GetBulkUploadStatus",
        Service.BULK,
        "POST",
        "/BulkUploadStatus/Query",
        {"RequestId": request_id},
        read,
    )


def get_user() -> Operation[tuple[str, str]]:
    """The signed-in user: id and login."""

    def read(answer: Answer) -> tuple[str, str]:
        user = answer["User"]
        return _identifier(user["Id"]), str(user.get("UserName") or "")

    return Operation("GetUser", Service.CUSTOMER, "POST", "/User/Query", {"UserId": None}, read)


def get_account(account_id: str) -> Operation[AccountInfo]:
    """One advertiser account."""
    return Operation(
        "GetAccount",
        Service.CUSTOMER,
        "POST",
        "/Account/Query",
        {"AccountId": account_id},
        lambda answer: _account(answer["Account"]),
    )


def search_accounts(user_id: str) -> Operation[list[AccountInfo]]:
    """The accounts that a user may access, the first 1,000 of them (documented: the largest page)."""
    body = {
        "Predicates": [{"Field": "UserId", "Operator": "Equals", "Value": user_id}],
        "PageInfo": {"Index": 0, "Size": 1000},
    }
    return Operation(
        "SearchAccounts",
        Service.CUSTOMER,
        "POST",
        "/Accounts/Search",
        body,
        lambda answer: [_account(element) for element in answer.get("Accounts") or () if element is not None],
    )


def _account(element: Answer) -> AccountInfo:
    return AccountInfo(
        id=_identifier(element["Id"]),
        name=str(element.get("Name") or ""),
        number=str(element.get("Number") or ""),
        status=str(element.get("AccountLifeCycleStatus") or ""),
        customer_id=str(element.get("ParentCustomerId") or ""),
    )


def pilot_features(customer_id: str) -> Operation[frozenset[int]]:
    """Numbers of the pilot features that are enabled for a customer.

    The path is the one that Microsoft's own Java SDK sends (observed in its source).
    """

    def read(answer: Answer) -> frozenset[int]:
        return frozenset(int(str(number)) for number in answer.get("FeaturePilotFlags") or ())

    return Operation(
        "GetCustomerPilotFeatures",
        Service.CUSTOMER,
        "POST",
        "/CustomerPilotFeatures/Query",
        {"CustomerId": customer_id},
        read,
    )


def _query_audiences(body: Answer, read: Callable[[Answer], T]) -> Operation[T]:
    """GetAudiencesByIds. Without ids it returns all; an empty list of ids is refused (observed)."""
    return Operation(
        "GetAudiencesByIds",
        Service.CAMPAIGN,
        "POST",
        "/Audiences/QueryByIds",
        body,
        read,
        settles=frozenset({INVALID_AUDIENCE_ID}) if "AudienceIds" in body else frozenset(),
    )


def _audiences(answer: Answer) -> list[Audience]:
    """Unknown ids are returned as null (documented), so elements are matched by their id, never by position."""
    return [_audience(element) for element in answer.get("Audiences") or () if element is not None]


def _audience(element: Answer) -> Audience:
    return Audience(
        id=_identifier(element["Id"]),
        name=_text(element["Name"]),
        description=str(element.get("Description") or ""),
        scope=str(element.get("Scope") or ""),
        membership_duration=_number(element.get("MembershipDuration")),
        search_size=_number(element.get("SearchSize")),
        network_size=_number(element.get("AudienceNetworkSize")),
    )


def _item_errors(elements: object, count: int) -> list[ItemError]:
    """The errors of single members of a call. Elements may be null (observed), and so may the list."""
    if not isinstance(elements, list | None):
        raise TypeError("the errors must be a list")
    return [_item_error(element, count) for element in elements or () if element is not None]


def _item_error(element: Answer, count: int) -> ItemError:
    index, code = int(str(element["Index"])), int(str(element["Code"]))
    if not 0 <= index < count:
        raise ValueError("an error refers to a member that was not sent")
    return ItemError(index, code, safe_token(element.get("ErrorCode")))


def _number(value: object) -> int | None:
    return None if value is None else int(str(value))


def _identifier(value: object) -> str:
    """A 64-bit number: a string in REST, or a number if it was parsed."""
    return str(int(str(value)))


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("a text is missing")
    return value
