"""Whether a run may begin: checked before any row is read, and stored for the report."""

from __future__ import annotations

from dataclasses import replace

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_microsoft_advertising.connection.sharing import USED_BY
from airflow_microsoft_advertising.run.checks.permission import load_agreement
from airflow_microsoft_advertising.run.export_run import ExportRun
from airflow_microsoft_advertising.run.report import write_report
from airflow_microsoft_advertising.run.select import check_before_reading
from customer_match.errors import TransientError
from customer_match.runs.report_page import html_of
from customer_match.runs.report_text import summary_of
from tests.airflow_microsoft_advertising.conftest import AGREED, EXTRA, Connect
from tests.airflow_microsoft_advertising.run.small_lake import GOLD, Lake

WORDS = "agreed to by Jane Doe on 2026-01-31 10:20 UTC"


@pytest.fixture(autouse=True)
def _signed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service accepts the account: this is about what comes before."""
    monkeypatch.setattr("airflow_microsoft_advertising.run.select.check_account", lambda *_: None)
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "ada:admin,anna:user,vera:viewer")


def ordered(run: ExportRun, by: str | None) -> ExportRun:
    return replace(run, ordered_by=by)


def test_without_agreement_no_run_begins(lake: Lake, connect: Connect) -> None:
    connect(extra=EXTRA)
    run = lake.run()
    with pytest.raises(AirflowFailException, match="has no agreement to data privacy"):
        check_before_reading(run)
    assert load_agreement(run) is None
    check_before_reading(lake.run(dry_run=True))


def test_the_report_repeats_who_when_and_which_text(lake: Lake, connect: Connect) -> None:
    run = lake.run()
    check_before_reading(run)
    connect(extra=EXTRA)  # a withdrawal stops the next run, and does not change what allowed this one
    report = write_report(run, [GOLD])
    text = AGREED["privacy_text"]
    assert report.model_dump(mode="json")["privacy"] == {
        "by": "Jane Doe", "on": "2026-01-31T10:20:30Z", "text": text,
    }  # fmt: skip
    for shown in (summary_of(report), html_of(report)):
        assert f"Data privacy {WORDS}, text {text}." in shown
    with pytest.raises(AirflowFailException, match="has no agreement"):
        check_before_reading(lake.run(name="run-2"))


def test_a_dry_run_reports_no_agreement(lake: Lake) -> None:
    run = lake.run(dry_run=True)
    check_before_reading(run)
    assert write_report(run, [GOLD]).privacy is None


def test_a_connection_that_cannot_be_read_now_allows_nothing(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unanswered(_: object) -> None:
        raise TransientError("Airflow's api-server did not answer.")

    monkeypatch.setattr("airflow_microsoft_advertising.hook.MicrosoftAdvertisingHook.connection", unanswered)
    with pytest.raises(TransientError, match="did not answer"):
        check_before_reading(lake.run())


@pytest.mark.parametrize(
    ("used_by", "by", "owner"),
    [
        ("", "vera", None),
        ("administrators", "ada", None),
        ("anna", "anna", None),
        ("role:user", "anna", "ada"),
        ("administrators", None, None),
        ("administrators", None, "ada"),
        ("anna", None, "anna"),
    ],
)
def test_who_may_use_the_connection_may_run(
    lake: Lake, connect: Connect, used_by: str, by: str | None, owner: str | None
) -> None:
    connect(extra=EXTRA | AGREED | {USED_BY: used_by})
    check_before_reading(ordered(lake.run(owner=owner), by))


@pytest.mark.parametrize(
    ("used_by", "people", "words"),
    [
        ("administrators", ("anna", None), "The user, anna, may not use the Airflow connection"),
        ("anna", ("vera", "anna"), "The user, vera, may not use"),
        ("role:user", ("vera", None), "add vera to its users"),
        ("anna", (None, "marketing"), r"The owner of the export \(`owner`\), marketing, may not use"),
    ],
)
def test_others_may_not_even_as_a_dry_run(
    lake: Lake, connect: Connect, used_by: str, people: tuple[str | None, str | None], words: str
) -> None:
    connect(extra=EXTRA | AGREED | {USED_BY: used_by})
    by, owner = people
    for dry_run in (False, True):
        run = ordered(lake.run(owner=owner, dry_run=dry_run), by)
        with pytest.raises(AirflowFailException, match=words) as caught:
            check_before_reading(run)
        assert "Nothing was read" in str(caught.value)
        assert load_agreement(run) is None


def test_where_tasks_cannot_know_roles_the_message_says_so(
    lake: Lake, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "AIRFLOW__CORE__AUTH_MANAGER", "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
    )
    connect(extra=EXTRA | AGREED | {USED_BY: "role:User, ada"})
    check_before_reading(ordered(lake.run(), "ada"))
    with pytest.raises(AirflowFailException, match=r"add anna by name \(tasks cannot look up roles here\)"):
        check_before_reading(ordered(lake.run(), "anna"))
