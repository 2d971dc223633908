"""What the steps of a run write into the audit trail."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_microsoft_advertising.audit.recording import configuration_digest, record_start, trail_of
from airflow_microsoft_advertising.run.chunk import chunk_segment
from airflow_microsoft_advertising.run.export_run import ExportRun
from airflow_microsoft_advertising.run.report import record_stop, write_report
from airflow_microsoft_advertising.run.select import refusals_recorded, select_segments
from airflow_microsoft_advertising.run.validate import validate_segment
from customer_match.audit.verification import Verdict
from customer_match.erasure.people import read_people
from customer_match.erasure.register import KEY_NAME, Register
from customer_match.errors import ConfigurationError, TransientError
from customer_match.export.model import Export
from customer_match.history.rows import rows_of
from customer_match.ledger.parts import Request
from customer_match.ledger.store import Ledger, ledger_folder
from customer_match.runs.states import RunKind
from customer_match.workspace.local import LocalStorage
from tests.airflow_microsoft_advertising.run.small_lake import DAY, GOLD, SILVER, Lake, delivered, prepare

pytestmark = pytest.mark.slow

ADDRESSES = ["anna@example.com", "bob@example.com", "c.lee@example.org"]


def entries(run: ExportRun) -> list[dict[str, Any]]:
    files = trail_of(run.export, run.workspace).read()
    return [json.loads(line) for file in files for line in file.content.splitlines()]


def verdict(run: ExportRun) -> Verdict:
    return trail_of(run.export, run.workspace).verify()


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The storage refuses new entries, and nothing else."""
    create = LocalStorage.create

    def refuse(self: LocalStorage, path: str, data: bytes) -> None:
        if "/audit/" in path:
            raise OSError(28, "No space left on device")
        create(self, path, data)

    monkeypatch.setattr(LocalStorage, "create", refuse)


