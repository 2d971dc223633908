"""The Customer Management operations: the signed-in user and their accounts."""

from __future__ import annotations

from typing import Any, Final

from microsoft_advertising_simulator.codes import ServiceFault
from microsoft_advertising_simulator.model import ACCOUNT_NAME, Caller
from microsoft_advertising_simulator.operations.base import Body, Context, LongText, Operation

__all__ = ["CUSTOMER_MANAGEMENT"]


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


class FeaturesQuery(Body):
    """GetCustomerPilotFeatures."""

    customer_id: LongText | None = None


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
    matches = all(_matches(predicate, context.caller) for predicate in body.predicates)
    return {"Accounts": [_account(context)] if matches and body.page_info.index == 0 else []}


def _get_account(context: Context, body: AccountQuery) -> dict[str, Any]:
    if body.account_id != context.caller.account_id:
        raise ServiceFault(106)
    return {"Account": _account(context)}


def _get_pilot_features(context: Context, body: FeaturesQuery) -> dict[str, Any]:
    if body.customer_id not in (None, context.caller.customer_id):
        raise ServiceFault(106)
    return {"FeaturePilotFlags": list(context.service.settings().pilot_features)}


def _account(context: Context) -> dict[str, Any]:
    caller = context.caller
    return {
        "Id": caller.account_id,
        "Name": ACCOUNT_NAME,
        "Number": f"SIM{caller.account_id}",
        "ParentCustomerId": caller.customer_id,
        "AccountLifeCycleStatus": "Active",
        "AccountFinancialStatus": "ClearFinancialStatus",
        "CurrencyCode": "EUR",
        "PauseReason": None,
    }


def _matches(predicate: Predicate, caller: Caller) -> bool:
    values = {
        "UserId": caller.user_id,
        "CustomerId": caller.customer_id,
        "AccountId": caller.account_id,
    }
    if predicate.field not in values or predicate.operator not in ("Equals", "In"):
        raise ServiceFault(201, "Predicates: UserId, CustomerId or AccountId with Equals or In.")
    return values[predicate.field] in [part.strip() for part in predicate.value.split(",")]


CUSTOMER_MANAGEMENT: Final[tuple[Operation[Any], ...]] = (
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
    Operation(
        "GetCustomerPilotFeatures",
        "POST",
        "/CustomerManagement/v13/CustomerPilotFeatures/Query",
        FeaturesQuery,
        _get_pilot_features,
        in_account=False,
    ),
)
