"""One contract for all transports and routes: {REST, SOAP} × {Bulk, Apply}, and the triggerer's call with both.

Each test is one body with one expectation; which transport and which route it runs over it does not know. The
service is the simulator as a process of its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import logging
import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from customer_match.errors import ConfigurationError, TerminalError, TransientError
from microsoft_advertising.account import Account
from microsoft_advertising.async_client import AsyncClient
from microsoft_advertising.auth import tokens
from microsoft_advertising.bulk.file import Action, index_of, write_bulk_file
from microsoft_advertising.client import Client
from microsoft_advertising.environment import Environment
from microsoft_advertising.error_codes import ERRORS, Reaction
from microsoft_advertising.faults import (
    Origin,
    OutcomeUnknown,
    ResultsExpired,
    ServiceError,
    UploadUrlExpired,
    error_of,
)
from microsoft_advertising.limits import CUSTOMER_LIST_FEATURE
from microsoft_advertising.models import Audience, UploadState
from microsoft_advertising.retrying import RetryPolicy
from microsoft_advertising.transport.choice import TransportName
from tests.microsoft_advertising_simulator.api import Api, Simulator

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

Digests = Any

CREDENTIALS = ("client_id", "client_secret", "refresh_token", "developer_token", "customer_id", "account_id")
SECRETS = ("client_secret", "refresh_token", "developer_token")


# --- clients -----------------------------------------------------------------------------------------------


IMPATIENT = RetryPolicy(attempts=3, first_wait=0.001, longest_wait=0.002)


def account_at(api: Api) -> tuple[Account, Environment]:
    account = Account.model_validate({name: api.ready[name] for name in CREDENTIALS})
    return account, Environment.at(api.ready["base_url"])


class Speaker:
    """An open client whose operations are called by name. It does not wait between tries."""

    def __init__(self, transport: TransportName, api: Api) -> None:
        self.account_id = api.ready["account_id"]
        self._client: Any = Client(*account_at(api), transport=transport, retries=IMPATIENT)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            result = getattr(self._client, name)(*args, **kwargs)
            return list(result) if inspect.isgenerator(result) else result

        return call

    def __enter__(self) -> Speaker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Poller:
    """An open client of the triggerer, in its own event loop."""

    def __init__(self, transport: TransportName, api: Api) -> None:
        self.account_id = api.ready["account_id"]
        self._runner = asyncio.Runner()
        self._client: Any = AsyncClient(*account_at(api), transport=transport, retries=IMPATIENT)

    def upload_status(self, request_id: str) -> Any:
        return self._runner.run(self._client.upload_status(request_id))

    def __enter__(self) -> Poller:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._client.close())
        self._runner.close()


# --- routes for members ------------------------------------------------------------------------------------


def by_bulk(client: Speaker, audience_id: str, action: Action, members: Digests, folder: Path) -> set[int]:
    """Send members as a file: request, write, send, wait, read results."""
    path = folder / "part.zip"
    write_bulk_file(path, audience_id=audience_id, action=action, members=[members])
    ticket = client.request_upload()
    client.upload_file(ticket, path)
    status = ended(client, ticket.request_id)
    if not status.state.succeeded:
        raise error_of(status.errors, Origin("The upload", client.account_id))
    rows = client.row_errors(status.result_url)
    refused, about_all = set[int](), list[ServiceError]()
    for row in rows:
        error = ServiceError(row.code, row.name)
        if error.entry.reaction is Reaction.REJECT_ROW:
            refused.add(index_of(row.client_id))
        else:
            about_all.append(error)
    if about_all:
        raise error_of(tuple(about_all), Origin("The upload", client.account_id))
    return refused


def ended(client: Speaker | Poller, request_id: str) -> Any:
    end = time.monotonic() + 60
    while not (status := client.upload_status(request_id)).state.final:
        assert time.monotonic() < end, status
        time.sleep(0.01)
    return status


def by_apply(client: Speaker, audience_id: str, action: Action, members: Digests, _: Path) -> set[int]:
    """Send members with a call."""
    return {error.index for error in client.apply_members(audience_id, action, members)}


ROUTES = {"bulk": by_bulk, "apply": by_apply}
"""Each sends the members and returns the positions of the refused ones."""


# --- fixtures ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    running = Simulator(tmp_path_factory.mktemp("simulator"))
    running.api.control("settings", {"queue_seconds": 0, "processing_seconds": 0})
    yield running
    status, out, err = running.end()
    assert (status, out, err) == (0, "", "")


@pytest.fixture
def api(simulator: Simulator) -> Iterator[Api]:
    """The simulator's control API; faults and settings are reset after the test."""
    before = simulator.api.control("settings")
    yield simulator.api
    simulator.api.control("faults", method="DELETE")
    simulator.api.control("settings", before)


