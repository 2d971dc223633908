"""What a session of the check asks for, and where."""

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
    """One whose results have moved: host → where it sends whoever asks."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert "AuthenticationToken" not in request.headers
        target = moved.get(request.url.host.partition(".")[0])
        return (
            httpx.Response(302, headers={"Location": target})
            if target
            else httpx.Response(200, content=b"zip")
        )

    made = Session(ACCOUNT, Environment.named("production"))
    made._http.close()
    made._http = httpx.Client(transport=httpx.MockTransport(answer))
    return made


def test_results_that_have_moved_are_found() -> None:
    with session(old="https://new.contoso.com/x") as moved:
        assert moved.fetch("https://old.contoso.com/x").content == b"zip"
        assert moved.calls == 2


def test_a_redirect_leads_nowhere_inside() -> None:
    with session(old="https://10.0.0.5/x") as moved, pytest.raises(ForeignHost, match=r"10\.0\.0\.5"):
        moved.fetch("https://old.contoso.com/x")


def test_results_that_are_no_zip_break_off_one_probe_alone() -> None:
    findings: list[Finding] = []
    trouble: list[str] = []

    def probe(session: Session) -> Iterator[Finding]:
        yield Finding(BEHAVIOURS[0].key, Verdict.CONFIRMED, "seen before")
        read_results(session.fetch("https://some.contoso.com/x").content)

    with session() as one:
        _run_one(probe, one, findings, trouble)
    assert [finding.observed for finding in findings] == ["seen before"]
    assert trouble == ["probe: BadZipFile"]


def test_redirects_end() -> None:
    with session(old="https://old.contoso.com/x") as moved:
        assert moved.fetch("https://old.contoso.com/x").status_code == 302
        assert moved.calls == 5