class TestStart:
    def test_who_started_what(self, lake: Lake) -> None:
        run = lake.run(full=True, ignore_guards=True, kind=RunKind.MANUAL, ordered_by="maria")
        select_segments(run, ["Gold"])
        [entry] = entries(run)
        assert (entry["event"], entry["run_id"], entry["export"]) == ("run started", "run-1", "autumn")
        assert (entry["kind"], entry["user"], entry["chosen"]) == ("manual", "maria", ["Gold"])
        assert (entry["full"], entry["ignore_guards"], entry["force"], entry["dry_run"]) == (
            True,
            True,
            False,
            False,
        )
        assert (entry["cid"], entry["aid"]) == ("1", "2")
        assert datetime.fromisoformat(entry["interval_end"]) == DAY
        assert entry["configuration"] == configuration_digest(run.export)

    def test_the_agreement_that_allows_the_run(self, lake: Lake) -> None:
        run = lake.run()
        agreement = {"by": "Maria Silva", "on": "2026-01-31T09:00:00Z", "text": "1-abc"}
        run.workspace.write_bytes(f"{run.folder}/privacy.json", json.dumps(agreement).encode())
        select_segments(run)
        assert entries(run)[0]["privacy"] == agreement

    @pytest.mark.parametrize(("name", "recorded"), [("maria@contoso.com", "maria"), (None, None)])
    def test_a_user_of_airflow(self, lake: Lake, name: str | None, recorded: str | None) -> None:
        run = lake.run(kind=RunKind.MANUAL, ordered_by=name)
        select_segments(run)
        assert entries(run)[0].get("user") == recorded

    def test_a_user_of_this_system(self, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LOGNAME", "joao")
        run = lake.run(kind=RunKind.COMMAND_LINE)
        select_segments(run)
        assert entries(run)[0]["user"] == "joao"

    def test_a_system_that_has_no_name_for_its_user(
        self, lake: Lake, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unknown() -> str:
            raise KeyError("getpwuid(): uid not found: 50000")

        monkeypatch.setattr("airflow_microsoft_advertising.audit.recording.getuser", unknown)
        run = lake.run(kind=RunKind.COMMAND_LINE)
        select_segments(run)
        assert "user" not in entries(run)[0]

    def test_a_run_that_ends_the_audiences_says_so(self, lake: Lake) -> None:
        run = replace(lake.run(), ending="delete")
        record_start(run, ())
        assert entries(run)[0]["ending"] == "delete"

    @pytest.mark.usefixtures("full_disk")
    def test_no_run_without_an_entry(self, lake: Lake) -> None:
        run = lake.run()
        with pytest.raises(AirflowFailException, match=r"is full|No space"):
            select_segments(run)
        assert entries(run) == []

    def test_a_run_that_is_refused(self, lake: Lake) -> None:
        """Even if an earlier try of it was allowed, nothing allows this one."""
        run = lake.run(ordered_by="maria")
        agreement = {"by": "Maria Silva", "on": "2026-01-31T09:00:00Z", "text": "1-abc"}
        run.workspace.write_bytes(f"{run.folder}/privacy.json", json.dumps(agreement).encode())
        with pytest.raises(AirflowFailException, match="no"), refusals_recorded(run, ["Gold"]):
            raise AirflowFailException("no")
        [entry] = entries(run)
        assert (entry["event"], entry["user"], entry["chosen"]) == ("run started", "maria", ["Gold"])
        assert "privacy" not in entry

    def test_a_run_that_goes_on_or_is_skipped_has_no_entry_of_a_refusal(self, lake: Lake) -> None:
        run = lake.run()
        with refusals_recorded(run, ()):
            pass
        with pytest.raises(AirflowSkipException), refusals_recorded(run, ()):
            raise AirflowSkipException
        assert entries(run) == []

    @pytest.mark.usefixtures("full_disk")
    def test_a_refusal_is_told_even_if_it_cannot_be_recorded(
        self, lake: Lake, caplog: pytest.LogCaptureFixture
    ) -> None:
        with pytest.raises(AirflowFailException, match="not allowed"), refusals_recorded(lake.run(), ()):
            raise AirflowFailException("not allowed")
        assert "The audit trail has no start of this run" in caplog.text

    def test_a_dry_run_says_so(self, lake: Lake) -> None:
        run = lake.run(dry_run=True)
        segments = select_segments(run)
        for segment in segments:
            prepare(run, segment)
        write_report(run, segments)
        assert {entry["dry_run"] for entry in entries(run)} == {True}
        assert [entry.get("outcome") or entry.get("state") for entry in entries(run)][1:] == ["dry run"] * 3


class TestConfiguration:
    KEYS: dict[str, Any] = {  # noqa: RUF012 (never changed)
        "name": "autumn", "cid": 1, "aid": 2, "source": "lake", "segments": ["Gold"], "email": "Email",
    }  # fmt: skip

    def test_what_is_spelled_differently_is_the_same(self) -> None:
        same = {**dict(reversed(self.KEYS.items())), "segments": [{"table": "Gold"}], "cid": "1"}
        assert configuration_digest(Export.model_validate(self.KEYS)) == configuration_digest(
            Export.model_validate(same)
        )

    @pytest.mark.parametrize(
        "change", [{"aid": 3}, {"email": "Mail"}, {"guards": {"max_removed": 0.2}}, {"segments": ["Gold", "Silver"]}]
    )  # fmt: skip
    def test_what_differs_differs(self, change: dict[str, Any]) -> None:
        changed = Export.model_validate({**self.KEYS, **change})
        assert configuration_digest(changed) != configuration_digest(Export.model_validate(self.KEYS))


class TestEnd:
    def test_each_segment_and_the_run(self, lake: Lake) -> None:
        run = lake.run(kind=RunKind.SCHEDULED, consent={"column": "Id", "allow": [0, 1, 2, 3, 4, 5]})
        select_segments(run)
        prepare(run, GOLD)
        delivered(run, GOLD, requests=("r-1", "r-2"), terms="accepted", refused={"EmailMustBeHashed": 1})
        with pytest.raises(AirflowFailException):
            validate_segment(lake.run(email="Nothing"), SILVER)
        write_report(run, [GOLD, SILVER])
        _, gold, silver, end = entries(run)
        assert (gold["segment"], gold["audience"], gold["audience_id"]) == ("Gold", "Gold customers", "77")
        assert (gold["outcome"], gold["refused"]) == ("refused some", {"EmailMustBeHashed": 1})
        assert (gold["profiles"], gold["valid"], gold["members"], gold["added"]) == (6, 4, 3, 3)
        assert gold["rejected"] == {"missing": 1, "not_an_address": 1}
        assert (gold["requests"], gold["terms"], gold["consent_column"]) == (["r-1", "r-2"], "accepted", "Id")
        [table] = gold["tables"]
        assert (table["location"], table["files"]) == (f"{lake.folder}/lake/Gold", 1)
        assert (silver["outcome"], "members" in silver) == ("failed", False)
        assert silver["message"].startswith("validate: ")
        assert (end["event"], end["state"], end["segments"], end["failed"]) == ("run ended", "partial", 2, 1)
        assert {entry["kind"] for entry in entries(run)} == {"scheduled"}
        assert verdict(run).faults == ()

    def test_who_was_erased_is_counted(self, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
        run = lake.run(dry_run=True)
        monkeypatch.setenv(f"AIRFLOW_VAR_{KEY_NAME.upper()}", "01" * 32)
        prepare(run, SILVER)
        Register(run.workspace).add(
            b"\x01" * 32, read_people(["anna@example.com", "eve@example.org"]).digests
        )
        prepare(run, GOLD)
        report = write_report(run, [GOLD, SILVER])
        gold, silver, _ = entries(run)
        assert (gold["erased"], gold["members"], silver.get("erased")) == (1, 2, None)
        assert [row.erased for row in rows_of(report)] == [1, None]

    def test_another_content_has_another_fingerprint(self, lake: Lake) -> None:
        found = []
        for number in range(3):
            run = lake.run(name=f"run-{number}", dry_run=True)
            prepare(run, GOLD)
            write_report(run, [GOLD])
            found.append(entries(run)[-2]["tables"][0]["fingerprint"])
            if number:
                lake.write("Gold", ["eve@example.com"])
        assert found[0] == found[1] != found[2]

    def test_what_was_overridden(self, lake: Lake) -> None:
        lake.write("Gold", ["no address"])
        run = lake.run(ignore_guards=True, ordered_by="maria", dry_run=True)
        prepare(run, GOLD)
        write_report(run, [GOLD])
        gold = entries(run)[0]
        assert gold["user"] == "maria"
        assert len(gold["overridden"]) == 1

    def test_no_address_and_no_hash(self, lake: Lake) -> None:
        table = "anna@example.com"
        lake.write(table, ADDRESSES)
        run = lake.run(segments=["Gold", "Silver", {"table": table, "audience": "VIP"}], ordered_by="maria")
        segments = select_segments(run)
        for segment in segments:
            prepare(run, segment)
            delivered(run, segment)
        write_report(run, segments)
        text = json.dumps(entries(run))
        import hashlib

        for address in ADDRESSES:
            assert address not in text
            assert hashlib.sha256(address.encode()).hexdigest() not in text
        assert "[address]" in text, "the name of the table"

    def test_a_delivery_that_did_not_end_names_its_uploads(self, lake: Lake) -> None:
        """The worker died while the service worked: what it has is in the ledger."""
        run = lake.run()
        prepare(run, GOLD)
        chunked = chunk_segment(run, GOLD)
        assert chunked.plan
        ledger = Ledger(run.workspace, ledger_folder(run.export.aid, GOLD.audience), GOLD.audience)
        entry = ledger.load()
        entry = ledger.write(
            entry, entry.state.with_audience("77", created=True, segment=run.export.key(GOLD))
        )
        entry = ledger.write(
            entry, entry.state.planned(chunked.plan.id, chunked.plan.parts, run.interval_end)
        )
        request = Request(id="r-1", upload_url="https://upload.example/r-1", requested_at=run.now())
        ledger.write(entry, entry.state.requested(0, request))
        write_report(run, [GOLD])
        assert entries(run)[0]["requests"] == ["r-1"]
        assert entries(run)[0]["outcome"] == "failed"
        later = lake.run(name="run-2")
        validate_segment(later, GOLD)
        write_report(later, [GOLD])
        assert entries(run)[2]["requests"] == [], "they belong to the other run"

    @pytest.mark.usefixtures("full_disk")
    def test_an_entry_that_cannot_be_written_loses_no_report(self, lake: Lake) -> None:
        run = lake.run()
        prepare(run, GOLD)
        with pytest.raises(
            TransientError, match=r"its report is in runs/.*, but the audit trail could not be written"
        ):
            write_report(run, [GOLD])
        assert run.workspace.exists(f"{run.folder}/report.json")
        assert run.workspace.exists(f"{run.folder}/report.html")

    def test_a_run_that_is_reported_again_is_recorded_again(self, lake: Lake) -> None:
        run = lake.run()
        write_report(run, [GOLD])
        write_report(run, [GOLD])
        assert [entry["event"] for entry in entries(run)] == ["segment ended", "run ended"] * 2
        assert verdict(run).sound


class TestStop:
    def test_a_run_that_is_stopped(self, lake: Lake) -> None:
        run = lake.run()
        prepare(run, GOLD)
        delivered(run, GOLD)
        record_stop(run, [GOLD, SILVER])
        gold, silver, end = entries(run)
        assert (gold["outcome"], silver["outcome"]) == ("delivered", "failed")
        assert end["message"] == "The run was stopped."
        assert not run.workspace.exists(f"{run.folder}/report.json")

    @pytest.mark.usefixtures("full_disk")
    def test_a_fault_does_not_keep_it_from_stopping(
        self, lake: Lake, caplog: pytest.LogCaptureFixture
    ) -> None:
        record_stop(lake.run(), [GOLD])
        assert "The audit trail has no end of this run: TransientError" in caplog.text


class TestRetention:
    def test_old_entries_are_deleted(self, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
        """`audit_days` decides, not `history_days`."""
        then = datetime.fromisoformat("2026-03-01T05:00Z")
        with monkeypatch.context() as patched:
            patched.setattr(ExportRun, "now", lambda _: then)
            write_report(lake.run(name="old"), [GOLD])
        run = lake.run(name="new", history_days=1)
        write_report(run, [GOLD])
        assert [entry["run_id"] for entry in entries(run)] == ["old", "old", "new", "new"]
        run = lake.run(name="newer", audit_days=1)
        write_report(run, [GOLD])
        events = [(entry["event"], entry.get("run_id")) for entry in entries(run)]
        assert events[0] == ("segment ended", "new")
        assert events[-1] == ("entries deleted", None)
        assert verdict(run).faults == ()

    def test_a_fault_fails_no_run(
        self, lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise ConfigurationError("no permission to delete")

        monkeypatch.setattr("customer_match.audit.trail.Trail.delete_before", fail)
        write_report(lake.run(), [GOLD])
        assert "Old entries of the audit trail in audit/autumn" in caplog.text