@pytest.fixture(params=list(TransportName))
def client(request: pytest.FixtureRequest, api: Api) -> Iterator[Speaker]:
    with Speaker(request.param, api) as speaker:
        yield speaker


@pytest.fixture(params=list(TransportName))
def poller(request: pytest.FixtureRequest, api: Api) -> Iterator[Poller]:
    with Poller(request.param, api) as asking:
        yield asking


@pytest.fixture(params=ROUTES)
def send(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., set[int]]:
    def sent(client: Speaker, audience_id: str, action: Action, members: Digests) -> set[int]:
        return ROUTES[request.param](client, audience_id, action, members, tmp_path)

    return sent


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Records requested waits, and moves the clock instead of waiting."""
    waits: list[float] = []
    wait = RetryPolicy._wait

    def told(policy: RetryPolicy, state: Any) -> float:
        seconds = wait(policy, state)
        if seconds > 1:
            waits.append(seconds)
        return 0.0

    monkeypatch.setattr(RetryPolicy, "_wait", told)
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + sum(waits))
    monkeypatch.setattr(tokens, "time", clock)
    return waits


@pytest.fixture(autouse=True)
def nothing_leaks(caplog: pytest.LogCaptureFixture, api: Api) -> Iterator[None]:
    """Check in every test that no log line of any library contains a secret, a digest or a token."""
    caplog.set_level(logging.DEBUG)
    yield
    text = "\n".join(record.getMessage() for record in caplog.records)
    hidden = [api.ready[name] for name in SECRETS] + [
        member.hex() for member in map(bytes, digests(*range(9)))
    ]
    assert not [secret for secret in hidden if secret in text]
    assert "AuthenticationToken>" not in text


def digests(*numbers: int) -> Digests:
    """Invented members."""
    content = b"".join(hashlib.sha256(b"%d" % number).digest() for number in numbers)
    return np.frombuffer(content, dtype=np.uint8).reshape(len(numbers), 32)


def hexes(*numbers: int) -> list[str]:
    return sorted(bytes(member).hex() for member in digests(*numbers))


def unique(name: str = "VIP") -> str:
    return f"{name} {uuid.uuid4().hex[:8]}"


def audience(client: Speaker, name: str = "") -> str:
    return str(client.create_audience(name or unique(), description="ours"))


def named(client: Speaker, name: str) -> Any:
    found = [listed for listed in client.list_audiences() if listed.name == name]
    assert len(found) <= 1
    return found[0] if found else None


# --- the whole life of an audience ---------------------------------------------------------------------------


def test_the_life_of_an_audience(client: Speaker, send: Callable[..., set[int]], api: Api) -> None:
    name = unique("Kund*innen & <VIP> &amp; 用户 'é'")
    assert named(client, name) is None
    audience_id = client.create_audience(name, description="a <description>", membership_duration=90)
    new = Audience(audience_id, name, "a <description>", "Customer", 90, None, None)
    assert client.get_audience(audience_id) == named(client, name) == new
    assert new in client.list_audiences()

    assert send(client, audience_id, Action.ADD, digests(1, 2, 3)) == set()
    assert api.members(audience_id) == hexes(1, 2, 3)
    assert send(client, audience_id, Action.ADD, digests(3, 4)) == set()
    assert send(client, audience_id, Action.REMOVE, digests(1, 5)) == set()
    assert api.members(audience_id) == hexes(2, 3, 4)
    assert send(client, audience_id, Action.REPLACE, digests(7, 8)) == set()
    assert api.members(audience_id) == hexes(7, 8)

    assert client.get_audience(audience_id) == new, "sizes are not known yet"
    api.control("settings", {"size_delay_seconds": 0})
    known = client.get_audience(audience_id)
    assert (known.search_size, known.network_size) == (2, 2)

    assert client.delete_audience(audience_id) is None
    assert client.get_audience(audience_id) is None
    assert client.delete_audience(audience_id) is None, "what is gone is deleted"
    assert audience_id not in {listed.id for listed in client.list_audiences()}


def test_changing_an_audience(client: Speaker) -> None:
    name = unique()
    audience_id = audience(client)
    assert client.update_audience(audience_id, name=name, description="new", membership_duration=30) is None
    assert client.get_audience(audience_id) == Audience(audience_id, name, "new", "Customer", 30, None, None)
    with pytest.raises(ConfigurationError, match="scope") as caught:
        client.update_audience(audience_id, scope="Account")
    assert caught.value.codes == (4855,)  # type: ignore[attr-defined]  # of the service's own subclass


def test_the_customer_list_feature_is_among_the_pilot_features(client: Speaker) -> None:
    assert CUSTOMER_LIST_FEATURE in client.pilot_features()


def test_an_audience_of_one_account(client: Speaker) -> None:
    name = unique()
    audience_id = client.create_audience(name, description="", scope="Account")
    assert named(client, name) == Audience(audience_id, name, "", "Account", -1, None, None)


def test_changes_are_visible_through_all_transports(api: Api) -> None:
    name = unique("a\tb  c")
    with ExitStack() as stack:
        speakers = [stack.enter_context(Speaker(transport, api)) for transport in TransportName]
        pollers = [stack.enter_context(Poller(transport, api)) for transport in TransportName]
        for number, maker in enumerate(speakers):
            audience_id = maker.create_audience(f"{name} {number}", description="é")
            ticket = maker.request_upload()
            states = {asking.upload_status(ticket.request_id).state for asking in (*speakers, *pollers)}
            assert states == {UploadState.PENDING_FILE_UPLOAD}
            seen = [speaker.get_audience(audience_id) for speaker in speakers]
            assert seen == [Audience(audience_id, f"{name} {number}", "é", "Customer", -1, None, None)] * 2
        assert len({str(speaker.list_audiences()) for speaker in speakers}) == 1


def test_who_we_are(client: Speaker, api: Api) -> None:
    identity = client.whoami()
    assert (identity.user_id, identity.user_name) == ("17000001", "simulated.user")
    [account] = identity.accounts
    assert (account.id, account.name, account.status) == (
        api.ready["account_id"],
        "Simulated account",
        "Active",
    )
    assert account.number
    assert client.accounts() == [account]
    assert account.customer_id == api.ready["customer_id"]


# --- what is not there, or there already -----------------------------------------------------------------------


def test_unknown_ids_are_none_and_count_as_deleted(client: Speaker) -> None:
    assert client.get_audience("999999999999") is None
    assert client.delete_audience("999999999999") is None


def test_members_of_an_unknown_audience(client: Speaker, send: Callable[..., set[int]]) -> None:
    with pytest.raises(ConfigurationError, match="InvalidCustomerListId") as caught:
        send(client, "999999999999", Action.ADD, digests(1))
    assert 8000 in caught.value.codes  # type: ignore[attr-defined]  # of the service's own subclass


def test_a_name_that_is_taken(client: Speaker) -> None:
    name = unique()
    first = audience(client, name)
    with pytest.raises(ConfigurationError, match="DuplicateAudienceName") as caught:
        client.create_audience(name, description="")
    assert caught.value.codes == (4853,)  # type: ignore[attr-defined]  # as above
    assert named(client, name).id == first


def test_an_unknown_upload(client: Speaker) -> None:
    with pytest.raises(TerminalError, match="BulkServiceInvalidRequestId") as caught:
        client.upload_status("00000000-0000-0000-0000-000000000000")
    assert caught.value.codes == (4201,)  # type: ignore[attr-defined]  # as above


def test_refused_members_are_returned_and_all_others_applied(
    client: Speaker, send: Callable[..., set[int]], api: Api
) -> None:
    """Refused members are returned by their position, and the others are applied."""
    audience_id = audience(client)
    assert send(client, audience_id, Action.ADD, digests(1, 2)) == set()
    numbers = range(3, 23)
    api.fault("JudgeItems", "refuse", code=8004, share=0.5)
    refused = send(client, audience_id, Action.ADD, digests(*numbers))
    assert 0 < len(refused) < len(numbers)
    accepted = [number for place, number in enumerate(numbers) if place not in refused]
    assert api.members(audience_id) == hexes(1, 2, *accepted)
    api.fault("JudgeItems", "refuse", code=8004, share=1.0)
    assert send(client, audience_id, Action.REMOVE, digests(1, 2)) == {0, 1}
    assert api.members(audience_id) == hexes(1, 2, *accepted)


def test_the_terms_are_not_accepted(client: Speaker, send: Callable[..., set[int]], api: Api) -> None:
    api.control("settings", {"terms_accepted": False})
    audience_id = audience(client)
    with pytest.raises(ConfigurationError, match="terms"):
        send(client, audience_id, Action.ADD, digests(1, 2))
    assert api.members(audience_id) == []


# --- faults: the same family, codes, wait and words whatever they travel by ------------------------------------

CALLS: dict[str, Callable[[Speaker], Any]] = {
    "GetAudiencesByIds": lambda client: client.list_audiences(),
    "AddAudiences": lambda client: client.create_audience("name", description=""),
    "DeleteAudiences": lambda client: client.delete_audience("1"),
    "GetBulkUploadUrl": lambda client: client.request_upload(),
    "GetBulkUploadStatus": lambda client: client.upload_status("r"),
    "GetUser": lambda client: client.whoami(),
    "ApplyCustomerListUserData": lambda client: client.apply_members("999", Action.ADD, digests(1)),
}
FAULTS: list[tuple[str, int, type[Exception], float | None]] = [
    ("GetAudiencesByIds", 0, TransientError, None),
    ("GetAudiencesByIds", 100, TerminalError, None),
    ("GetAudiencesByIds", 105, ConfigurationError, None),
    ("GetBulkUploadUrl", 106, ConfigurationError, None),
    ("GetBulkUploadStatus", 109, ConfigurationError, None),
    ("DeleteAudiences", 117, TransientError, 60),
    ("AddAudiences", 117, TransientError, 60),
    ("AddAudiences", 4838, ConfigurationError, None),
    ("GetBulkUploadUrl", 204, TerminalError, None),
    ("GetBulkUploadUrl", 4204, TransientError, 900),
    ("GetBulkUploadStatus", 4201, TerminalError, None),
    ("GetBulkUploadStatus", 98765, TransientError, None),
    ("GetUser", 105, ConfigurationError, None),
    ("ApplyCustomerListUserData", 8003, ConfigurationError, None),
    ("ApplyCustomerListUserData", 8004, TerminalError, None),
    ("ApplyCustomerListUserData", 117, TransientError, 60),
    ("GetUser", 1001, ConfigurationError, None),
]


@pytest.mark.parametrize("status", [500, 200])
@pytest.mark.parametrize(
    ("operation", "code", "family", "wait"), FAULTS, ids=[f"{name}-{code}" for name, code, *_ in FAULTS]
)
def test_faults_have_the_same_family_and_words_on_both_transports(
    client: Speaker,
    api: Api,
    *,
    operation: str,
    code: int,
    family: type[Exception],
    wait: float | None,
    status: int,
) -> None:
    """SOAP's faults with both of their HTTP statuses; REST has its own for each code."""
    api.control("settings", {"soap_fault_status": status})
    api.fault(operation, "fault", code=code, times=None)
    with pytest.raises(family) as caught:
        CALLS[operation](client)
    check_fault(caught.value, operation, code, wait, client.account_id)


