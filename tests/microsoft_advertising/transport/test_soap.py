"""The SOAP transport over real sockets, against scripted envelopes."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Iterator

import pytest

from customer_match.errors import ConfigurationError, TerminalError, TransientError
from microsoft_advertising.account import Account
from microsoft_advertising.async_client import AsyncClient
from microsoft_advertising.environment import Environment
from microsoft_advertising.faults import OutcomeUnknown
from microsoft_advertising.models import UploadStatus
from microsoft_advertising.retrying import RetryPolicy
from microsoft_advertising.transport import sdk, soap_xml
from microsoft_advertising.transport.choice import TransportName
from tests.microsoft_advertising.conftest import SECRETS, Reply, Service
from tests.microsoft_advertising.test_client import Caller
from tests.microsoft_advertising.transport.test_soap_xml import NIL, answer, error
from tests.microsoft_advertising.transport.test_soap_xml import fault as fault_envelope

BULK = "/Api/Advertiser/CampaignManagement/v13/BulkService.svc"
CAMPAIGN = "/Api/Advertiser/CampaignManagement/v13/CampaignManagementService.svc"
CUSTOMER = "/Api/CustomerManagement/v13/CustomerManagementService.svc"


@pytest.fixture(params=[pytest.param("by the SDK", marks=pytest.mark.slow), "by ourselves"])
def client(
    request: pytest.FixtureRequest,
    account: Account,
    environment: Environment,
    impatient: RetryPolicy,
    monkeypatch: pytest.MonkeyPatch,
) -> Caller:
    """Requests are composed by the SDK, which takes seconds to load, or as in the triggerer."""
    if request.param == "by ourselves":
        monkeypatch.setattr(sdk, "compose", soap_xml.compose)
    return Caller(account, environment, retries=impatient, transport=TransportName.SOAP)


def ask(account: Account, environment: Environment, retries: RetryPolicy) -> UploadStatus:
    """Request the status of an upload in an event loop."""

    async def asked() -> UploadStatus:
        async with AsyncClient(account, environment, retries=retries, transport=TransportName.SOAP) as client:
            return await client.upload_status("r-1")

    return asyncio.run(asked())


@pytest.fixture(autouse=True)
def nothing_leaks(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Check in every test that no log line of any library contains a secret or an address."""
    caplog.set_level(logging.DEBUG)
    yield
    lines = [record.getMessage() for record in caplog.records]
    assert not [line for line in lines for secret in (*SECRETS, "somebody") if secret in line]


def ad_api_fault(code: int, name: str, status: int = 500) -> Reply:
    return Reply(
        status,
        fault_envelope(
            '<AdApiFaultDetail xmlns="https://adapi.microsoft.com"><TrackingId>77-f</TrackingId>'
            f"<Errors>{error('AdApiError', code, name)}</Errors></AdApiFaultDetail>"
        ),
    )


def status_answer(state: str = "InProgress", percent: int = 7) -> Reply:
    inner = (
        f"<Errors {NIL}/><PercentComplete>{percent}</PercentComplete><RequestStatus>{state}</RequestStatus>"
    )
    return Reply(200, answer("GetBulkUploadStatus", f"{inner}<ResultFileUrl {NIL}/>"))


AUDIENCES = Reply(200, answer("GetAudiencesByIds", f"<Audiences {NIL}/><PartialErrors {NIL}/>"))
CREATED = Reply(200, answer("AddAudiences", "<AudienceIds><long>900</long></AudienceIds><PartialErrors/>"))


def test_a_call_has_token_and_account_headers(service: Service, client: Caller) -> None:
    service.on(CAMPAIGN, AUDIENCES)
    assert client.list_audiences() == []
    (request,) = service.calls(CAMPAIGN)
    assert request.method == "POST"
    assert request.headers["SOAPAction"] == '"GetAudiencesByIds"'
    assert request.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert "Authorization" not in request.headers
    for value in (b">access-1<", b">developer-secret<", b">111<", b">222<"):
        assert request.body.count(value) == 1


def test_an_expired_token_is_renewed_once(service: Service, client: Caller) -> None:
    service.on(CAMPAIGN, ad_api_fault(109, "AuthenticationTokenExpired"), AUDIENCES)
    assert client.list_audiences() == []
    first, second = service.calls(CAMPAIGN)
    assert b">access-1<" in first.body
    assert first.body.replace(b">access-1<", b">access-2<") == second.body


