"""The client over real sockets."""

from __future__ import annotations

import inspect
import logging
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from customer_match.errors import ConfigurationError, TerminalError, TransientError
from microsoft_advertising import wire
from microsoft_advertising.account import Account
from microsoft_advertising.auth.refresh_tokens import InMemoryTokenStore
from microsoft_advertising.bulk import transfer as files
from microsoft_advertising.client import Client
from microsoft_advertising.environment import Environment
from microsoft_advertising.faults import (
    OutcomeUnknown,
    ResultsExpired,
    ServiceTransientError,
    UploadUrlExpired,
)
from microsoft_advertising.models import (
    AccountInfo,
    Action,
    ItemError,
    RowError,
    UploadState,
    UploadTicket,
)
from microsoft_advertising.retrying import RetryPolicy
from tests.microsoft_advertising.conftest import (
    SECRETS,
    TRACKING_ID,
    Reply,
    Service,
    fault,
    json_reply,
    results_zip,
)

QUERY = "/CampaignManagement/v13/Audiences/QueryByIds"
AUDIENCES = "/CampaignManagement/v13/Audiences"
APPLY = "/CampaignManagement/v13/CustomerListUserData/Apply"
UPLOAD_URL = "/Bulk/v13/BulkUploadUrl/Query"
STATUS = "/Bulk/v13/BulkUploadStatus/Query"
USER = "/CustomerManagement/v13/User/Query"
ACCOUNT = "/CustomerManagement/v13/Account/Query"
SEARCH = "/CustomerManagement/v13/Accounts/Search"
UPLOAD = "/upload-secret"
RESULT = "/result-secret"

VIP = {"Id": "12", "Name": "VIP", "Type": "CustomerList", "Scope": "Customer"}


class Caller:
    """Calls the client by the operation's name, with a client for each call."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.arguments, self.options = arguments, options

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            with Client(*self.arguments, **self.options) as client:
                result = getattr(client, name)(*args, **kwargs)
                return list(result) if inspect.isgenerator(result) else result

        return call


@pytest.fixture
def client(account: Account, environment: Environment, impatient: RetryPolicy) -> Caller:
    return Caller(account, environment, retries=impatient)


@pytest.fixture(autouse=True)
def nothing_leaks(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Check in every test that no log line of any level contains a secret or an address."""
    caplog.set_level(logging.DEBUG)
    yield
    lines = [record.getMessage() for record in caplog.records]
    assert not [line for line in lines for secret in (*SECRETS, "somebody") if secret in line]


# --- calls -------------------------------------------------------------------------------------------------


def test_a_call_has_token_and_account_headers(service: Service, client: Caller) -> None:
    service.on(QUERY, json_reply({"Audiences": [VIP], "PartialErrors": None}))
    (audience,) = client.list_audiences()
    assert (audience.id, audience.name) == ("12", "VIP")
    (request,) = service.calls(QUERY)
    assert request.json == {"Type": "CustomerList"}
    assert request.headers["Content-Type"] == "application/json"
    wanted = {
        "Authorization": "Bearer access-1",
        "DeveloperToken": "developer-secret",
        "CustomerId": "111",
        "CustomerAccountId": "222",
    }
    assert {name: request.headers.get(name) for name in wanted} == wanted


def test_one_client_signs_in_once(service: Service, account: Account, environment: Environment) -> None:
    service.on(QUERY, json_reply({"Audiences": [VIP]}))
    with Client(account, environment) as client:
        assert client.list_audiences() == [client.get_audience("12")]
    assert service.tokens_issued == 1


def test_the_accounts_of_the_user(service: Service, client: Caller) -> None:
    described = {"Id": "5", "Name": "Shop", "Number": "X5", "ParentCustomerId": "9"}
    service.on(USER, json_reply({"User": {"Id": "7", "UserName": "somebody"}}))
    service.on(SEARCH, json_reply({"Accounts": [None, described | {"AccountLifeCycleStatus": "Active"}]}))
    assert client.accounts() == [AccountInfo("5", "Shop", "X5", "Active", "9")]
    [request] = service.calls(SEARCH)
    assert request.json["Predicates"] == [{"Field": "UserId", "Operator": "Equals", "Value": "7"}]