def check_fault(error: Any, operation: str, code: int, wait: float | None, account_id: str) -> None:
    name = ERRORS[code].name if code in ERRORS else f"Code{code}"
    wanted = error_of((ServiceError(code, name),), Origin(operation, account_id))
    assert type(error) is type(wanted)
    assert str(error).partition(" [TrackingId ")[0] == str(wanted)
    assert re.search(r" \[TrackingId [0-9a-f-]{36}\]$", str(error))
    assert error.codes == (code,)
    assert getattr(error, "retry_after", None) == wait


def test_a_requested_wait_is_kept(client: Speaker, api: Api, slept: list[float]) -> None:
    api.fault("GetBulkUploadStatus", "fault", code=117, times=2)
    with pytest.raises(TerminalError, match="4201"):
        client.upload_status("r")
    assert len(slept) == 2
    assert all(60 <= seconds <= 66 for seconds in slept)


@pytest.mark.parametrize("operation", ["GetAudiencesByIds", "AddAudiences", "GetBulkUploadUrl", "GetUser"])
@pytest.mark.parametrize("status", [500, 200])
def test_an_expired_token_is_renewed_in_the_middle(
    client: Speaker, api: Api, operation: str, status: int
) -> None:
    """The service returns 109 although the token has not expired; nothing is done twice."""
    api.control("settings", {"soap_fault_status": status})
    client.whoami()
    api.control("requests", method="DELETE")
    api.control("tokens", {"expire_access": True})
    if operation == "AddAudiences":
        name = unique()
        assert client.create_audience(name, description="") == named(client, name).id
    else:
        CALLS[operation](client)
    seen = [entry["operation"] for entry in api.control("requests")]
    assert seen.count("Token") == 1
    assert seen.count(operation) == 2


