"""The note of a run has links to report and audiences, in the part of it that Airflow always shows."""

from __future__ import annotations

from pathlib import Path

from airflow_microsoft_advertising.pages.note import note_of
from customer_match.runs.report_text import is_summary
from tests.airflow_microsoft_advertising.conftest import EXTRA, Connect
from tests.airflow_microsoft_advertising.run.small_lake import Lake

SUMMARY = "1 of 2 segments succeeded.\n- Gold: failed.\n- Silver: delivered."
REPORT = "[Report](/customer-match/reports/autumn/run-1)"
URL = "https://ui.ads.microsoft.com/campaign/vnext/audiences?cid=1&aid=2"


def test_the_first_line_has_the_links(tmp_path: Path, connect: Connect) -> None:
    connect()
    note = note_of(Lake(tmp_path).run(), SUMMARY)
    first, *others = note.splitlines()
    assert first == f"1 of 2 segments succeeded. {REPORT} · [Audiences at Microsoft Advertising]({URL})"
    assert others == SUMMARY.splitlines()[1:]
    assert is_summary(note), "the note of a later report replaces it"


def test_another_host_has_its_own_page(tmp_path: Path, connect: Connect) -> None:
    connect(extra=EXTRA | {"environment": "other", "base_url": "http://127.0.0.1:1"})
    assert "(http://127.0.0.1:1)" in note_of(Lake(tmp_path).run(), SUMMARY)


def test_without_a_connection_there_is_no_link_to_audiences(tmp_path: Path, airflow_db: Path) -> None:
    first, *others = note_of(Lake(tmp_path).run(), SUMMARY).splitlines()
    assert first == f"1 of 2 segments succeeded. {REPORT}"
    assert others == SUMMARY.splitlines()[1:]