def test_account_headers_are_left_out_before_an_account_is_chosen(
    service: Service, account: Account, environment: Environment
) -> None:
    credentials = Account.without_ids(
        client_id=account.client_id,
        client_secret=account.client_secret,
        refresh_token=account.refresh_token,
        developer_token=account.developer_token,
    )
    service.on(USER, json_reply({"User": {"Id": "7"}}))
    service.on(SEARCH, fault(105, "InvalidCredentials", 401))
    with Client(credentials, environment) as client, pytest.raises(ConfigurationError) as caught:
        client.accounts()
    assert str(caught.value).startswith("SearchAccounts: ")
    headers = {name.lower() for name in service.calls(SEARCH)[0].headers}
    assert "developertoken" in headers
    assert not headers & {"customerid", "customeraccountid"}


def test_an_expired_token_is_renewed_once(service: Service, client: Caller) -> None:
    service.on(QUERY, fault(109, "AuthenticationTokenExpired", 401), json_reply({"Audiences": []}))
    assert client.list_audiences() == []
    assert [request.headers["Authorization"] for request in service.calls(QUERY)] == [
        "Bearer access-1",
        "Bearer access-2",
    ]


@pytest.mark.parametrize("status", [401, 400, 500, 200])
def test_a_token_that_stays_refused_needs_a_user(service: Service, client: Caller, status: int) -> None:
    service.on(QUERY, fault(109, "AuthenticationTokenExpired", status))
    with pytest.raises(ConfigurationError, match="Sign in again"):
        client.list_audiences()
    assert len(service.calls(QUERY)) == 2


def test_rotated_refresh_tokens_are_stored(
    service: Service, account: Account, environment: Environment
) -> None:
    store = InMemoryTokenStore()
    service.on(QUERY, json_reply({}))
    with Client(account, environment, store=store) as client:
        client.list_audiences()
    assert store.refresh_token == "refresh-secret-1"


def test_errors_say_what_where_and_what_to_do(service: Service, client: Caller) -> None:
    service.on(UPLOAD_URL, fault(106, "UserIsNotAuthorized", 403))
    with pytest.raises(ConfigurationError) as caught:
        client.request_upload()
    message = str(caught.value)
    assert message == (
        "GetBulkUploadUrl for account 222: the user may not act on this account, UserIsNotAuthorized (106). "
        "Check the customer id and account id on the connection, and that this user may manage the account. "
        f"[TrackingId {TRACKING_ID}]"
    )


@pytest.mark.parametrize(
    "url",
    [
        "{base}/result-secret?sig=result-secret",
        "ftp://result-secret",
        "http://host:result-secret",
        "http://127.0.0.1:9/result-secret",
    ],
)
@pytest.mark.parametrize("operation", ["upload_file", "row_errors"])
def test_whole_tracebacks_keep_the_secrets(
    service: Service, client: Caller, tmp_path: Path, *, operation: str, url: str
) -> None:
    service.on(RESULT, fault(8004, "EmailMustBeHashed", 403))
    address = url.format(base=service.base_url)
    arguments = (UploadTicket("r", address), part(tmp_path)) if operation == "upload_file" else (address,)
    with pytest.raises((TerminalError, TransientError)) as caught:
        getattr(client, operation)(*arguments)
    shown = "".join(traceback.format_exception(caught.value))
    assert not [secret for secret in (*SECRETS, "somebody") if secret in shown]


@pytest.mark.parametrize(
    "hiccup", [Reply(503, b"busy"), Reply(502, b"<html>"), Reply(drop=True), fault(0, "InternalError", 500)]
)
def test_short_failures_are_retried(service: Service, client: Caller, hiccup: Reply) -> None:
    service.on(STATUS, hiccup, hiccup, json_reply({"RequestStatus": "InProgress", "PercentComplete": 7}))
    assert client.upload_status("r-1").percent == 7
    assert len(service.calls(STATUS)) == 3


def test_the_last_error_is_raised_after_the_budget(service: Service, client: Caller) -> None:
    service.on(STATUS, Reply(503, b"busy"))
    with pytest.raises(TransientError, match="503"):
        client.upload_status("r-1")
    assert len(service.calls(STATUS)) == 3


