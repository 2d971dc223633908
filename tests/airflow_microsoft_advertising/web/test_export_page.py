"""The page of one export."""

from __future__ import annotations

import re
from typing import Any

import pytest

from airflow_microsoft_advertising.web.decisions.deciding import Obstacle
from airflow_microsoft_advertising.web.export_page import Past, Problem, export_html, past_of
from airflow_microsoft_advertising.web.languages import language_of
from airflow_microsoft_advertising.web.rights import Rights
from airflow_microsoft_advertising.web.templates import Frame
from customer_match.errors import TransientError
from customer_match.history.rows import rows_of
from customer_match.history.table import History
from customer_match.planning.sizes import AudienceSize, Readiness
from customer_match.runs.decisions import Verdict
from customer_match.runs.findings import version_of
from customer_match.runs.folders import report_file
from customer_match.runs.report import Outcome
from customer_match.runs.states import RunKind
from tests.airflow_microsoft_advertising.web.metadata import NOW
from tests.airflow_microsoft_advertising.web.test_exports_page import export, text
from tests.airflow_microsoft_advertising.web.test_languages import PLOTS
from tests.customer_match.history.runs import report_on
from tests.customer_match.runs.decided import REMOVED, decision
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


def no_states(_: Any) -> dict[str, str]:
    """Airflow knows none of the runs."""
    return {}


def page(past: Past, words: str = "", language: str = "en", **more: Any) -> str:
    shown = more.pop("export", export())
    rights = more.pop("rights", Rights())
    return export_html(
        shown, past, words, rights, Frame(language_of(language), "/flow/", NOW, "n0nce"), **more
    )


def test_runs_come_newest_first_with_their_reports() -> None:
    past = past_of(workspace(), "autumn", no_states)
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
    past = past_of(workspace(), "autumn", no_states)
    assert {plot.title for plot in past.plots} == PLOTS
    assert page(past).count("<svg") == len(PLOTS)
    assert "Last 3 runs" in text(page(past))
    assert past_of(workspace(1), "autumn", no_states).plots == []


def test_dry_runs_are_no_part_of_the_course() -> None:
    storage = workspace()
    History(storage, "autumn").record(rows_of(report_on(5, a_segment(), run_id="manual__5", dry_run=True)))
    past = past_of(storage, "autumn", no_states)
    assert (len(past.runs), past.course) == (4, 3)
    assert "Last 3 runs" in text(page(past))


def test_at_most_thirty_runs_are_shown() -> None:
    assert [run["run"] for run in past_of(workspace(32), "autumn", no_states).runs][::29] == [
        "manual__31",
        "manual__2",
    ]


def test_an_export_without_runs() -> None:
    assert past_of(MemoryStorage(), "autumn", no_states) == Past()
    assert "There was no run yet." in text(page(Past()))


def test_a_history_that_cannot_be_read_hides_nothing_else() -> None:
    class Gone(MemoryStorage):
        def list(self, relative: str, /) -> list[str]:
            raise TransientError("The storage of anna@example.com does not answer.")

    past = past_of(Gone(), "autumn", no_states)
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
    seen = text(page(past_of(workspace(), "autumn", no_states), language="fr"))
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


# --- Guards and reports ------------------------------------------------------------------------------------

MAY = Rights(decide=frozenset({"autumn"}))


def guarded(state: str | None = "failed", **changes: Any) -> Past:
    """An export with one stopped segment."""
    values = {"guards": ("max_removed",), "findings": (REMOVED,), "message": "chunk: Too many."} | changes
    storage = MemoryStorage()
    report = report_on(0, a_segment(Outcome.FAILED, **values), export="autumn", run_id="manual__0")
    storage.write_bytes(report_file("autumn", "manual__0"), report.model_dump_json().encode())
    History(storage, "autumn").record(rows_of(report))
    return past_of(storage, "autumn", lambda ids: dict.fromkeys(ids, state) if state else {})


def test_a_stopped_segment_has_a_form() -> None:
    seen = page(guarded(), rights=MAY)
    assert 'action="/flow/customer-match/exports/autumn/decisions?lang=en"' in seen
    for name, value in {"run_id": "manual__0", "audience": "VIPs", "shown": version_of([REMOVED])}.items():
        assert f'name="{name}" value="{value}"' in seen
    assert "guards: max_removed 600 of 1,000 members would be removed" in text(seen)
    assert "is paused" not in seen
    assert "The export is paused" in page(guarded(), rights=MAY, export=export(is_paused=True))