@pytest.mark.parametrize(("code", "waits"), [(50173, 0), (700082, 0), (70008, 0), (70000, 1)])
def test_a_revoked_session_needs_a_user(
    client: Speaker, api: Api, slept: list[float], code: int, waits: int
) -> None:
    """Codes with a reason are final at once, the general one after a minute."""
    client.whoami()
    api.control("tokens", {"expire_access": True})
    api.control("requests", method="DELETE")
    api.fault("Token", "fault", error="invalid_grant", code=code, times=None)
    with pytest.raises(ConfigurationError, match=rf"AADSTS{code}.*Sign in again"):
        client.list_audiences()
    assert len(slept) == waits
    assert all(55 < seconds <= 66 for seconds in slept)
    assert [entry["operation"] for entry in api.control("requests")].count("Token") == 2 + waits, (
        "the renewed token, the connection's own, and after the pause the renewed one again"
    )


def test_a_session_continues_after_a_mistaken_refusal(client: Speaker, api: Api, slept: list[float]) -> None:
    client.whoami()
    api.control("tokens", {"expire_access": True})
    api.fault("Token", "fault", error="invalid_grant", code=70000, times=2)
    client.list_audiences()
    assert len(slept) == 1, "both the renewed token and the connection's own were refused"
    assert not api.control("faults"), "both struck"


