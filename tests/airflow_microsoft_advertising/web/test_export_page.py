"""The page of one export."""

from __future__ import annotations

import re
from typing import Any

from airflow_microsoft_advertising.web.export_page import Past, export_html, past_of
from airflow_microsoft_advertising.web.languages import language_of
from airflow_microsoft_advertising.web.rights import Rights
from airflow_microsoft_advertising.web.templates import Frame
from customer_match.errors import TransientError
from customer_match.history.rows import rows_of
from customer_match.history.table import History
from customer_match.planning.sizes import AudienceSize, Readiness
from customer_match.runs.report import Outcome
from customer_match.runs.states import RunKind
from tests.airflow_microsoft_advertising.web.metadata import NOW
from tests.airflow_microsoft_advertising.web.test_exports_page import export, text
from tests.airflow_microsoft_advertising.web.test_languages import PLOTS
from tests.customer_match.history.runs import report_on
from tests.customer_match.runs.reports import a_segment
from tests.memory_storage import MemoryStorage


def workspace(runs: int = 3) -> Any:
    """A workspace with a history: each run has one more member, and the last one failed."""
    storage = MemoryStorage()
    for day in range(runs):
        is_last = day == runs - 1
        size = AudienceSize(
            audience="VIPs", audience_id="7", readiness=Readiness.READY, search_size=900, members=1_000
        )
        segment = a_segment(
            outcome=Outcome.FAILED if is_last else Outcome.DELIVERED, members=1_000 + day, added=1, removed=0,
            rejected={"missing": 5}, sizes=size,
        )  # fmt: skip
        run = report_on(day, segment, run_id=f"manual__{day}", kind=RunKind.MANUAL)
        History(storage, "autumn").record(rows_of(run))
    return storage


def page(past: Past, words: str = "", language: str = "en", rights: Rights | None = None) -> str:
    frame = Frame(language_of(language), "/flow/", NOW, "n0nce")
    return export_html(export(), past, words, rights or Rights(), frame)


def test_runs_come_newest_first_with_their_reports() -> None:
    past = past_of(workspace(), "autumn")
    assert [(run["run"], run["result"], run["members"]) for run in past.runs] == [
        ("manual__2", "failed", 1_002),
        ("manual__1", "success", 1_001),
        ("manual__0", "success", 1_000),
    ]
    seen = page(past)
    assert "2026-06-03 05:00 manual failed 0 / 1" in text(seen)
    assert re.findall(r'customer-match/reports/autumn/(\w+)"', seen) == [
        "manual__2",
        "manual__1",
        "manual__0",
    ]
    assert 'href="/flow/dags/autumn/runs/manual__2" data-open' in seen


def test_the_course_is_drawn() -> None:
    past = past_of(workspace(), "autumn")
    assert {plot.title for plot in past.plots} == PLOTS
    assert page(past).count("<svg") == len(PLOTS)
    assert "Last 3 runs" in text(page(past))
    assert past_of(workspace(1), "autumn").plots == []


def test_dry_runs_are_no_part_of_the_course() -> None:
    storage = workspace()
    History(storage, "autumn").record(rows_of(report_on(5, a_segment(), run_id="manual__5", dry_run=True)))
    past = past_of(storage, "autumn")
    assert (len(past.runs), past.course) == (4, 3)
    assert "Last 3 runs" in text(page(past))


def test_at_most_thirty_runs_are_shown() -> None:
    assert [run["run"] for run in past_of(workspace(32), "autumn").runs][::29] == ["manual__31", "manual__2"]


def test_an_export_without_runs() -> None:
    assert past_of(MemoryStorage(), "autumn") == Past()
    assert "There was no run yet." in text(page(Past()))


def test_a_history_that_cannot_be_read_hides_nothing_else() -> None:
    class Gone(MemoryStorage):
        def list(self, relative: str, /) -> list[str]:
            raise TransientError("The storage of anna@example.com does not answer.")

    past = past_of(Gone(), "autumn")
    seen = text(page(past, "Segments of *autumn*"))
    assert "The history cannot be read: The storage of" in seen
    assert "example.com" not in seen
    assert "Segments of autumn" in seen
    assert "There was no run yet." not in seen


def test_the_configuration_is_in_words() -> None:
    seen = page(Past(), "# Autumn\n\n- from `abfs://lake/a`\n- <script>alert(1)</script>\n")
    assert "<code>abfs://lake/a</code>" in seen
    assert "&lt;script&gt;alert(1)" in seen


def test_it_speaks_french() -> None:
    seen = text(page(past_of(workspace(), "autumn"), language="fr"))
    for words in (
        "Toutes les exportations",
        "3 dernières exécutions",
        "à la main échouée",
        "Taux de correspondance",
    ):
        assert words in seen


def test_links_for_those_who_may_edit() -> None:
    assert "/edit" not in page(Past())
    assert "copy=" not in page(Past())
    shown = page(Past(), rights=Rights(edit=frozenset({"autumn"}), add=True), language="fr")
    assert 'href="/flow/customer-match/exports/autumn/edit?lang=fr">Modifier</a>' in shown
    assert 'href="/flow/customer-match/new?copy=autumn&amp;lang=fr">Dupliquer</a>' in shown
