"""The Campaign Management operations that customer lists need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from microsoft_advertising_simulator.audiences.service import ItemError, ListFields
from microsoft_advertising_simulator.codes import ServiceFault, code
from microsoft_advertising_simulator.model import Audience
from microsoft_advertising_simulator.operations.base import Body, Context, LongText, Operation

__all__ = ["CAMPAIGN_MANAGEMENT"]

_AUDIENCE_TYPES: Final = frozenset(
    {
        "RemarketingList", "Custom", "InMarket", "Product", "SimilarRemarketingList", "CombinedList",
        "CustomerList", "ImpressionBasedRemarketingList", "CustomSegment", "AIPrompt",
    }
)  # fmt: skip


class AudienceBody(Body):
    """An audience; the read-only fields may be sent and are ignored."""

    audience_network_size: LongText | None = None
    customer_share: dict[str, Any] | None = None
    description: str | None = None
    forward_compatibility_map: list[Any] | None = None
    id: LongText | None = None
    membership_duration: int | None = None
    name: str | None = None
    parent_id: LongText | None = None
    scope: str | None = None
    search_size: LongText | None = None
    supported_campaign_types: list[str] | None = None
    type: str | None = None

    def fields(self) -> ListFields:
        """The fields as plain values."""
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
        """The fields as plain values."""
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
    if "CustomerList" not in types:  # the simulator has customer lists only
        found = [] if body.audience_ids is None else [None] * len(found)
    return {
        "Audiences": [None if audience is None else _audience(context, audience) for audience in found],
        "PartialErrors": _partial(errors),
    }


def _apply_user_data(context: Context, body: ApplyRequest) -> dict[str, Any]:
    data = body.customer_list_user_data
    if data is None:
        raise ServiceFault(100, "CustomerListUserData is missing.")
    errors = context.service.apply.change(
        context.caller,
        None if data.audience_id is None else int(data.audience_id),
        action=data.action_type,
        sub_type=data.customer_list_item_sub_type,
        items=data.customer_list_items,
        terms=data.accept_customer_match_term,
    )
    return {"PartialErrors": _partial(errors)}


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
    number = context.service.audiences.size(audience)
    size = None if number is None else str(number)
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


CAMPAIGN_MANAGEMENT: Final[tuple[Operation[Any], ...]] = (
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
)