# --- lost answers ----------------------------------------------------------------------------------------------

LOST: dict[str, dict[str, Any]] = {
    "dropped after the work": {"kind": "drop_after_accept"},
    "cut off": {"kind": "truncate", "bytes": 40},
    "a gateway's page": {"kind": "raw", "status": 502, "body": "<html>bad gateway</html>"},
    "overloaded": {"kind": "raw", "status": 503, "body": "busy"},
    "an internal error": {"kind": "fault", "code": 0},
}


@pytest.mark.parametrize("lost", LOST)
def test_a_lost_answer_to_creating_is_reported_and_never_repeated(
    client: Speaker, api: Api, lost: str
) -> None:
    name = unique()
    api.fault("AddAudiences", **LOST[lost])
    with pytest.raises(OutcomeUnknown, match="AddAudiences") as caught:
        client.create_audience(name, description="")
    assert not isinstance(caught.value, TerminalError)
    made = [listed for listed in api.control("audiences") if listed["name"] == name]
    assert len(made) == (lost in {"dropped after the work", "cut off"})
    found = named(client, name)
    assert (found.id if found else None) == (str(made[0]["id"]) if made else None), "so one looks"


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("operation", ["GetAudiencesByIds", "DeleteAudiences", "GetBulkUploadUrl", "GetUser"])
def test_other_lost_answers_are_requested_again(client: Speaker, api: Api, lost: str, operation: str) -> None:
    api.fault(operation, times=2, **LOST[lost])
    CALLS[operation](client)
    assert not api.control("faults"), "both struck"


@pytest.mark.parametrize("lost", LOST)
def test_the_last_error_is_raised_after_the_budget(client: Speaker, api: Api, lost: str) -> None:
    api.fault("GetAudiencesByIds", times=3, **LOST[lost])
    with pytest.raises(TransientError, match="GetAudiencesByIds"):
        client.list_audiences()
    assert not api.control("faults"), "all three struck, and no fourth call was made"


def test_a_page_in_place_of_an_answer(client: Speaker, api: Api) -> None:
    """For example, a captive portal. A retry cannot help; an audience may have been created nevertheless."""
    api.fault("GetAudiencesByIds", "raw", status=200, body="<html>log in</html>", times=None)
    with pytest.raises(TerminalError, match="documented shape"):
        client.list_audiences()
    api.fault("AddAudiences", "raw", status=200, body="<html>log in</html>", times=None)
    with pytest.raises(OutcomeUnknown, match="documented shape"):
        client.create_audience(unique(), description="")