def test_a_long_throttle_leaves_with_its_wait(service: Service, client: Caller) -> None:
    error = {"Code": 4204, "ErrorCode": "BulkServiceNoMoreCallsPermittedForTheTimePeriod", "Details": None}
    service.on(
        UPLOAD_URL, json_reply({"Type": "ApiFaultDetail", "OperationErrors": [error], "BatchErrors": []}, 400)
    )
    with pytest.raises(TransientError) as caught:
        client.request_upload()
    assert caught.value.retry_after == 900
    assert len(service.calls(UPLOAD_URL)) == 1


def test_retry_after_of_a_proxy(service: Service, client: Caller) -> None:
    service.on(QUERY, Reply(429, b"slow down", {"Retry-After": "77"}))
    with pytest.raises(TransientError) as caught:
        client.list_audiences()
    assert caught.value.retry_after == 77


def test_a_fault_with_status_200_is_a_fault(service: Service, client: Caller) -> None:
    service.on(QUERY, fault(106, "UserIsNotAuthorized", 200))
    with pytest.raises(ConfigurationError, match=r"\(106\)"):
        client.list_audiences()


@pytest.mark.parametrize(
    "body",
    [b"<html>login</html>", b"[]", b"null", b'{"Audiences": [{"Name": "somebody"}]}', b'{"Audiences": 7}'],
)
def test_answers_with_a_wrong_shape(service: Service, client: Caller, body: bytes) -> None:
    service.on(QUERY, Reply(200, body))
    with pytest.raises(TerminalError, match="documented shape") as caught:
        client.list_audiences()
    assert "somebody" not in str(caught.value)


@pytest.mark.faults
@pytest.mark.parametrize("body", [b"", b"{", b'{"Audiences": [{"Id": "7", "Na'])
def test_a_truncated_answer_is_requested_again(service: Service, client: Caller, body: bytes) -> None:
    """A gateway has truncated the answer and reports it as complete."""
    service.on(QUERY, Reply(200, body), json_reply({"Audiences": []}))
    assert client.list_audiences() == []
    assert len(service.calls(QUERY)) == 2


@pytest.mark.faults
def test_a_truncated_answer_to_create_may_mean_that_it_was_done(service: Service, client: Caller) -> None:
    service.on(AUDIENCES, Reply(200, b'{"AudienceIds": ['))
    with pytest.raises(OutcomeUnknown, match="truncated"):
        client.create_audience("Gold", description="")
    assert len(service.calls(AUDIENCES)) == 1


def test_a_silent_service_times_out(
    service: Service, client: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "TIMEOUT", httpx.Timeout(0.1))
    service.on(STATUS, Reply(delay=20))
    with pytest.raises(TransientError, match="ReadTimeout"):
        client.upload_status("r-1")


def test_an_unreachable_service_is_a_transient_error(account: Account, impatient: RetryPolicy) -> None:
    with (
        Client(account, Environment.at("http://127.0.0.1:9"), retries=impatient) as client,
        pytest.raises(TransientError, match="no connection"),
    ):
        client.list_audiences()


# --- audiences ---------------------------------------------------------------------------------------------


def test_a_new_audience_is_sent_with_its_owner_and_duration(service: Service, client: Caller) -> None:
    service.on(AUDIENCES, json_reply({"AudienceIds": ["900"], "PartialErrors": []}))
    assert client.create_audience("VIP", description="d", scope="Account", membership_duration=90) == "900"
    (request,) = service.calls(AUDIENCES)
    assert request.method == "POST"
    (audience,) = request.json["Audiences"]
    assert (audience["Name"], audience["ParentId"], audience["MembershipDuration"]) == ("VIP", "222", 90)


def test_create_a_taken_name(service: Service, client: Caller) -> None:
    error = {"Code": 4853, "ErrorCode": "DuplicateAudienceName", "Index": 0, "Message": "VIP"}
    service.on(AUDIENCES, json_reply({"AudienceIds": [None], "PartialErrors": [error]}))
    with pytest.raises(ConfigurationError, match="4853") as caught:
        client.create_audience("VIP", description="")
    assert caught.value.codes == (4853,)  # type: ignore[attr-defined]  # of the service's own subclass


