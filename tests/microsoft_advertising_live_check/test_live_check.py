"""The check of the live service, run against the simulator: it must distinguish the two readings of the documents."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from customer_match.errors import ConfigurationError, TerminalError
from microsoft_advertising.account import Account
from microsoft_advertising.environment import Environment
from microsoft_advertising_live_check.check import Record, run
from microsoft_advertising_live_check.probes import PROBES, Finding, Verdict
from microsoft_advertising_live_check.report import as_json, as_markdown, write
from microsoft_advertising_live_check.session import Session
from tests.microsoft_advertising_simulator.api import Simulator

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

OTHER_READINGS = {
    "items.upper-case": {"upper_case_hashes": True},
    "items.duplicates": {"duplicates_refused": True},
    "parse.no-bom": {"bom_required": False},
    "lists.action-delete": {"delete_removes": True},
    "lists.scope": {"account_scope_in_bulk": False},
    "lists.name-compared": {"names_ignore_case": True},
    "lists.terms-false": {"terms_false_fails_upload": True},
    "lists.duration": {"max_membership_days": 180},
    "audiences.update": {"updates_customer_lists": False},
    "audiences.sizes": {"size_delay_seconds": 0},
    "records.lists-accepted": {"entity_records": "unsupported"},
    "records.status": {},
    "records.empty": {},
    "status.result-url": {"result_url_seconds": 900},
}
"""Rows that the check must refute with these settings (two rows of entity records depend on the operation)."""


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    running = Simulator(tmp_path_factory.mktemp("live") / "data")
    running.api.control("settings", {"queue_seconds": 0, "processing_seconds": 0})
    yield running
    running.end(signal.SIGTERM)


def account_of(simulator: Simulator) -> Account:
    return Account(**{key: value for key, value in simulator.ready.items() if key in Account.model_fields})


def waiting(simulator: Simulator) -> Callable[[float], None]:
    """Minutes pass on the simulated clock; seconds are shortened."""

    def wait(seconds: float) -> None:
        if seconds > 60:
            simulator.api.control("clock", {"advance_seconds": seconds})
        else:
            time.sleep(0.02)

    return wait


def checked(simulator: Simulator, *, slow: bool = True) -> Record:
    environment = Environment.at(simulator.ready["base_url"])
    return run(account_of(simulator), environment, slow=slow, wait=waiting(simulator))


def verdicts(record: Record, verdict: Verdict) -> set[str]:
    return {finding.key for finding in record.findings if finding.verdict is verdict}


def living(simulator: Simulator) -> list[str]:
    return [entry["name"] for entry in simulator.api.control("audiences") if not entry["deleted"]]


def test_the_default_reading_is_confirmed(simulator: Simulator) -> None:
    record = checked(simulator)
    assert record.trouble == ()
    assert verdicts(record, Verdict.REFUTED) == set()
    confirmed = verdicts(record, Verdict.CONFIRMED)
    assert confirmed >= set(OTHER_READINGS) - {"audiences.sizes"}
    assert len(confirmed) >= 35
    assert verdicts(record, Verdict.NOT_SEEN) == {"audiences.sizes"}
    assert (record.left, living(simulator)) == ((), [])


def test_the_other_reading_is_refuted(simulator: Simulator) -> None:
    before = simulator.api.control("settings")
    for changes in OTHER_READINGS.values():
        simulator.api.control("settings", changes)
    try:
        record = checked(simulator)
    finally:
        simulator.api.control("settings", before)
    assert record.trouble == ()
    assert verdicts(record, Verdict.REFUTED) == set(OTHER_READINGS)
    assert (record.left, living(simulator)) == ((), [])


def test_slow_probes_run_only_on_request(simulator: Simulator) -> None:
    [probe] = [probe for probe in PROBES if probe.__name__ == "result_urls"]
    environment = Environment.at(simulator.ready["base_url"])
    record = run(account_of(simulator), environment, probes=[probe], wait=waiting(simulator))
    assert verdicts(record, Verdict.NOT_SEEN) == {"status.result-url", "status.gone"}


def test_the_record_has_codes_and_no_secrets(simulator: Simulator, tmp_path: Path) -> None:
    record = checked(simulator, slow=False)
    written, page = write(record, tmp_path / "made")
    text = written.read_text() + page.read_text()
    for secret in ("client_secret", "refresh_token", "developer_token", "account_id", "customer_id"):
        assert simulator.ready[secret] not in text
    assert not re.search(r"[0-9a-fA-F]{64}|Bearer|/Results/", text)
    rows = {row["key"]: row for row in json.loads(written.read_text())["rows"]}
    assert rows["items.upper-case"] == {
        "key": "items.upper-case",
        "behaviour": "Upper-case hex is refused (`upper_case_hashes` accepts it).",
        "basis": "assumed",
        "verdict": "confirmed",
        "observed": "CompletedWithErrors, row [8004]",
    }
    assert rows["kept.resumed"]["verdict"] == "not seen"
    assert page.read_text().index("## Refuted: 0") < page.read_text().index("## Confirmed")


def test_lists_are_deleted_after_any_failure(simulator: Simulator) -> None:
    def breaks_off(session: Session) -> Iterator[Finding]:
        session.client.create_audience(f"{session.name} unnoticed", description="")
        yield Finding("items.hash", Verdict.CONFIRMED, "seen before it broke off")
        raise TerminalError("enough")

    def falls(session: Session) -> Iterator[Finding]:
        assert living(simulator)
        raise KeyboardInterrupt
        yield

    environment = Environment.at(simulator.ready["base_url"])
    record = run(account_of(simulator), environment, probes=[breaks_off], wait=waiting(simulator))
    assert record.trouble == ("breaks_off: TerminalError",)
    assert verdicts(record, Verdict.CONFIRMED) == {"items.hash"}
    assert living(simulator) == []
    with pytest.raises(KeyboardInterrupt):
        run(account_of(simulator), environment, probes=[falls], wait=waiting(simulator))
    assert living(simulator) == []


def test_a_list_that_cannot_be_deleted_is_reported(simulator: Simulator) -> None:
    def in_use(session: Session) -> Iterator[Finding]:
        simulator.api.control(f"audiences/{session.audience_id}", {"associated": True})
        yield from ()

    lines: list[str] = []
    environment = Environment.at(simulator.ready["base_url"])
    record = run(
        account_of(simulator), environment, probes=[in_use], wait=waiting(simulator), tell=lines.append
    )
    [left] = record.left
    assert lines[-1] == f"NOT deleted: {left}"
    assert not as_json(record)["all_lists_deleted"]
    assert f"**Not deleted: {left}.**" in as_markdown(record)
    simulator.api.control(f"audiences/{left}", {"deleted": True})


def test_other_lists_are_not_deleted(simulator: Simulator) -> None:
    audience = simulator.api.create("customer-match live check of somebody else")
    environment = Environment.at(simulator.ready["base_url"])
    run(account_of(simulator), environment, probes=[], wait=waiting(simulator))
    assert living(simulator) == ["customer-match live check of somebody else"]
    simulator.api.control(f"audiences/{audience}", {"deleted": True})


def test_without_a_sign_in_nothing_is_checked(simulator: Simulator) -> None:
    account = account_of(simulator).model_copy(update={"client_id": "unknown"})
    lines: list[str] = []
    with pytest.raises(ConfigurationError):
        run(account, Environment.at(simulator.ready["base_url"]), tell=lines.append)
    assert lines[-1].startswith("NOT deleted: perhaps a list named")  # it cannot know