def test_an_unreadable_answer_to_a_call_about_members(client: Speaker, api: Api) -> None:
    """It is unknown which members were applied, and one attempt suffices to find that out."""
    audience_id = audience(client)
    api.fault("ApplyCustomerListUserData", "raw", status=200, body="<html>log in</html>")
    with pytest.raises(OutcomeUnknown, match="documented shape"):
        client.apply_members(audience_id, Action.ADD, digests(1))
    for lost in LOST.values():
        api.fault("ApplyCustomerListUserData", **lost)
        assert client.apply_members(audience_id, Action.ADD, digests(1, 2)) == [], "members are sets"
    assert api.members(audience_id) == hexes(1, 2)


def test_a_wrong_host(client: Speaker, api: Api) -> None:
    api.fault("GetAudiencesByIds", "raw", status=404, body="<html>no such page</html>", times=None)
    with pytest.raises(TerminalError, match=r"HTTP status 404.*base URL"):
        client.list_audiences()


# --- files: their URLs are the service's, whatever its answers travelled by ----------------------------------


def part(folder: Path, audience_id: str, *numbers: int) -> Path:
    path = folder / f"{uuid.uuid4().hex}.zip"
    write_bulk_file(path, audience_id=audience_id, action=Action.ADD, members=[digests(*numbers)])
    return path


def test_an_upload_step_by_step(client: Speaker, api: Api, tmp_path: Path) -> None:
    audience_id = audience(client)
    ticket = client.request_upload()
    assert client.upload_status(ticket.request_id).state is UploadState.PENDING_FILE_UPLOAD
    client.upload_file(ticket, part(tmp_path, audience_id, 1, 2))
    status = ended(client, ticket.request_id)
    assert (status.state, status.percent, status.errors) == (UploadState.COMPLETED, 100, ())
    client.upload_file(ticket, part(tmp_path, audience_id, 3))
    assert api.members(audience_id) == hexes(1, 2), "a ticket that was used counts as sent"
    assert client.row_errors(status.result_url) == []
    assert client.upload_status(ticket.request_id).result_url != status.result_url


def test_an_upload_that_fails(client: Speaker, api: Api, tmp_path: Path) -> None:
    api.fault("ProcessUpload", "fault", code=4845)
    ticket = client.request_upload()
    client.upload_file(ticket, part(tmp_path, audience(client), 1))
    status = ended(client, ticket.request_id)
    assert (status.state, [error.code for error in status.errors]) == (UploadState.FAILED, [4845])


def test_a_lost_answer_to_a_file_and_an_expired_token(client: Speaker, api: Api, tmp_path: Path) -> None:
    audience_id = audience(client)
    api.fault("UploadFile", "drop_after_accept")
    ticket = client.request_upload()
    client.upload_file(ticket, part(tmp_path, audience_id, 1))
    ended(client, ticket.request_id)
    api.control("tokens", {"expire_access": True})
    second = client.request_upload()
    api.control("tokens", {"expire_access": True})
    client.upload_file(second, part(tmp_path, audience_id, 2))
    ended(client, second.request_id)
    assert api.members(audience_id) == hexes(1, 2)


def test_expired_addresses_have_errors_of_their_own(client: Speaker, api: Api, tmp_path: Path) -> None:
    audience_id = audience(client)
    api.control("settings", {"result_url_seconds": 0.001})
    ticket = client.request_upload()
    client.upload_file(ticket, part(tmp_path, audience_id, 1))
    status = ended(client, ticket.request_id)
    time.sleep(0.01)
    with pytest.raises(ResultsExpired):
        client.row_errors(status.result_url)
    api.control("settings", {"upload_url_seconds": 0.001})
    late = client.request_upload()
    time.sleep(0.01)
    with pytest.raises(UploadUrlExpired):
        client.upload_file(late, part(tmp_path, audience_id, 2))


def test_a_service_that_cannot_be_reached_has_done_nothing(client: Speaker) -> None:
    """With each transport it is known that nothing was done."""
    client.whoami()
    client._client._transport = replace(
        client._client._transport, environment=Environment.at("http://127.0.0.1:9")
    )
    with pytest.raises(TransientError, match="no connection") as caught:
        client.create_audience("name", description="")
    assert not isinstance(caught.value, OutcomeUnknown)