@pytest.mark.parametrize(
    "lost",
    [
        Reply(drop=True),
        Reply(502, b"<html>"),
        fault(0, "InternalError", 500),
        Reply(200, b"<html>"),
        Reply(200, b"{}"),
        Reply(200, b'{"AudienceIds"', cut_off=10),
    ],
    ids=["dropped", "gateway", "internal", "no-json", "no-id", "cut-off"],
)
def test_a_lost_answer_to_create_is_reported_and_never_repeated(
    service: Service, client: Caller, lost: Reply
) -> None:
    service.on(AUDIENCES, lost)
    with pytest.raises(OutcomeUnknown, match="AddAudiences"):
        client.create_audience("VIP", description="")
    assert len(service.calls(AUDIENCES)) == 1


def test_create_is_repeated_if_the_call_was_refused(service: Service, client: Caller) -> None:
    service.on(AUDIENCES, Reply(429, b""), json_reply({"AudienceIds": ["900"]}))
    assert client.create_audience("VIP", description="") == "900"


def test_create_that_was_never_sent_is_known_to_be_undone(
    account: Account, environment: Environment, impatient: RetryPolicy
) -> None:
    elsewhere = environment.model_copy(update={"campaign_url": "http://127.0.0.1:9"})
    with (
        Client(account, elsewhere, retries=impatient) as client,
        pytest.raises(TransientError, match="no connection") as caught,
    ):
        client.create_audience("VIP", description="")
    assert not isinstance(caught.value, OutcomeUnknown)


def test_create_is_repeated_if_signing_in_failed(service: Service, client: Caller) -> None:
    good = json_reply({"access_token": "access-ok", "expires_in": 3600})
    service.token_reply = lambda n: Reply(500, b"") if n == 1 else good
    service.on(AUDIENCES, json_reply({"AudienceIds": ["900"]}))
    assert client.create_audience("VIP", description="") == "900"


NO_SUCH_AUDIENCE = json_reply(
    {"Audiences": [None], "PartialErrors": [{"Code": 4835, "ErrorCode": "InvalidAudienceId", "Index": 0}]}
)


def test_an_audience_that_is_not_there(service: Service, client: Caller) -> None:
    service.on(QUERY, NO_SUCH_AUDIENCE, fault(4835, "InvalidAudienceId"))
    assert client.get_audience("12") is None
    assert client.get_audience("12") is None


def test_deleting_is_repeated_until_the_audience_is_gone(service: Service, client: Caller) -> None:
    service.on(AUDIENCES, Reply(drop=True), NO_SUCH_AUDIENCE)
    client.delete_audience("12")
    first, second = service.calls(AUDIENCES)
    assert (first.method, first.json) == (second.method, second.json) == ("DELETE", {"AudienceIds": ["12"]})


def test_delete_what_is_in_use(service: Service, client: Caller) -> None:
    error = {"Code": 4854, "ErrorCode": "AudienceCannotBeDeletedDueToExistingAdGroupCriterion", "Index": 0}
    service.on(AUDIENCES, json_reply({"PartialErrors": [error]}))
    with pytest.raises(ConfigurationError, match="campaigns"):
        client.delete_audience("12")


# --- members by calls --------------------------------------------------------------------------------------

DIGESTS = np.arange(96, dtype=np.uint8).reshape(3, 32)
HEX = [digest.tobytes().hex() for digest in DIGESTS]


def partial(index: object, code: int, name: str = "", **more: object) -> dict[str, object]:
    """One of the answer's PartialErrors; its message repeats an address, as a real message might."""
    return {"Index": index, "Code": code, "ErrorCode": name, "Message": "Bad somebody@example.com", **more}


