"""The operations of the service, each once: what a request may hold, what is done, what is answered.

Apart from any face: requests and answers are plain values in the service's own names, with 64-bit numbers as
text. REST sends them as they are; SOAP writes them as XML.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic.alias_generators import to_pascal

from include.simulator.audiences import ItemError, ListFields
from include.simulator.codes import ServiceFault, code
from include.simulator.model import Audience, Caller, ResponseMode
from include.simulator.service import Service

__all__ = ["OPERATIONS", "Credentials", "Operation", "perform"]

# Documented: every 64-bit number is a JSON string.
LongText = Annotated[str, StringConstraints(pattern=r"^-?[0-9]{1,19}$")]

_AUDIENCE_TYPES: Final = frozenset(
    {
        "RemarketingList", "Custom", "InMarket", "Product", "SimilarRemarketingList", "CombinedList",
        "CustomerList", "ImpressionBasedRemarketingList", "CustomSegment", "AIPrompt",
    }
)  # fmt: skip


class Body(BaseModel):
    """A request body: PascalCase keys, JSON types as they are, unknown keys refused."""

    model_config = ConfigDict(alias_generator=to_pascal, extra="forbid", strict=True, frozen=True)


class UploadUrlRequest(Body):
    """GetBulkUploadUrl."""

    account_id: LongText | None = None
    response_mode: Literal["ErrorsOnly", "ErrorsAndResults"] | None = None


class UploadStatusRequest(Body):
    """GetBulkUploadStatus."""

    request_id: str | None = None


class AudienceBody(Body):
    """An audience; the read-only fields may be sent and are ignored."""

    type: str | None = None
    id: LongText | None = None
    name: str | None = None
    description: str | None = None
    membership_duration: int | None = None
    parent_id: LongText | None = None
    scope: str | None = None
    audience_network_size: LongText | None = None
    search_size: LongText | None = None
    customer_share: dict[str, Any] | None = None
    forward_compatibility_map: list[Any] | None = None
    supported_campaign_types: list[str] | None = None

    def fields(self) -> ListFields:
        """Without JSON's conventions."""
        return ListFields(
            type=self.type,
            id=None if self.id is None else int(self.id),
            name=self.name,
            description=self.description,
            membership_duration=self.membership_duration,
            parent_id=self.parent_id,
            scope=self.scope,
        )


class AudiencesRequest(Body):
    """AddAudiences and UpdateAudiences."""

    audiences: list[AudienceBody | None] | None = None

    def fields(self) -> list[ListFields | None] | None:
        """Without JSON's conventions."""
        if self.audiences is None:
            return None
        return [None if audience is None else audience.fields() for audience in self.audiences]


class AudienceIdsRequest(Body):
    """DeleteAudiences."""

    audience_ids: list[LongText | None] | None = None


class AudienceQuery(Body):
    """GetAudiencesByIds."""

    audience_ids: list[LongText | None] | None = None
    type: str | None = None
    return_additional_fields: str | None = None


class UserData(Body):
    """CustomerListUserData."""

    accept_customer_match_term: bool | None = None
    action_type: str | None = None
    audience_id: LongText | None = None
    customer_list_item_sub_type: str | None = None
    customer_list_items: list[str | None] | None = None


class ApplyRequest(Body):
    """ApplyCustomerListUserData."""

    customer_list_user_data: UserData | None = None


class UserQuery(Body):
    """GetUser."""

    user_id: LongText | None = None


class Predicate(Body):
    """One condition of a search."""

    field: str
    operator: str
    value: str


class Paging(Body):
    """One page of a search."""

    index: int
    size: int


class AccountSearch(Body):
    """SearchAccounts."""

    predicates: list[Predicate] | None = None
    ordering: list[dict[str, str]] | None = None
    page_info: Paging | None = None
    return_additional_fields: str | None = None


class AccountQuery(Body):
    """GetAccount."""

    account_id: LongText | None = None
    return_additional_fields: str | None = None


BodyT = TypeVar("BodyT", bound=Body)


@dataclass(frozen=True)
class Context:
    """What a handler gets beside the body."""

    service: Service
    caller: Caller
    base_url: str


