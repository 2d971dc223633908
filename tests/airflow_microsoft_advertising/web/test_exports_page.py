"""The page of all exports."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from airflow_microsoft_advertising.web.exports_page import (
    Asked,
    export_state,
    exports_html,
    select_exports,
)
from airflow_microsoft_advertising.web.languages import language_of
from airflow_microsoft_advertising.web.listing import Awaited, LastRun, ListedExport
from airflow_microsoft_advertising.web.rights import Rights
from airflow_microsoft_advertising.web.templates import Frame
from customer_match.history.overview import AudienceOverview, Overview
from customer_match.runs.report import Outcome
from customer_match.runs.states import RunState
from tests.airflow_microsoft_advertising.web.metadata import NOW

GOLD = AudienceOverview(
    segment="vip_table", audience="Gold & silver", audience_id="77", outcome=Outcome.DELIVERED, read=NOW,
    ran=NOW - timedelta(hours=2), profiles=12_000, valid=9_000, rejected={"missing": 900, "not_an_address": 100},
    members=8_500, added=1_500,
    removed=20, source_modified=NOW - timedelta(hours=5), size=3_400, match_rate=0.4,
    members_course=(8_000, None, 8_500), match_course=(0.35, None, 0.4),
)  # fmt: skip
OVERVIEW = Overview(
    export="autumn",
    run_id="manual__1",
    state=RunState.SUCCESS,
    interval_end=NOW,
    started=NOW,
    ended=NOW,
    audiences=(GOLD,),
)


def export(dag_id: str = "autumn", **changes: Any) -> ListedExport:
    values: dict[str, Any] = {
        "title": dag_id.title(), "description": None, "schedule": "At 05:00", "awaited": None, "is_paused": False,
        "is_broken": False,
        "next_run": NOW + timedelta(hours=17), "overview": OVERVIEW,
        "last_run": LastRun("manual__1", "success", NOW - timedelta(hours=3)),
    }  # fmt: skip
    return ListedExport(dag_id=dag_id, **(values | changes))


def with_audience(**changes: Any) -> ListedExport:
    return export(overview=OVERVIEW.model_copy(update={"audiences": (GOLD.model_copy(update=changes),)}))


def page(*exports: ListedExport, language: str = "en", asked: Asked | None = None, **rights: set[str]) -> str:
    may = Rights(**{name: frozenset(dags) for name, dags in rights.items()})
    return exports_html(exports, asked or Asked(), may, Frame(language_of(language), "/flow/", NOW, "n0nce"))


def text(html: str) -> str:
    """What a reader sees, without styles and scripts."""
    body = re.sub(r"<(style|script).*?</\1>", "", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def test_a_line_shows_whether_an_audience_is_right() -> None:
    seen = text(page(export()))
    for words in (
        "Autumn success", "At 05:00 · next run in 17 hours", "last run 3 hours ago", "Gold &amp; silver vip_table",
        "delivered 2 hours ago 12,000", "90% 900 missing 100 not an address", "8,500 +1,500 −20", "3,400 40% +5%",
        "serves, bids may be raised", "5 hours ago",
    ):  # fmt: skip
        assert words in seen


@pytest.mark.parametrize(
    ("awaited", "english", "french"),
    [
        (Awaited(("sales",)), "when sales is refreshed", "quand sales est actualisé"),
        (Awaited(("a", "b")), "when a or b is refreshed", "quand a ou b est actualisé"),
        (Awaited(("a", "b"), all=True), "when a and b are refreshed", "quand a et b sont actualisés"),
        (Awaited((), is_source=True), "when its source is refreshed", "quand sa source est actualisée"),
        (None, "only by hand", "uniquement à la main"),
    ],
)
def test_what_starts_an_export_without_times(awaited: Awaited | None, english: str, french: str) -> None:
    found = export(schedule=None, awaited=awaited, next_run=None)
    assert english in text(page(found))
    assert french in text(page(found, language="fr"))


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (None, "not known yet"),
        (299, "too small to serve"),
        (300, "serves"),
        (1_000, "serves, bids may be raised"),
    ],
)
def test_serving_depends_on_the_matched_users(size: int | None, words: str) -> None:
    assert f"> {words}<".replace("> ", ">") in page(with_audience(size=size))


def test_what_failed_says_why() -> None:
    seen = page(with_audience(outcome=Outcome.FAILED, message="validate: no table <b>", refused=7))
    assert "validate: no table &lt;b&gt;" in seen
    assert "7 refused by the service" in seen


def test_a_run_that_failed_before_it_had_results_says_why() -> None:
    """Its note is Markdown, and may hold names of tables."""
    note = "No segments were selected. Did you mean `dry_run`? <b>[Report](/r)</b>"
    failed = LastRun("later", "failed", NOW, note)
    seen = page(export(last_run=failed))
    assert "<code>dry_run</code>? &lt;b&gt;" in seen
    assert "No segments" not in page(export(last_run=LastRun("later", "success", NOW, note)))
    assert "No segments" not in page(export(last_run=LastRun("manual__1", "failed", NOW, note)))


def test_a_broken_export_leads_to_what_is_wrong() -> None:
    seen = text(page(export(is_broken=True, overview=None, description="line 3: `x`", schedule=None)))
    assert "The export file is not valid. The page of the DAG says what to correct." in seen
    assert "line 3" not in seen
    assert "only by hand" not in seen


def test_an_old_table_is_marked() -> None:
    assert '<span class="warn">3 days ago' in page(with_audience(source_modified=NOW - timedelta(days=3)))
    assert '<span class="warn">' not in page(with_audience(source_modified=None))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("success", "good")),
        ({"is_broken": True}, ("file not valid", "bad")),
        ({"last_run": LastRun("r", "running", NOW)}, ("running", "none")),
        ({"overview": None, "last_run": LastRun("r", "failed", NOW)}, ("failed", "bad")),
        ({"last_run": LastRun("later", "failed", NOW)}, ("failed", "bad")),
        ({"last_run": LastRun("dry", "success", NOW)}, ("success", "good")),
        ({"overview": None, "last_run": None}, ("no run yet", "none")),
        ({"overview": OVERVIEW.model_copy(update={"state": RunState.GUARD})}, ("stopped by a guard", "warn")),
    ],
)
def test_the_state_of_an_export(changes: dict[str, Any], expected: tuple[str, str]) -> None:
    assert export_state(export(**changes)) == expected
    assert expected[0] in page(export(**changes))


def test_exports_are_found_by_any_of_their_names() -> None:
    exports = [export("autumn"), export("spring", overview=None)]
    for wanted, found in (("AUTUMN", ["autumn"]), ("silver", ["autumn"]), ("vip", ["autumn"]), ("x", [])):
        assert [one.dag_id for one in select_exports(exports, Asked(text=wanted))] == found
    assert "There is no such export." in page(*exports, asked=Asked(text="x"))
    assert "There are no exports yet" in page()


def test_exports_are_filtered_and_sorted() -> None:
    bad = OVERVIEW.model_copy(update={"state": RunState.FAILED})
    exports = [
        export("a"),
        export("b", is_paused=True, last_run=None, overview=None),
        export("c", overview=bad, last_run=LastRun("r", "failed", NOW)),
    ]

    def names(**asked: str) -> list[str]:
        return [one.dag_id for one in select_exports(exports, Asked(**asked))]

    assert names(show="attention") == ["c"]
    detached = [*exports, export("d", detached="gone")]
    assert [one.dag_id for one in select_exports(detached, Asked(show="attention"))] == ["c", "d"]
    assert names(show="paused") == names(show="never") == ["b"]
    assert names(sort="newest") == ["c", "a", "b"]
    assert names(sort="attention") == ["c", "a", "b"]
    assert names(show="nonsense", sort="nonsense") == ["a", "b", "c"]


def test_only_what_a_user_may_do_is_offered() -> None:
    assert '<button type="button"' not in page(export())
    everything = page(export(), run={"autumn"}, edit={"autumn"})
    assert re.findall(r"<button type=\"button\"[^>]*>([^<]+)", everything) == ["Run now", "Dry run", "Pause"]
    assert 'name="audience" value="Gold &amp; silver"' in everything
    assert "Resume" in page(export(is_paused=True), edit={"autumn"})
    assert '<button type="button"' not in page(export(is_broken=True), run={"autumn"}, edit={"autumn"})


def test_links_lead_to_airflow() -> None:
    seen = page(export("a b"))
    assert 'href="/flow/customer-match/exports/a%20b?lang=en"' in seen
    assert 'href="/flow/dags/a%20b/runs/manual__1"' in seen
    assert 'href="/flow/customer-match/reports/a%20b/manual__1"' in seen
    assert '<script nonce="n0nce">' in seen


def test_it_speaks_french() -> None:
    seen = page(export(), language="fr")
    assert '<html lang="fr">' in seen
    for words in (
        "Exportations",
        "12 000",
        "90 %",
        "il y a 3 heures",
        "diffusée, enchères augmentables",
    ):
        assert words in text(seen)
