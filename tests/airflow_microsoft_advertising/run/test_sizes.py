"""The task `sizes`: one call for all audiences, recorded in the report. No error fails the run."""

from __future__ import annotations

import json
from typing import Any, Self

import pytest

from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook
from airflow_microsoft_advertising.run.export_run import ExportRun
from airflow_microsoft_advertising.run.report import write_report
from airflow_microsoft_advertising.run.sizes import read_sizes
from customer_match.errors import ConfigurationError, TransientError
from customer_match.planning.sizes import Readiness
from customer_match.runs.report_page import html_of
from customer_match.runs.report_text import summary_of
from microsoft_advertising.models import Audience
from tests.airflow_microsoft_advertising.run.small_lake import GOLD, SILVER, Lake, delivered, prepare

pytestmark = pytest.mark.slow


class Listing:
    """A service that only lists audiences."""

    def __init__(self, answer: list[Audience] | Exception) -> None:
        self.answer = answer
        self.asked = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def list_audiences(self) -> list[Audience]:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def run(lake: Lake) -> ExportRun:
    """The second run: an earlier one has delivered Gold, and Silver not yet."""
    first = lake.run()
    prepare(first, GOLD)
    delivered(first, GOLD)
    return lake.run(name="run-2")


def serve(monkeypatch: pytest.MonkeyPatch, answer: list[Audience] | Exception) -> Listing:
    listing = Listing(answer)
    monkeypatch.setattr(MicrosoftAdvertisingHook, "get_conn", lambda _: listing)
    return listing


def sized(search: int | None, network: int | None) -> list[Audience]:
    return [Audience("5", "another"), Audience("77", "Gold", search_size=search, network_size=network)]


def test_one_call_reads_the_sizes_of_delivered_audiences_only(
    run: ExportRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = serve(monkeypatch, sized(1_200, 3_400))
    sizes = read_sizes(run, [GOLD, SILVER])
    assert listing.asked == 1
    [reading] = sizes.readings
    assert (reading.audience, reading.audience_id, reading.readiness) == (
        GOLD.audience,
        "77",
        Readiness.READY,
    )
    assert (reading.search_size, reading.network_size) == (1_200, 3_400)
    gold, silver = write_report(run, [GOLD, SILVER]).segments
    assert (gold.sizes, silver.sizes) == (reading, None)


def test_before_the_first_delivery_the_service_is_not_called(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = serve(monkeypatch, [])
    assert read_sizes(lake.run(), [GOLD, SILVER]).readings == ()
    assert listing.asked == 0


def test_a_dry_run_does_not_call_the_service(
    run: ExportRun, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = serve(monkeypatch, sized(1, 1))
    assert read_sizes(lake.run(name="run-3", dry_run=True), [GOLD]).readings == ()
    assert listing.asked == 0


@pytest.mark.parametrize(
    ("found", "judged", "words"),
    [
        (
            sized(299, 3_400),
            Readiness.TOO_SMALL,
            "too small; 299 matched in search, 3,400 matched in the audience",
        ),
        (
            sized(5, None),
            Readiness.TOO_SMALL,
            "too small; 5 matched in search: serving needs 300 matched users.",
        ),
        ([], Readiness.MISSING, "missing; it did not exist when the run started"),
        (sized(None, None), Readiness.NOT_KNOWN_YET, ""),
        (sized(300, 300), Readiness.READY, ""),
    ],
)
def test_the_text_of_the_report(
    run: ExportRun, monkeypatch: pytest.MonkeyPatch, found: list[Audience], judged: Readiness, words: str
) -> None:
    serve(monkeypatch, found)
    read_sizes(run, [GOLD])
    report = write_report(run, [GOLD])
    assert words in summary_of(report)
    assert summary_of(report).count("\n") == (2 if words else 1)
    written = json.loads(run.workspace.read_bytes(f"{run.folder}/report.json"))
    assert written["segments"][0]["sizes"]["readiness"] == judged.value
    page = html_of(report)
    assert judged.value in page
    if judged is Readiness.NOT_KNOWN_YET:
        assert "up to 48 hours" in page


@pytest.mark.parametrize(
    ("size", "level", "words"),
    [
        (299, "WARNING", "299 matched in search; 299 matched in the audience network; serving needs 300"),
        (3_000, "INFO", "3,000 matched in search; 3,000 matched in the audience network; "),
        (None, "INFO", "its sizes are not known yet; this takes up to "),
    ],
)
def test_what_needs_attention_is_logged_as_a_warning(
    run: ExportRun,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    size: int,
    level: str,
    words: str,
) -> None:
    caplog.set_level("INFO")
    serve(monkeypatch, sized(size, size))
    read_sizes(run, [GOLD])
    [record] = [r for r in caplog.records if r.getMessage().startswith("Audience 'Gold customers': ")]
    assert record.levelname == level
    assert record.getMessage().startswith(f"Audience 'Gold customers': {words}")


@pytest.mark.faults
@pytest.mark.parametrize(
    "error",
    [
        TransientError("no connection"),
        ConfigurationError("sign in again"),
        RuntimeError("somebody@example.com"),
    ],
)
def test_a_failure_is_only_recorded(
    run: ExportRun, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    serve(monkeypatch, error)
    sizes = read_sizes(run, [GOLD])
    said = str(error).replace("somebody@example.com", "[address]")
    assert sizes.note == f"The sizes of the audiences could not be read: {said}"
    assert sizes.note in caplog.text
    prepare(run, GOLD)
    report = write_report(run, [GOLD])
    assert sizes.note in summary_of(report)
    assert sizes.note in html_of(report)


@pytest.mark.faults
def test_a_workspace_that_cannot_store_them_fails_no_run(
    run: ExportRun, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    serve(monkeypatch, sized(1, 1))

    def full(*_: Any) -> None:
        raise ConfigurationError("the disk is full")

    monkeypatch.setattr(type(run.workspace), "write_bytes", full)
    assert read_sizes(run, [GOLD]).readings
    assert "could not be stored for the report: the disk is full" in caplog.text


def test_a_run_that_did_not_read_sizes_has_none(run: ExportRun) -> None:
    [segment] = write_report(run, [GOLD]).segments
    assert segment.sizes is None


def test_the_size_of_a_renamed_audience_is_read_too(
    run: ExportRun, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its ledger is still under the old name."""
    from customer_match.export.segments import Segment
    from customer_match.ledger.lookup import Ledgers

    Ledgers(run.workspace, "2").remember(run.export.key(GOLD), GOLD.audience)
    renamed = lake.run(name="run-3", segments=[{"table": "Gold", "audience": "VIPs"}])
    serve(monkeypatch, sized(400, 400))
    [reading] = read_sizes(renamed, [Segment(table="Gold", audience="VIPs")]).readings
    assert (reading.audience, reading.audience_id) == ("VIPs", "77")
