"""The page of the ledgers of one export."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_microsoft_advertising.web.languages import language_of
from airflow_microsoft_advertising.web.ledgers_page import KnownLedgers, ledgers_html, ledgers_of
from airflow_microsoft_advertising.web.reports import UPLOAD
from airflow_microsoft_advertising.web.templates import Frame
from customer_match.ledger.summary import Summary
from tests.airflow_microsoft_advertising.conftest import Connect
from tests.airflow_microsoft_advertising.run.small_lake import GOLD, Lake, delivered, prepare
from tests.airflow_microsoft_advertising.web.metadata import NOW
from tests.airflow_microsoft_advertising.web.test_exports_page import GOLD as OVERVIEW_OF_GOLD
from tests.airflow_microsoft_advertising.web.test_exports_page import OVERVIEW, export, text

SUMMARY = Summary(
    export="autumn", audience="VIPs", audience_id="77", members=2_000, possible=2_000,
    interval_end="2026-06-09T05:00:00+00:00", updated_at="2026-06-09T05:04:00+00:00", unfinished=0, in_flight=[],
    late_until=None, busy=None, forced=None, renewed_at="2026-05-01T05:04:00+00:00", damage=None, states=3,
    deleted=False, workspace="w", generation="g-7", uncovered=None,
)  # fmt: skip


@pytest.fixture
def lake(tmp_path: Path, connect: Connect) -> Lake:
    """A small lake, and the connection of its export."""
    connect()
    return Lake(tmp_path)


def page(*summaries: Summary, language: str = "en", left_out: int = 0) -> str:
    frame = Frame(language_of(language), "/flow/", NOW, "n0nce")
    return text(ledgers_html(export(), KnownLedgers(summaries, left_out), frame))


def test_a_settled_ledger() -> None:
    seen = page(SUMMARY)
    for words in (
        "VIPs Id at Microsoft Advertising: 77 It holds 2,000 members.",
        "Data up to Jun 9, 2026", "All members were last sent: May 1, 2026", "Generation g-7",
        "No damage is recorded.",
    ):  # fmt: skip
        assert words in seen
    assert "Elle contient 2 000 membres." in page(SUMMARY, language="fr")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"possible": 2_100}, "It surely holds 2,000 members, and at most 2,100."),
        ({"members": 0, "possible": None}, "Which members it holds is not known."),
        ({"unfinished": 2, "in_flight": ["r-1"]}, "Parts that are not settled: 2; uploads in progress: r-1."),
        (
            {"late_until": "2026-06-10T13:00:00+00:00"},
            "Calls without an answer may take effect until Jun 10, 2026",
        ),
        ({"busy": "autumn / run-9"}, "A run works on it now: autumn / run-9."),
        ({"forced": "by the run r, over data up to x"}, "Older data was applied by force: by the run r"),
        ({"uncovered": "No room."}, "A write by another workspace would not be noticed: No room."),
        ({"damage": "Odd <file>."}, "the next run replaces the whole audience: Odd &lt;file&gt;."),
        ({"deleted": True}, "The audience was deleted"),
        ({"updated_at": None, "audience_id": None}, "Nothing was sent to this audience yet."),
    ],
)
def test_what_else_is_known(changes: dict[str, Any], words: str) -> None:
    seen = page(replace(SUMMARY, **changes))
    assert words in seen
    assert ("No damage is recorded." in seen) == ("damage" not in changes and "updated_at" not in changes)


def test_some_ledgers_are_left_out() -> None:
    assert "Further audiences: 3." in page(SUMMARY, left_out=3)
    assert "After its first run" in page()


def test_real_ledgers_are_read_without_their_members(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    run = lake.run()
    prepare(run, GOLD)
    delivered(run, GOLD)
    for file in Path(run.workspace.root).rglob("bounds/**/*.parquet"):
        file.write_bytes(b"")
    task = SimpleNamespace(account_id="2", workspace_root=run.workspace.root, workspace_conn_id=None)
    dag: Any = SimpleNamespace(task_dict={UPLOAD: task})
    named = [OVERVIEW_OF_GOLD.model_copy(update={"audience": name}) for name in (GOLD.audience, "Silver")]
    known = ledgers_of(dag, export(overview=OVERVIEW.model_copy(update={"audiences": tuple(named)})), NOW)
    gold, silver = known.summaries
    assert (gold.audience_id, gold.members, gold.possible, gold.damage) == ("77", 3, 3, None)
    assert (silver.updated_at, silver.members, silver.possible) == (None, 0, None)
    assert ledgers_of(SimpleNamespace(task_dict={}), export(), NOW).summaries == ()  # type: ignore[arg-type]


def test_an_export_with_many_audiences(lake: Lake) -> None:
    many = tuple(OVERVIEW_OF_GOLD.model_copy(update={"audience": f"VIPs {number}"}) for number in range(53))
    task = SimpleNamespace(account_id="2", workspace_root=lake.run().workspace.root, workspace_conn_id=None)
    dag: Any = SimpleNamespace(task_dict={UPLOAD: task})
    known = ledgers_of(dag, export(overview=OVERVIEW.model_copy(update={"audiences": many})), NOW)
    assert (len(known.summaries), known.left_out) == (50, 3)