# --- the triggerer's one call --------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [500, 200])
@pytest.mark.parametrize(
    ("code", "family", "wait"),
    [
        *[(code, family, wait) for name, code, family, wait in FAULTS if name == "GetBulkUploadStatus"],
        (0, TransientError, None),
        (106, ConfigurationError, None),
        (117, TransientError, 60),
        (204, TerminalError, None),
    ],
)
def test_faults_while_polling_are_those_of_the_client(
    poller: Poller, api: Api, *, code: int, family: type[Exception], wait: float | None, status: int
) -> None:
    api.control("settings", {"soap_fault_status": status})
    api.fault("GetBulkUploadStatus", "fault", code=code, times=None)
    with pytest.raises(family) as caught:
        poller.upload_status("r")
    check_fault(caught.value, "GetBulkUploadStatus", code, wait, poller.account_id)


def test_a_requested_wait_is_kept_while_polling(poller: Poller, api: Api, slept: list[float]) -> None:
    api.fault("GetBulkUploadStatus", "fault", code=117, times=2)
    with pytest.raises(TerminalError, match="4201"):
        poller.upload_status("r")
    assert len(slept) == 2
    assert all(60 <= seconds <= 66 for seconds in slept)


@pytest.mark.parametrize("status", [500, 200])
def test_an_expired_token_is_renewed_while_polling(
    client: Speaker, poller: Poller, api: Api, status: int
) -> None:
    api.control("settings", {"soap_fault_status": status})
    ticket = client.request_upload()
    poller.upload_status(ticket.request_id)
    api.control("requests", method="DELETE")
    api.control("tokens", {"expire_access": True})
    assert poller.upload_status(ticket.request_id).state is UploadState.PENDING_FILE_UPLOAD
    seen = [entry["operation"] for entry in api.control("requests")]
    assert seen.count("Token") == 1
    assert seen.count("GetBulkUploadStatus") == 2


@pytest.mark.parametrize(("code", "waits"), [(50173, 0), (700082, 0), (70008, 0), (70000, 1)])
def test_a_session_revoked_while_polling_needs_a_user(
    client: Speaker, poller: Poller, api: Api, slept: list[float], *, code: int, waits: int
) -> None:
    ticket = client.request_upload()
    poller.upload_status(ticket.request_id)
    api.control("tokens", {"expire_access": True})
    api.fault("Token", "fault", error="invalid_grant", code=code, times=None)
    with pytest.raises(ConfigurationError, match=rf"AADSTS{code}.*Sign in again"):
        poller.upload_status(ticket.request_id)
    assert len(slept) == waits


@pytest.mark.parametrize("lost", LOST)
def test_lost_answers_are_requested_again_while_polling(
    client: Speaker, poller: Poller, api: Api, lost: str
) -> None:
    ticket = client.request_upload()
    api.fault("GetBulkUploadStatus", times=2, **LOST[lost])
    assert poller.upload_status(ticket.request_id).state is UploadState.PENDING_FILE_UPLOAD
    assert not api.control("faults"), "both struck"
    api.fault("GetBulkUploadStatus", times=3, **LOST[lost])
    with pytest.raises(TransientError, match="GetBulkUploadStatus"):
        poller.upload_status(ticket.request_id)
    assert not api.control("faults"), "all three struck, and no fourth call was made"


def test_a_page_in_place_of_an_answer_while_polling(poller: Poller, api: Api) -> None:
    api.fault("GetBulkUploadStatus", "raw", status=200, body="<html>log in</html>", times=None)
    with pytest.raises(TerminalError, match="documented shape"):
        poller.upload_status("r")


def test_an_upload_is_polled_to_its_end(client: Speaker, poller: Poller, api: Api, tmp_path: Path) -> None:
    audience_id = audience(client)
    ticket = client.request_upload()
    assert poller.upload_status(ticket.request_id).state is UploadState.PENDING_FILE_UPLOAD
    client.upload_file(ticket, part(tmp_path, audience_id, 1, 2))
    status = ended(poller, ticket.request_id)
    assert (status.state, status.percent, status.errors) == (UploadState.COMPLETED, 100, ())
    assert client.row_errors(status.result_url) == []


def test_a_service_that_cannot_be_reached_while_polling_is_transient(poller: Poller) -> None:
    poller._client._transport = replace(
        poller._client._transport, environment=Environment.at("http://127.0.0.1:9")
    )
    with pytest.raises(TransientError, match="no connection"):
        poller.upload_status("r")