@pytest.mark.parametrize(
    ("past", "rights", "words"),
    [
        pytest.param(guarded(), Rights(), "Somebody who may run this export has to", id="no right"),
        pytest.param(guarded("running"), MAY, "The run is going on. Its end shows", id="going on"),
        pytest.param(guarded("queued"), MAY, "The run is going on. Its end shows", id="queued"),
        pytest.param(guarded(None), MAY, "This run cannot go on here.", id="not in Airflow"),
        pytest.param(guarded(findings=()), MAY, "This run cannot go on here.", id="of an earlier release"),
        pytest.param(
            guarded(decisions=(decision(Verdict.REFUSED),)),
            MAY,
            "Refused by anna on 2026-06-01",
            id="refused",
        ),
    ],
)
def test_nobody_decides_where_nothing_would_go_on(past: Past, rights: Rights, words: str) -> None:
    seen = page(past, rights=rights)
    assert words in text(seen)
    assert "<form" not in seen


@pytest.mark.parametrize("kind", [*Obstacle, "storage"])
@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_decision_that_was_not_kept(kind: str, language: str) -> None:
    problem = Problem(kind, "by <b>bob</b>", "VIPs", 'be"cause')
    seen = page(guarded(), rights=MAY, problem=problem, language=language)
    [alert] = re.findall(r'role="alert">(.*?)</p>', seen, flags=re.DOTALL)
    assert len(text(alert)) > len("VIPs: by <b>bob</b>") + 10
    assert "<b>bob" not in seen
    assert 'value="be&#34;cause"' in seen
    assert ('aria-invalid="true"' in seen) == (kind == "no reason")


def test_problems_are_said_where_nothing_is_stopped() -> None:
    assert "not stopped by a guard any more" in text(page(Past(), problem=Problem("not stopped", "", "VIPs")))


def test_guards_of_the_last_runs_are_listed() -> None:
    seen = text(page(guarded(decisions=(decision(Verdict.REFUSED),))))
    assert (
        "2026-06-01 05:00 VIPs max_removed chunk: Too many. Refused by anna on 2026-06-01 12:00 UTC: half of the table"
        in seen
    )


def test_parts_and_requests_of_the_last_run() -> None:
    seen = text(page(guarded(parts=2, route="bulk", sent=1_520, requests=("r-1", "r-2"))))
    assert "VIPs 2 bulk 1,520 r-1, r-2" in seen
    assert "VIPs 1 apply 1,520 2 calls" in text(page(guarded(parts=1, route="apply", calls=2)))


def test_a_dry_run_has_sent_nothing() -> None:
    storage = MemoryStorage()
    for day, dry in enumerate((False, True)):
        report = report_on(day, a_segment(), export="autumn", run_id=f"manual__{day}", dry_run=dry)
        storage.write_bytes(report_file("autumn", f"manual__{day}"), report.model_dump_json().encode())
        History(storage, "autumn").record(rows_of(report))
    last = past_of(storage, "autumn", no_states).last
    assert last
    assert last.run_id == "manual__0"


def test_reports_can_be_kept() -> None:
    seen = page(guarded())
    for file in ("report.html", "report.json"):
        assert f'href="/flow/customer-match/reports/autumn/manual__0/{file}" data-open' in seen


def test_a_missing_or_damaged_report_hides_nothing_else() -> None:
    for content in (None, b"{}"):
        storage = workspace(1)
        if content:
            storage.write_bytes(report_file("autumn", "manual__0"), content)
        past = past_of(storage, "autumn", no_states)
        assert (past.last, past.stopped, len(past.runs)) == (None, [], 1)


def test_many_stopped_runs_take_few_reads() -> None:
    storage = MemoryStorage()
    for number in range(25):
        stopped = a_segment(
            Outcome.FAILED, audience=f"VIPs {number}", guards=("max_removed",), findings=(REMOVED,)
        )
        report = report_on(number, stopped, export="autumn", run_id=f"manual__{number}")
        storage.write_bytes(report_file("autumn", f"manual__{number}"), report.model_dump_json().encode())
        History(storage, "autumn").record(rows_of(report))
    assert len(past_of(storage, "autumn", no_states).stopped) == 10