@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_a_token_that_stays_refused_needs_a_user(service: Service, client: Caller, status: int) -> None:
    """SOAP faults came with HTTP 200, too (observed)."""
    service.on(CAMPAIGN, ad_api_fault(109, "AuthenticationTokenExpired", status))
    with pytest.raises(ConfigurationError, match=r"Sign in again.*\[TrackingId 77-f\]"):
        client.list_audiences()
    assert len(service.calls(CAMPAIGN)) == 2


HICCUPS = [
    Reply(503, b"busy"),
    Reply(502, b"<html>"),
    Reply(500, b""),
    Reply(drop=True),
    Reply(200, status_answer().body, cut_off=10),
    ad_api_fault(0, "InternalError"),
    Reply(500, fault_envelope("", "s:Server")),
    Reply(200, fault_envelope("", "a:InternalServiceFault")),
]


@pytest.mark.parametrize("hiccup", HICCUPS)
def test_short_failures_are_retried(service: Service, client: Caller, hiccup: Reply) -> None:
    service.on(BULK, hiccup, hiccup, status_answer())
    assert client.upload_status("r-1").percent == 7
    assert len(service.calls(BULK)) == 3


@pytest.mark.parametrize("hiccup", HICCUPS)
def test_short_failures_are_retried_in_an_event_loop(
    service: Service, account: Account, environment: Environment, impatient: RetryPolicy, *, hiccup: Reply
) -> None:
    service.on(BULK, hiccup, hiccup, status_answer())
    assert ask(account, environment, impatient).percent == 7
    assert len(service.calls(BULK)) == 3


def test_an_expired_token_is_renewed_once_in_an_event_loop(
    service: Service, account: Account, environment: Environment, impatient: RetryPolicy
) -> None:
    service.on(BULK, ad_api_fault(109, "AuthenticationTokenExpired"), status_answer())
    assert ask(account, environment, impatient).percent == 7
    first, second = service.calls(BULK)
    assert b">access-1<" in first.body
    assert first.body.replace(b">access-1<", b">access-2<") == second.body


@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_a_token_that_stays_refused_in_an_event_loop_needs_a_user(
    service: Service, account: Account, environment: Environment, impatient: RetryPolicy, *, status: int
) -> None:
    service.on(BULK, ad_api_fault(109, "AuthenticationTokenExpired", status))
    with pytest.raises(ConfigurationError, match=r"Sign in again.*\[TrackingId 77-f\]"):
        ask(account, environment, impatient)
    assert len(service.calls(BULK)) == 2


def test_a_long_throttle_leaves_with_its_wait(service: Service, client: Caller) -> None:
    detail = (
        '<ApiFaultDetail xmlns="https://bingads.microsoft.com/CampaignManagement/v13"><BatchErrors/>'
        f"<OperationErrors>{error('OperationError', 4204, 'Busy')}</OperationErrors></ApiFaultDetail>"
    )
    service.on(BULK, Reply(500, fault_envelope(detail)))
    with pytest.raises(TransientError) as caught:
        client.request_upload()
    assert caught.value.retry_after == 900
    assert len(service.calls(BULK)) == 1


def test_retry_after_of_a_proxy(service: Service, client: Caller) -> None:
    service.on(CAMPAIGN, Reply(429, b"slow down", {"Retry-After": "77"}))
    with pytest.raises(TransientError) as caught:
        client.list_audiences()
    assert caught.value.retry_after == 77