@dataclass(frozen=True)
class Operation(Generic[BodyT]):
    """One operation of the service.

    Args:
        in_account: Whether the headers CustomerId and CustomerAccountId are required.
    """

    name: str
    method: str
    path: str
    body: type[BodyT]
    handler: Callable[[Context, BodyT], dict[str, Any]]
    in_account: bool = True


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a call shows of itself; None = not sent. Secrets stay out of ``repr``."""

    token: str | None = field(repr=False)
    developer_token: str | None = field(repr=False)
    customer_id: str | None
    account_id: str | None


def perform(
    service: Service, operation: Operation[Any], credentials: Credentials, content: object, base_url: str
) -> dict[str, Any]:
    """Do what a call asks for.

    Args:
        service: What it acts on.
        operation: Which operation.
        credentials: Who calls.
        content: The request, not checked yet.
        base_url: Where the service is reached, for URLs in the answer.

    Raises:
        ServiceFault: The call is refused.
    """
    caller = _authenticate(service, operation, credentials)
    settings = service.settings()
    if not service.calls.admit(caller.customer_id, now=service.clock.now(), limit=settings.calls_per_minute):
        raise ServiceFault(117)
    return operation.handler(Context(service, caller, base_url), _parse(operation.body, content))


def _authenticate(service: Service, operation: Operation[Any], credentials: Credentials) -> Caller:
    customer_id, account_id = credentials.customer_id, credentials.account_id
    caller = service.identity.authenticate(
        token=credentials.token,
        developer_token=credentials.developer_token,
        customer_id=customer_id,
        account_id=account_id,
        settings=service.settings(),
    )
    if operation.in_account and (customer_id is None or account_id is None):
        raise ServiceFault(116, "CustomerId and CustomerAccountId are required.")
    return caller


def _parse(model: type[BodyT], content: object) -> BodyT:
    if content is None:
        raise ServiceFault(100, "There is no request that can be read.")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        # Places and rules only: the values may be hashes or addresses.
        places = [f"{'.'.join(map(str, fault['loc']))}: {fault['type']}" for fault in error.errors()[:5]]
        raise ServiceFault(201, "; ".join(places)) from error


def _get_bulk_upload_url(context: Context, body: UploadUrlRequest) -> dict[str, Any]:
    if body.account_id is None:
        raise ServiceFault(1030)
    if body.account_id != context.caller.account_id:
        raise ServiceFault(106, "AccountId differs from the header CustomerAccountId.")
    mode = ResponseMode(body.response_mode or ResponseMode.ERRORS_ONLY)
    upload = context.service.uploads.request_url(context.caller, mode)
    url = f"{context.base_url}/Api/Advertiser/CampaignManagement/FileUpload/File/UploadBulkFile/"
    return {"RequestId": upload.request_id, "UploadUrl": f"{url}{upload.url_id}?Ver=13"}


def _get_bulk_upload_status(context: Context, body: UploadStatusRequest) -> dict[str, Any]:
    status = context.service.uploads.status(context.caller, body.request_id or "")
    url = None if status.result_token is None else f"{context.base_url}/Results/{status.result_token}"
    errors = None
    if status.error is not None:
        entry = code(status.error.number)
        errors = [
            {
                "Code": entry.number,
                "Details": status.error.details,
                "ErrorCode": entry.name,
                "Message": entry.message,
            }
        ]
    return {
        "Errors": errors,
        "ForwardCompatibilityMap": None,
        "PercentComplete": status.percent,
        "RequestStatus": status.state.value,
        "ResultFileUrl": url,
    }


def _add_audiences(context: Context, body: AudiencesRequest) -> dict[str, Any]:
    ids, errors = context.service.audiences.add(context.caller, body.fields())
    return {
        "AudienceIds": [None if number is None else str(number) for number in ids],
        "PartialErrors": _partial(errors),
    }


def _update_audiences(context: Context, body: AudiencesRequest) -> dict[str, Any]:
    return {"PartialErrors": _partial(context.service.audiences.update(context.caller, body.fields()))}


def _delete_audiences(context: Context, body: AudienceIdsRequest) -> dict[str, Any]:
    errors = context.service.audiences.delete(context.caller, _numbers(body.audience_ids))
    return {"PartialErrors": _partial(errors)}


def _get_audiences(context: Context, body: AudienceQuery) -> dict[str, Any]:
    types = {part.strip() for part in (body.type or "CustomerList").split(",")}
    if not types <= _AUDIENCE_TYPES:
        raise ServiceFault(4859)
    found, errors = context.service.audiences.query(context.caller, _numbers(body.audience_ids))
    if "CustomerList" not in types:  # the simulator keeps customer lists only
        found = [] if body.audience_ids is None else [None] * len(found)
    return {
        "Audiences": [None if audience is None else _audience(context, audience) for audience in found],
        "PartialErrors": _partial(errors),
    }


def _apply_user_data(context: Context, body: ApplyRequest) -> dict[str, Any]:
    data = body.customer_list_user_data
    if data is None:
        raise ServiceFault(100, "CustomerListUserData is missing.")
    errors = context.service.audiences.apply(
        context.caller,
        None if data.audience_id is None else int(data.audience_id),
        action=data.action_type,
        sub_type=data.customer_list_item_sub_type,
        items=data.customer_list_items,
        terms=data.accept_customer_match_term,
    )
    return {"PartialErrors": _partial(errors)}


def _get_user(context: Context, body: UserQuery) -> dict[str, Any]:
    caller = context.caller
    if body.user_id not in (None, caller.user_id):
        raise ServiceFault(106)
    return {
        "User": {
            "Id": caller.user_id,
            "UserName": "simulated.user",
            "CustomerId": caller.customer_id,
            "Name": {"FirstName": "Simulated", "MiddleInitial": None, "LastName": "User"},
            "UserLifeCycleStatus": "Active",
        },
        "CustomerRoles": [
            {
                "RoleId": 41,
                "CustomerId": caller.customer_id,
                "AccountIds": None,
                "LinkedAccountIds": None,
                "CustomerLinkPermission": None,
            }
        ],
    }


def _search_accounts(context: Context, body: AccountSearch) -> dict[str, Any]:
    if not body.predicates or body.page_info is None:
        raise ServiceFault(201, "Predicates and PageInfo are required.")
    matches = all(_holds(predicate, context.caller) for predicate in body.predicates)
    return {"Accounts": [_account(context)] if matches and body.page_info.index == 0 else []}


def _get_account(context: Context, body: AccountQuery) -> dict[str, Any]:
    if body.account_id != context.caller.account_id:
        raise ServiceFault(106)
    return {"Account": _account(context)}


def _numbers(ids: Sequence[str | None] | None) -> list[int | None] | None:
    return None if ids is None else [None if text is None else int(text) for text in ids]


def _partial(errors: Sequence[ItemError]) -> list[dict[str, Any]]:
    return [
        {
            "Code": error.number,
            "Details": None,
            "ErrorCode": code(error.number).name,
            "FieldPath": error.field_path,
            "ForwardCompatibilityMap": None,
            "Index": error.index,
            "Message": code(error.number).message,
            "Type": "BatchError",
        }
        for error in errors
    ]


def _audience(context: Context, audience: Audience) -> dict[str, Any]:
    service = context.service
    known_at = audience.created_at + service.settings().size_delay_seconds
    size = str(audience.members) if service.clock.now() >= known_at else None
    return {
        "AudienceNetworkSize": size,
        "CustomerShare": None,
        "Description": audience.description,
        "ForwardCompatibilityMap": None,
        "Id": str(audience.id),
        "MembershipDuration": audience.membership_duration,
        "Name": audience.name,
        "ParentId": audience.parent_id,
        "Scope": audience.scope.value,
        "SearchSize": size,
        "SupportedCampaignTypes": [],
        "Type": "CustomerList",
    }


def _account(context: Context) -> dict[str, Any]:
    caller = context.caller
    return {
        "Id": caller.account_id,
        "Name": "Simulated account",
        "Number": f"SIM{caller.account_id}",
        "ParentCustomerId": caller.customer_id,
        "AccountLifeCycleStatus": "Active",
        "AccountFinancialStatus": "ClearFinancialStatus",
        "CurrencyCode": "EUR",
        "PauseReason": None,
    }


def _holds(predicate: Predicate, caller: Caller) -> bool:
    values = {
        "UserId": caller.user_id,
        "CustomerId": caller.customer_id,
        "AccountId": caller.account_id,
    }
    if predicate.field not in values or predicate.operator not in ("Equals", "In"):
        raise ServiceFault(201, "Predicates: UserId, CustomerId or AccountId with Equals or In.")
    return values[predicate.field] in [part.strip() for part in predicate.value.split(",")]


OPERATIONS: Final[tuple[Operation[Any], ...]] = (
    Operation(
        "GetBulkUploadUrl", "POST", "/Bulk/v13/BulkUploadUrl/Query", UploadUrlRequest, _get_bulk_upload_url
    ),
    Operation(
        "GetBulkUploadStatus",
        "POST",
        "/Bulk/v13/BulkUploadStatus/Query",
        UploadStatusRequest,
        _get_bulk_upload_status,
    ),
    Operation("AddAudiences", "POST", "/CampaignManagement/v13/Audiences", AudiencesRequest, _add_audiences),
    Operation(
        "UpdateAudiences", "PUT", "/CampaignManagement/v13/Audiences", AudiencesRequest, _update_audiences
    ),
    Operation(
        "DeleteAudiences",
        "DELETE",
        "/CampaignManagement/v13/Audiences",
        AudienceIdsRequest,
        _delete_audiences,
    ),
    Operation(
        "GetAudiencesByIds",
        "POST",
        "/CampaignManagement/v13/Audiences/QueryByIds",
        AudienceQuery,
        _get_audiences,
    ),
    Operation(
        "ApplyCustomerListUserData",
        "POST",
        "/CampaignManagement/v13/CustomerListUserData/Apply",
        ApplyRequest,
        _apply_user_data,
    ),
    Operation(
        "GetUser", "POST", "/CustomerManagement/v13/User/Query", UserQuery, _get_user, in_account=False
    ),
    Operation(
        "SearchAccounts",
        "POST",
        "/CustomerManagement/v13/Accounts/Search",
        AccountSearch,
        _search_accounts,
        in_account=False,
    ),
    Operation(
        "GetAccount",
        "POST",
        "/CustomerManagement/v13/Account/Query",
        AccountQuery,
        _get_account,
        in_account=False,
    ),
)
