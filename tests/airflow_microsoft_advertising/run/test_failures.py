"""How an error ends a task: its family, its words, and the note for the report."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred
from fsspec.implementations.local import LocalFileSystem

from airflow_microsoft_advertising.run.failures import translate_errors
from customer_match.errors import ConfigurationError, TerminalError, TransientError
from customer_match.redaction import without_addresses
from customer_match.runs.findings import Finding
from customer_match.runs.guards import GuardTripped
from customer_match.runs.records import Failure, SegmentRecords, Step
from customer_match.workspace.workspace import Workspace

PERSON = "anna.muster@example.com"


@pytest.fixture
def records(tmp_path: Path) -> SegmentRecords:
    return SegmentRecords(Workspace(LocalFileSystem(), str(tmp_path)), "segment")


def fail(error: BaseException, records: SegmentRecords | None) -> None:
    with translate_errors(Step.CHUNK, records):
        raise error


@pytest.mark.parametrize("family", [ConfigurationError, TerminalError])
def test_what_retrying_cannot_mend_is_not_retried(
    family: type[Exception], records: SegmentRecords, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(AirflowFailException, match=r"Set the column\.$"):
        fail(family("Set the column."), records)
    assert records.read(Failure) == Failure(step=Step.CHUNK, message="Set the column.")
    assert [(r.levelno, r.getMessage()) for r in caplog.records] == [(logging.ERROR, "Set the column.")]


def test_a_guard_is_recorded_by_its_keys(records: SegmentRecords) -> None:
    finding = Finding(
        words=f"Too many would leave {PERSON}.",
        keys=("max_removed", "max_removed_members"),
        figures={"max_removed": 0.6},
    )
    with pytest.raises(AirflowFailException, match="Too many would leave"):
        fail(GuardTripped([finding, finding]), records)
    failure = records.read(Failure)
    assert failure
    assert failure.guards == ("max_removed", "max_removed_members")
    assert failure.findings == (finding, finding)
    assert "@" not in failure.model_dump_json()


def test_what_may_pass_is_retried(records: SegmentRecords) -> None:
    with pytest.raises(TransientError, match=r"^Later\.$") as caught:
        fail(TransientError("Later.", retry_after=7), records)
    assert caught.value.retry_after == 7
    assert records.read(Failure) == Failure(step=Step.CHUNK, message="Later.")


@pytest.mark.parametrize(
    "error", [AirflowSkipException("nothing to do"), TaskDeferred(trigger=None, method_name="x")]
)
def test_skipping_and_waiting_are_no_failures(error: Exception, records: SegmentRecords) -> None:
    with pytest.raises(type(error)) as caught:
        fail(error, records)
    assert caught.value is error
    assert records.read(Failure) is None


def test_nothing_happens_where_nothing_fails(records: SegmentRecords) -> None:
    with translate_errors(Step.CHUNK, records):
        pass
    assert records.read(Failure) is None


@pytest.mark.parametrize(
    "text",
    [
        PERSON,
        f"Conversion error to int64: invalid value '{PERSON}'",
        f'<{PERSON}>, (mailto:{PERSON}); "{PERSON}"',
        "ANNA+tag@EXAMPLE.COM.",
        "jörg@müller.example and 用户@例え.jp",
        '"anna muster"@example.com',
        "anna＠example.com",
        "a@b@c",
        "anna@",
        "@example",
        "anna@[127.0.0.1]",
        f"abfs://lake@account.dfs.core.windows.net/{PERSON}.csv",
    ],
)
def test_nothing_that_resembles_an_address_remains(text: str) -> None:
    shown = without_addresses(text).removeprefix("abfs://lake@account.dfs.core.windows.net")
    assert "[address]" in shown
    for trace in ("@", "＠", "example", "anna", "ANNA", "müller", "用户", "127"):
        assert trace not in shown


@pytest.mark.parametrize(
    "text",
    [
        "The table of segment 'Gold' (abfs://lake@account.dfs.core.windows.net/segments/Gold) is empty.",
        "abfss://lake@account.dfs.core.windows.net/segments",
        "/data/lake/Gold: 12,000 of 13,000 profiles (92 %).",
        "",
    ],
)
def test_other_words_stay(text: str) -> None:
    assert without_addresses(text) == text


def test_a_long_word_takes_no_long_time() -> None:
    assert without_addresses("x" * 300_000 + '"' * 300_000) == "x" * 300_000 + '"' * 300_000


def raise_as_a_library(kind: type[Exception]) -> None:
    """Its words and its cause quote a cell."""
    try:
        raise ValueError(f"bad cell {PERSON}")
    except ValueError as cause:
        raise kind(f"Row 7: {PERSON}") from cause


@pytest.mark.parametrize(
    "error",
    [ConfigurationError, TerminalError, TransientError, RuntimeError, KeyError, UnicodeError],
    ids=lambda kind: kind.__name__,
)
def test_no_address_reaches_log_report_or_traceback(
    error: type[Exception], records: SegmentRecords, caplog: pytest.LogCaptureFixture
) -> None:
    import traceback

    with pytest.raises(Exception, match=r"address") as caught, translate_errors(Step.NORMALISE, records):
        raise_as_a_library(error)
    shown = "".join(traceback.format_exception(caught.value))
    noted: Any = records.read(Failure)
    last = shown.strip().splitlines()[-1]
    for text in (last, noted.message, caplog.text):
        assert PERSON not in text
        assert "Row 7" in text
    assert "bad cell" not in shown
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_an_unexpected_error_names_its_location(records: SegmentRecords) -> None:
    with (
        pytest.raises(RuntimeError, match=r"Unexpected ZeroDivisionError at test_an_unexpected.*division"),
        translate_errors(Step.CHUNK, records),
    ):
        _ = 1 // 0
    noted = records.read(Failure)
    assert noted
    assert noted.message.startswith("Unexpected ZeroDivisionError")


def test_the_first_failure_is_raised_if_it_cannot_be_recorded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    records = SegmentRecords(Workspace(LocalFileSystem(), str(tmp_path / "file")), "segment")
    with pytest.raises(AirflowFailException, match="Set the column"):
        fail(ConfigurationError("Set the column."), records)
    assert "could not be recorded" in caplog.text


def test_an_error_ends_the_task_also_without_records() -> None:
    with pytest.raises(AirflowFailException, match="Set the column"):
        fail(ConfigurationError("Set the column."), None)
