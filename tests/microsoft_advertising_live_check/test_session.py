"""What a session of the check requests, and from where."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from microsoft_advertising.account import Account
from microsoft_advertising.environment import Environment
from microsoft_advertising.hosts import ForeignHost
from microsoft_advertising_live_check.answers import read_results
from microsoft_advertising_live_check.check import _run_one
from microsoft_advertising_live_check.probes import Finding, Verdict
from microsoft_advertising_live_check.session import Session
from microsoft_advertising_simulator.behaviours.table import BEHAVIOURS

ACCOUNT = Account.model_validate(
    {
        "client_id": "app",
        "refresh_token": "refresh",
        "developer_token": "developer",
        "customer_id": "1",
        "account_id": "2",
    }
)


def session(**moved: str) -> Session:
    """A session whose results have moved: host → redirect target."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert "AuthenticationToken" not in request.headers
        target = moved.get(request.url.host.partition(".")[0])
        return (
            httpx.Response(302, headers={"Location": target})
            if target
            else httpx.Response(200, content=b"zip")
        )

    session = Session(ACCOUNT, Environment.named("production"))
    session._http.close()
    session._http = httpx.Client(transport=httpx.MockTransport(answer))
    return session


def test_redirected_results_are_fetched() -> None:
    with session(old="https://new.contoso.com/x") as moved:
        assert moved.fetch("https://old.contoso.com/x").content == b"zip"
        assert moved.calls == 2


def test_redirects_to_internal_hosts_are_rejected() -> None:
    with session(old="https://10.0.0.5/x") as moved, pytest.raises(ForeignHost, match=r"10\.0\.0\.5"):
        moved.fetch("https://old.contoso.com/x")


def test_an_invalid_result_file_fails_only_one_probe() -> None:
    findings: list[Finding] = []
    trouble: list[str] = []

    def probe(session: Session) -> Iterator[Finding]:
        yield Finding(BEHAVIOURS[0].key, Verdict.CONFIRMED, "seen before")
        read_results(session.fetch("https://some.contoso.com/x").content)

    with session() as one:
        _run_one(probe, one, findings, trouble)
    assert [finding.observed for finding in findings] == ["seen before"]
    assert trouble == ["probe: BadZipFile"]


def test_the_number_of_redirects_is_limited() -> None:
    with session(old="https://old.contoso.com/x") as moved:
        assert moved.fetch("https://old.contoso.com/x").status_code == 302
        assert moved.calls == 5
