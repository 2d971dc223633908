"""Backfills as users make them, with Celery and PostgreSQL: over ten days, of which two have no table at first."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from customer_match.runs.report import Outcome, SegmentReport
from tests.browser import chromium
from tests.compose import dated
from tests.compose.conftest import Installation

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1_800)]

FIRST, LAST = f"{dated.DAYS[0]}", f"{dated.DAYS[-1]}T23:59:59"
SECONDS = 1_200


def _runs(installation: Installation, export: str) -> dict[date, dict[str, Any]]:
    """The runs of backfills by day."""
    found = installation.api.get(f"/dags/{export}/dagRuns", run_type=["backfill"], limit=100)["dag_runs"]
    return {datetime.fromisoformat(run["logical_date"]).date(): run for run in found}


def _newest_day(installation: Installation, export: str) -> date | None:
    """The newest day of which the audience holds members that only this day has."""
    if not (held := set(installation.members(f"backfill {export}"))):
        return None
    everyday = set.intersection(*(set(dated.members(export, day)) for day in dated.DAYS))
    return max(
        (day for day in dated.DAYS if held & (set(dated.members(export, day)) - everyday)), default=None
    )


def _wait(installation: Installation, export: str) -> list[date]:
    """Wait until no backfill of an export is under way; return the newest day that its audience held, over time."""
    seen: list[date] = []
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        backfills = installation.api.get("/backfills", dag_id=export)["backfills"]
        day = _newest_day(installation, export)
        if day and (not seen or seen[-1] != day):
            seen.append(day)
        if backfills and all(one["completed_at"] for one in backfills):
            return seen
        time.sleep(1)
    states = {str(day): run["state"] for day, run in _runs(installation, export).items()}
    raise AssertionError(f"the backfill of {export} does not end: {states}")


def _sign_in(installation: Installation, browser: Browser) -> Page:
    page = browser.new_page(viewport={"width": 1400, "height": 1000}, timezone_id="UTC")
    page.set_default_timeout(60_000)
    page.goto(installation.stack.url("api-server"))
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", (installation.stack.project / "secrets" / "admin_password").read_text())
    page.click("[type=submit]")
    expect(page.get_by_role("link", name="Dags").first).to_be_visible()
    return page


def _choose(field: Locator, day: str, minute: str) -> None:
    """Fill in the field of a date: a click opens and closes the calendar."""
    field.click()
    for format_shown, text in (("YYYY/MM/DD", day), ("HH:mm", minute)):
        entry = field.page.get_by_placeholder(format_shown).filter(visible=True)
        entry.fill(text)
        entry.press("Enter")
    expect(field).to_contain_text(minute)
    field.click()


def _create(installation: Installation, export: str, *options: str) -> None:
    """`docker compose exec scheduler airflow backfill create …`."""
    command = ["airflow", "backfill", "create", "--dag-id", export, "--from-date", FIRST, *options]
    done = installation.stack.containers["scheduler"].run(command)
    assert done.returncode == 0, done.stdout + done.stderr


def _segments(installation: Installation, export: str) -> Mapping[date, SegmentReport]:
    """The report of the segment on each day."""
    runs = _runs(installation, export)
    reports = {day: installation.report(export, run["dag_run_id"]) for day, run in runs.items()}
    return {day: report.segments[0] for day, report in reports.items()}


def _outcomes(segments: Mapping[date, SegmentReport], days: Iterable[date]) -> set[Outcome]:
    return {segments[day].outcome for day in days}


def test_in_parallel_no_day_overwrites_a_newer_one(installation: Installation) -> None:
    _create(installation, "parallel", "--to-date", LAST, "--max-active-runs", "4")
    seen = _wait(installation, "parallel")
    assert seen == sorted(seen)
    segments = _segments(installation, "parallel")
    assert sorted(segments) == dated.DAYS
    assert _outcomes(segments, dated.MISSING) == {Outcome.FAILED}
    others = [day for day in dated.DAYS if day not in dated.MISSING]
    assert _outcomes(segments, others) <= {Outcome.DELIVERED, Outcome.SKIPPED}
    assert segments[dated.DAYS[-1]].outcome is Outcome.DELIVERED
    assert installation.members("backfill parallel") == dated.members("parallel", dated.DAYS[-1])


def test_days_that_are_repeated_on_the_page_later_do_not_overwrite_newer_ones(
    installation: Installation,
) -> None:
    """After the one before: the tables of the missing days arrive late, and their runs have failed."""
    filesystem, _ = installation.lakes["parallel"]
    dated.write_tables("lake/parallel", filesystem, dated.MISSING)
    with chromium() as browser:
        page = _sign_in(installation, browser)
        page.goto(f"{installation.stack.url('api-server')}/dags/parallel")
        page.get_by_role("button", name="Trigger").first.click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_text("Backfill", exact=True).click()
        for index, day, minute in ((0, dated.DAYS[0], "00:00"), (1, dated.DAYS[-1], "23:59")):
            _choose(dialog.get_by_test_id("datetime-input").nth(index), f"{day:%Y/%m/%d}", minute)
        dialog.get_by_text("Missing and Errored Runs").click()
        expect(dialog.get_by_text(f"{len(dated.MISSING)} runs will be triggered.")).to_be_visible()
        with page.expect_response("**/backfills") as answered:
            dialog.get_by_role("button", name="Run Backfill").click()
        assert answered.value.ok
    assert _wait(installation, "parallel") == [dated.DAYS[-1]]
    segments = _segments(installation, "parallel")
    assert _outcomes(segments, dated.MISSING) == {Outcome.SKIPPED}
    assert all("newer" in str(segments[day].message) for day in dated.MISSING)
    assert installation.members("backfill parallel") == dated.members("parallel", dated.DAYS[-1])


def test_backwards_only_the_newest_day_is_applied(installation: Installation) -> None:
    body = {"dag_id": "backwards", "from_date": f"{FIRST}T00:00:00Z", "to_date": f"{LAST}Z"}
    installation.api.post("/backfills", body | {"run_backwards": True, "max_active_runs": 1})
    assert _wait(installation, "backwards") == [dated.DAYS[-1]]
    segments = _segments(installation, "backwards")
    assert segments[dated.DAYS[-1]].outcome is Outcome.DELIVERED
    older = [day for day in dated.DAYS[:-1] if day not in dated.MISSING]
    assert _outcomes(segments, older) == {Outcome.SKIPPED}
    assert installation.members("backfill backwards") == dated.members("backwards", dated.DAYS[-1])


def test_forced_days_are_applied_over_newer_ones_in_their_order(installation: Installation) -> None:
    """After the one before: the audience holds the last day."""
    last = dated.DAYS[4]
    options = [
        "--max-active-runs",
        "1",
        "--dag-run-conf",
        '{"force": true}',
        "--reprocess-behavior",
        "completed",
    ]
    _create(installation, "backwards", "--to-date", f"{last}T23:59:59", *options)
    assert _wait(installation, "backwards")[-1] == last
    segments = _segments(installation, "backwards")
    assert _outcomes(segments, [day for day in dated.DAYS[:5] if day not in dated.MISSING]) == {
        Outcome.DELIVERED
    }
    assert installation.members("backfill backwards") == dated.members("backwards", last)