@pytest.mark.parametrize("code", ["s:Client", "a:ActionNotSupported", "a:DeserializationFailed"])
@pytest.mark.parametrize("status", [200, 500])
def test_a_request_that_the_service_does_not_understand(
    service: Service, client: Caller, code: str, status: int
) -> None:
    """One call only: such a fault has no code of the service, and its HTTP status has no meaning."""
    service.on(CAMPAIGN, Reply(status, fault_envelope("", code)))
    with pytest.raises(TerminalError, match="HTTP status 400"):
        client.list_audiences()
    assert len(service.calls(CAMPAIGN)) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"<html>login</html>",
        b"{}",
        b"",
        answer("GetAudiencesByIds", "<Audiences><Audience><Name>somebody</Name></Audience></Audiences>"),
        answer("GetAudiencesByIds", "<Audiences><Audience><Id>somebody</Id></Audience></Audiences>"),
        answer("GetUser", ""),
    ],
)
def test_answers_with_a_wrong_shape(service: Service, client: Caller, body: bytes) -> None:
    service.on(CAMPAIGN, Reply(200, body))
    with pytest.raises(TerminalError, match="documented shape") as caught:
        client.list_audiences()
    shown = "".join(traceback.format_exception(caught.value))
    assert "somebody" not in shown


@pytest.mark.parametrize(
    "lost",
    [
        Reply(drop=True),
        Reply(502, b"<html>"),
        ad_api_fault(0, "InternalError"),
        Reply(200, b"<html>"),
        Reply(200, answer("AddAudiences", "<PartialErrors/>")),
        Reply(200, answer("AddAudiences", f"<AudienceIds><long {NIL}/></AudienceIds>")),
        Reply(200, CREATED.body[:-30], cut_off=30),
    ],
    ids=["dropped", "gateway", "internal", "no-soap", "no-id", "nil-id", "cut-off"],
)
def test_a_lost_answer_to_create_is_reported_and_never_repeated(
    service: Service, client: Caller, lost: Reply
) -> None:
    service.on(CAMPAIGN, lost)
    with pytest.raises(OutcomeUnknown, match="AddAudiences"):
        client.create_audience("VIP", description="")
    assert len(service.calls(CAMPAIGN)) == 1


def test_create_is_repeated_if_the_call_was_refused(service: Service, client: Caller) -> None:
    service.on(CAMPAIGN, Reply(429, b""), CREATED)
    assert client.create_audience("VIP", description="") == "900"


def test_an_error_beside_a_null_id(service: Service, client: Caller) -> None:
    inner = f"<AudienceIds><long {NIL}/></AudienceIds><PartialErrors>{error('BatchError', 4853, 'Duplicate')}"
    service.on(CAMPAIGN, Reply(200, answer("AddAudiences", f"{inner}</PartialErrors>")))
    with pytest.raises(ConfigurationError, match="4853"):
        client.create_audience("VIP", description="")


def test_who_am_i(service: Service, client: Caller) -> None:
    entities = 'xmlns:e="https://bingads.microsoft.com/Customer/v13/Entities"'
    customer = "https://bingads.microsoft.com/Customer/v13"

    def reply(name: str, inner: str) -> Reply:
        return Reply(200, answer(name, inner).replace(b"CampaignManagement/v13", b"Customer/v13"))

    service.on(
        CUSTOMER,
        reply("GetUser", f"<User {entities}><e:Id>5</e:Id><e:UserName>u</e:UserName></User><CustomerRoles/>"),
        reply("GetAccount", f"<Account {entities}><e:Id>222</e:Id><e:Name>Shop</e:Name></Account>"),
    )
    identity = client.whoami()
    assert (identity.user_id, identity.user_name) == ("5", "u")
    assert [(account.id, account.name) for account in identity.accounts] == [("222", "Shop")]
    user, _ = service.calls(CUSTOMER)
    assert customer.encode() in user.body
    assert b"developer-secret" in user.body
    assert b"CustomerAccountId" not in user.body, "Customer Management knows no such header"


def test_a_fault_that_repeats_what_was_sent_stays_out_of_tracebacks(service: Service, client: Caller) -> None:
    service.on(CAMPAIGN, ad_api_fault(106, "UserIsNotAuthorized"))
    with pytest.raises(ConfigurationError) as caught:
        client.list_audiences()
    shown = "".join(traceback.format_exception(caught.value))
    assert not [secret for secret in (*SECRETS, "somebody") if secret in shown]


def test_an_unreachable_service_is_a_transient_error(account: Account, impatient: RetryPolicy) -> None:
    nowhere = Environment.at("http://127.0.0.1:9")
    with pytest.raises(TransientError, match="no connection"):
        Caller(account, nowhere, retries=impatient, transport=TransportName.SOAP).list_audiences()
    with pytest.raises(TransientError, match="no connection"):
        ask(account, nowhere, impatient)