@pytest.fixture(autouse=True)
def no_digest_leaks(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert not [digest for digest in HEX if digest in caplog.text]


def test_members_are_sent_with_a_call(service: Service, client: Caller) -> None:
    service.on(APPLY, json_reply({"PartialErrors": []}))
    assert client.apply_members("900", Action.ADD, DIGESTS) == []
    assert client.apply_members("900", Action.REMOVE, DIGESTS[1:2], accept_terms=True) == []
    first, second = (request.json for request in service.calls(APPLY))
    assert first == {
        "CustomerListUserData": {
            "ActionType": "Add",
            "AudienceId": "900",
            "CustomerListItemSubType": "Email",
            "CustomerListItems": HEX,
        }
    }
    assert second == {
        "CustomerListUserData": {
            "AcceptCustomerMatchTerm": True,
            "ActionType": "Remove",
            "AudienceId": "900",
            "CustomerListItemSubType": "Email",
            "CustomerListItems": HEX[1:2],
        }
    }


@pytest.mark.parametrize("nobody", [None, [], [None]])
def test_no_member_was_refused(service: Service, client: Caller, nobody: object) -> None:
    service.on(APPLY, json_reply({"PartialErrors": nobody, "TrackingId": "x"}))
    assert client.apply_members("900", Action.ADD, DIGESTS) == []


def test_refused_members_are_returned_by_their_position(service: Service, client: Caller) -> None:
    errors = [
        partial(2, 8004, "EmailMustBeHashed"),
        None,
        partial("0", 8006, "not fit for messages: somebody@example.com"),
        partial(2, 8005),
    ]
    service.on(APPLY, json_reply({"PartialErrors": errors}))
    assert client.apply_members("900", Action.ADD, DIGESTS) == [
        ItemError(2, 8004, "EmailMustBeHashed"),
        ItemError(0, 8006, ""),
        ItemError(2, 8005, ""),
    ]


UNCLEAR: dict[str, Any] = {
    "no JSON": Reply(200, b"<html>logged in!</html>"),
    "no object": json_reply([]),
    "an empty object": json_reply({}),
    "another answer": json_reply({"Audiences": []}),
    "errors that are no list": json_reply({"PartialErrors": {"BatchError": []}}),
    "errors that are a text": json_reply({"PartialErrors": "none"}),
    "an error that is a text": json_reply({"PartialErrors": ["none"]}),
    "no index": json_reply({"PartialErrors": [{"Code": 8004}]}),
    "an index that is null": json_reply({"PartialErrors": [partial(None, 8004)]}),
    "an index below the members": json_reply({"PartialErrors": [partial(-1, 8004)]}),
    "an index beyond the members": json_reply({"PartialErrors": [partial(3, 8004)]}),
    "an index that is no number": json_reply({"PartialErrors": [partial("first", 8004)]}),
    "no code": json_reply({"PartialErrors": [{"Index": 0}]}),
    "a code that is no number": json_reply({"PartialErrors": [partial(0, 0, Code="bad")]}),
}


CUT_OFF = {
    "half of the JSON": Reply(200, b'{"PartialErrors": [{"Code": 80'),
    "nothing at all": Reply(200, b""),
}


@pytest.mark.parametrize("answer", CUT_OFF)
def test_an_interrupted_answer_is_requested_again(service: Service, client: Caller, answer: str) -> None:
    service.on(APPLY, CUT_OFF[answer], json_reply({"PartialErrors": []}))
    assert client.apply_members("900", Action.ADD, DIGESTS) == []
    assert len(service.calls(APPLY)) == 2


@pytest.mark.parametrize("answer", CUT_OFF)
def test_answers_that_are_always_truncated_are_not_a_success(
    service: Service, client: Caller, answer: str
) -> None:
    service.on(APPLY, CUT_OFF[answer])
    with pytest.raises(ServiceTransientError, match="truncated"):
        client.apply_members("900", Action.ADD, DIGESTS)


@pytest.mark.parametrize("answer", UNCLEAR)
def test_an_unreadable_answer_is_not_a_success(service: Service, client: Caller, answer: str) -> None:
    service.on(APPLY, UNCLEAR[answer])
    with pytest.raises(OutcomeUnknown, match=r"ApplyCustomerListUserData for account 222.*shape"):
        client.apply_members("900", Action.ADD, DIGESTS)
    assert len(service.calls(APPLY)) == 1, "what is not understood once will not be the second time"


@pytest.mark.parametrize(
    ("code", "family", "words"),
    [
        (4835, ConfigurationError, "no audience has this id"),
        (8000, ConfigurationError, "list does not exist"),
        (8003, ConfigurationError, "terms"),
        (8001, TerminalError, "action type"),
        (6999, TerminalError, "too many items"),
        (204, TerminalError, "not supported"),
        (98765, ServiceTransientError, "does not know"),
        (1008, ConfigurationError, "status does not allow"),
        (1010, ServiceTransientError, "accepts no changes"),
        (1011, ServiceTransientError, "internal error"),
        (833, ServiceTransientError, "not available in time"),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_errors_without_a_member_concern_the_call(
    service: Service, client: Caller, *, code: int, family: type[Exception], words: str, whole: bool
) -> None:
    errors = {"PartialErrors": [partial(0, 8004), partial(1, code)]}
    service.on(APPLY, fault(code, "") if whole else json_reply(errors))
    with pytest.raises(family, match=f"ApplyCustomerListUserData for account 222: .*{words}") as caught:
        client.apply_members("900", Action.ADD, DIGESTS)
    assert code in caught.value.codes  # type: ignore[attr-defined]  # of the service's errors
    assert "somebody" not in str(caught.value)


@pytest.mark.parametrize("code", [8002, 8004, 8005, 8006])
def test_a_call_that_is_refused_as_a_whole_is_no_success(service: Service, client: Caller, code: int) -> None:
    """As a fault, even these codes mean that nothing was done."""
    service.on(APPLY, fault(code, ""))
    with pytest.raises(TerminalError, match=str(code)):
        client.apply_members("900", Action.ADD, DIGESTS)


@pytest.mark.parametrize(
    "hiccup", [Reply(drop=True), Reply(503, b""), fault(0, "InternalError"), Reply(cut_off=9)]
)
def test_lost_answers_are_requested_again(service: Service, client: Caller, hiccup: Reply) -> None:
    """The call is idempotent, because members are a set."""
    service.on(APPLY, hiccup, json_reply({"PartialErrors": [partial(1, 8004)]}))
    assert client.apply_members("900", Action.ADD, DIGESTS) == [ItemError(1, 8004, "")]
    assert [
        request.json["CustomerListUserData"]["CustomerListItems"] for request in service.calls(APPLY)
    ] == [
        HEX,
        HEX,
    ]


def test_a_passing_error_of_one_member_repeats_the_call(service: Service, client: Caller) -> None:
    service.on(APPLY, json_reply({"PartialErrors": [partial(1, 0)]}), json_reply({"PartialErrors": None}))
    assert client.apply_members("900", Action.ADD, DIGESTS) == []


def test_too_many_calls_lead_to_a_wait(service: Service, account: Account, environment: Environment) -> None:
    """117 asks for a minute, which exceeds this budget: the error is raised with its wait."""
    service.on(APPLY, fault(117, "CallRateExceeded"))
    with (
        Client(account, environment, retries=RetryPolicy(budget=30)) as client,
        pytest.raises(TransientError) as caught,
    ):
        client.apply_members("900", Action.ADD, DIGESTS)
    assert caught.value.retry_after == 60
    assert not isinstance(caught.value, OutcomeUnknown)


@pytest.mark.parametrize("count", [0, 1001])
def test_calls_hold_one_to_a_thousand_members(service: Service, client: Caller, count: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 1000 members, not {count}"):
        client.apply_members("900", Action.ADD, np.zeros((count, 32), dtype=np.uint8))
    service.on(APPLY, json_reply({"PartialErrors": []}))
    assert client.apply_members("900", Action.ADD, np.zeros((1000, 32), dtype=np.uint8)) == []


def test_one_client_serves_many_threads(service: Service, account: Account, environment: Environment) -> None:
    service.on(APPLY, json_reply({"PartialErrors": []}))
    with Client(account, environment) as client, ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(client.apply_members, "900", Action.ADD, DIGESTS) for _ in range(40)]
        assert [call.result() for call in calls] == [[]] * 40
    assert len(service.calls(APPLY)) == 40
    assert service.tokens_issued == 1


def test_whoami_names_the_user_and_the_account(service: Service, client: Caller) -> None:
    service.on(
        USER, json_reply({"User": {"Id": "5", "UserName": "somebody@example.com"}, "CustomerRoles": []})
    )
    service.on(ACCOUNT, json_reply({"Account": {"Id": "222", "Name": "Contoso", "Number": "F1"}}))
    identity = client.whoami()
    assert (identity.user_id, identity.user_name) == ("5", "somebody@example.com")
    assert [account.name for account in identity.accounts] == ["Contoso"]
    assert "somebody" not in repr(identity)
    assert service.calls(USER)[0].json == {"UserId": None}
    assert service.calls(ACCOUNT)[0].json == {"AccountId": "222"}


# --- uploads -----------------------------------------------------------------------------------------------


def part(folder: Path, size: int = 100_000) -> Path:
    path = folder / "part.zip"
    path.write_bytes(bytes(range(256)) * (size // 256))
    return path


def ticket(service: Service) -> UploadTicket:
    return UploadTicket("r-1", f"{service.base_url}{UPLOAD}?sig=upload-secret")


RECEIVED = json_reply({"TrackingId": TRACKING_ID, "RequestId": "r-1"})


def refused_file(code: int, name: str, status: int = 400) -> Reply:
    """The flat answer of the file upload."""
    return json_reply({"TrackingId": TRACKING_ID, "RequestId": "r", "Code": code, "ErrorCode": name}, status)


def test_request_and_upload(service: Service, client: Caller, tmp_path: Path) -> None:
    url = f"{service.base_url}{UPLOAD}?sig=upload-secret"
    service.on(UPLOAD_URL, json_reply({"RequestId": "r-1", "UploadUrl": url}))
    service.on(UPLOAD, RECEIVED)
    path = part(tmp_path)
    client.upload_file(client.request_upload(), path)
    (request,) = service.calls(UPLOAD)
    wanted = {
        "AuthenticationToken": "access-2",
        "DeveloperToken": "developer-secret",
        "CustomerId": "111",
        "CustomerAccountId": "222",
        "AccountId": "222",
        "Authorization": None,
    }
    assert {name: request.headers.get(name) for name in wanted} == wanted
    boundary = request.headers["Content-Type"].partition("boundary=")[2]
    assert request.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    head, _, rest = request.body.partition(b"\r\n\r\n")
    assert b'Content-Disposition: form-data; name="file"; filename="upload.zip"' in head
    assert rest == path.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    assert request.body.count(f"--{boundary}".encode()) == 2, "exactly one part"


def test_a_refused_token_is_renewed_and_the_whole_file_sent_again(
    service: Service, client: Caller, tmp_path: Path
) -> None:
    service.on(UPLOAD, Reply(401, b""), RECEIVED)
    path = part(tmp_path)
    client.upload_file(ticket(service), path)
    first, second = service.calls(UPLOAD)
    assert (first.headers["AuthenticationToken"], second.headers["AuthenticationToken"]) == (
        "access-1",
        "access-2",
    )
    assert path.read_bytes() in second.body


def test_a_refusal_before_the_file_was_read(service: Service, client: Caller, tmp_path: Path) -> None:
    service.on(UPLOAD, Reply(401, b"", read_body=False), RECEIVED)
    path = part(tmp_path, 3_000_000)
    client.upload_file(ticket(service), path)
    assert path.read_bytes() in service.calls(UPLOAD)[-1].body


def test_the_status_shows_the_outcome_after_a_lost_answer(
    service: Service, client: Caller, tmp_path: Path
) -> None:
    service.on(UPLOAD, Reply(drop=True), refused_file(3224, "BulkServiceUrlAlreadyUsedForUpload"))
    client.upload_file(ticket(service), part(tmp_path))
    assert len(service.calls(UPLOAD)) == 2


@pytest.mark.parametrize(
    ("code", "name", "family"),
    [
        (3220, "BulkServiceInvalidBulkUploadUrl", UploadUrlExpired),
        (3226, "BulkServiceUrlExpired", UploadUrlExpired),
        (3223, "BulkServiceInvalidFileExtension", TerminalError),
        (3225, "BulkServiceFileRowCountExceeded", ConfigurationError),
        (3227, "BulkServiceTooManyRequests", TransientError),
    ],
)
def test_refused_files_raise_their_family_at_once(
    service: Service, client: Caller, tmp_path: Path, *, code: int, name: str, family: type[Exception]
) -> None:
    service.on(UPLOAD, refused_file(code, name))
    with pytest.raises(family, match=rf"{name} \({code}\)"):
        client.upload_file(ticket(service), part(tmp_path))
    assert len(service.calls(UPLOAD)) == 1


def test_a_file_without_an_answer_times_out(
    service: Service, client: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "UPLOAD_TIMEOUT", httpx.Timeout(0.1))
    service.on(UPLOAD, Reply(delay=20))
    with pytest.raises(TransientError, match=r"sending the upload file .*Timeout"):
        client.upload_file(ticket(service), part(tmp_path))


def test_large_files_stay_here(client: Caller, service: Service, tmp_path: Path) -> None:
    path = tmp_path / "part.zip"
    with path.open("wb") as file:
        file.truncate(100_000_001)
    with pytest.raises(TerminalError, match=r"part.zip has 100000001 bytes"):
        client.upload_file(ticket(service), path)


def test_tokens_are_never_sent_unencrypted_to_a_real_service(
    account: Account, impatient: RetryPolicy, tmp_path: Path, service: Service
) -> None:
    with (
        Client(account, Environment.named("production"), retries=impatient) as client,
        pytest.raises(TerminalError, match="not a host of the environment production"),
    ):
        client.upload_file(ticket(service), part(tmp_path))
    assert service.seen == []


# --- status and results ------------------------------------------------------------------------------------


def test_an_upload_s_status_hides_its_result_url(service: Service, client: Caller) -> None:
    service.on(
        STATUS,
        json_reply(
            {
                "Errors": None,
                "ForwardCompatibilityMap": None,
                "PercentComplete": 100,
                "RequestStatus": "CompletedWithErrors",
                "ResultFileUrl": f"{service.base_url}{RESULT}?sig=result-secret",
            }
        ),
    )
    status = client.upload_status("r-1")
    assert (status.state, status.percent) == (UploadState.COMPLETED_WITH_ERRORS, 100)
    assert service.calls(STATUS)[0].json == {"RequestId": "r-1"}
    assert "result-secret" not in repr(status)


def test_polling_is_quiet(service: Service, client: Caller, caplog: pytest.LogCaptureFixture) -> None:
    service.on(STATUS, json_reply({"RequestStatus": "InProgress", "PercentComplete": 7}))
    client.upload_status("r-1")
    ours = [
        record
        for record in caplog.records
        if record.name.split(".")[0] in {"microsoft_advertising", "httpx", "httpcore"}
    ]
    assert [record for record in ours if record.levelno >= logging.INFO] == []
    assert any(record.name.startswith("microsoft_advertising.") for record in ours), "one line at DEBUG"


RESULTS = results_zip(
    "Type,Text,Client Id,Error,Error Number\n"
    + "".join(
        f"Customer List Item,somebody,{number:06d},,\n"
        f"Customer List Item Error,somebody,{number:06d},EmailMustBeHashed,8004\n"
        for number in range(2500)
    )
)


def test_row_errors_are_fetched_again_after_a_broken_download(service: Service, client: Caller) -> None:
    service.on(RESULT, Reply(503, b""), Reply(200, RESULTS, cut_off=5), Reply(200, RESULTS))
    rows = client.row_errors(f"{service.base_url}{RESULT}?sig=result-secret")
    assert rows == [
        RowError("Customer List Item", f"{number:06d}", 8004, "EmailMustBeHashed") for number in range(2500)
    ]
    requests = service.calls(RESULT)
    assert len(requests) == 3
    assert {"Authorization", "AuthenticationToken", "DeveloperToken"}.isdisjoint(requests[-1].headers)


@pytest.mark.parametrize("status", [403, 404, 410])
def test_expired_results_ask_for_a_new_status(service: Service, client: Caller, status: int) -> None:
    service.on(RESULT, Reply(status, b"<Error/>"))
    with pytest.raises(ResultsExpired, match="status, which returns a new one"):
        client.row_errors(f"{service.base_url}{RESULT}")
    assert len(service.calls(RESULT)) == 1


def test_endless_results_stop(service: Service, client: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_RESULT_ZIP_BYTES", 1000)
    service.on(RESULT, Reply(200, RESULTS))
    with pytest.raises(TerminalError, match="more than 1000 bytes"):
        client.row_errors(f"{service.base_url}{RESULT}")


def test_damaged_results_are_a_transient_error(service: Service, client: Caller) -> None:
    service.on(RESULT, Reply(200, RESULTS[: len(RESULTS) // 2]))
    with pytest.raises(TransientError, match="damaged"):
        client.row_errors(f"{service.base_url}{RESULT}")
