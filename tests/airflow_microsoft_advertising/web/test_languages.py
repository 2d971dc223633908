"""The languages of the pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po

from airflow_microsoft_advertising import web
from airflow_microsoft_advertising.web.connections.form import ENVIRONMENTS, PROBLEMS, SHARED, TRANSPORTS
from airflow_microsoft_advertising.web.exports_page import SERVING, SHOWN, SORTS, STATES
from airflow_microsoft_advertising.web.languages import LANGUAGES, Language, chosen_language
from customer_match.addresses.definition import Rejection
from customer_match.audit.events import EntriesDeleted, MembersErased, RunEnded, RunStarted, SegmentEnded
from customer_match.erasure.evidence import Outcome as ErasureOutcome
from customer_match.runs.report import Outcome
from customer_match.runs.states import RunKind, RunState

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
TRANSLATED = [code for code in LANGUAGES if code != "en"]
PLOTS = {"Members", "Added and removed", "Profiles without a usable address", "Match rate"}
EVENTS = RunStarted, SegmentEnded, RunEnded, MembersErased, EntriesDeleted
WORDS = {
    *SERVING,
    *STATES,
    *ENVIRONMENTS.values(),
    *TRANSPORTS.values(),
    *SHARED.values(),
    *PROBLEMS.values(),
    *SHOWN.values(),
    *SORTS.values(),
    *(state.value for state in RunState),
    *(outcome.value for outcome in Outcome),
    *(kind.value for kind in RunKind),
    *(outcome.value for outcome in ErasureOutcome),
    *(
        kind.model_fields["event"].default
        for kind in (RunStarted, SegmentEnded, RunEnded, MembersErased, EntriesDeleted)
    ),
    "unknown",  # kind of a run
    *PLOTS,
    *(reason.replace("_", " ") for reason in Rejection),
}


def texts_of_templates() -> set[str]:
    """All texts that the templates translate."""
    found: set[str] = set()
    for template in files(web).joinpath("templates").iterdir():
        if template.name.endswith(".j2"):
            with template.open("rb") as file:
                for _, message, _, _ in extract("jinja2.ext:babel_extract", file, options={}):
                    found |= {message} if isinstance(message, str) else set(message)
    return found


@pytest.mark.parametrize("code", TRANSLATED)
def test_every_text_is_translated_and_no_other(code: str) -> None:
    with files(web).joinpath(f"locales/{code}.po").open("rb") as file:
        catalogue = read_po(file, locale=code)
    known = {
        part for one in catalogue if one.id for part in (one.id if isinstance(one.id, tuple) else (one.id,))
    }
    assert known == texts_of_templates() | WORDS
    assert all(one.string for one in catalogue if one.id)
    assert not [one.id for one in catalogue for _ in one.check(catalogue)]


def test_numbers_shares_and_times_follow_the_language() -> None:
    english, french = Language("en"), Language("fr")
    assert (english.number(1_234_567), french.number(1_234_567)) == ("1,234,567", "1\u202f234\u202f567")
    assert (english.share(0.1234, 1), french.share(0.1234, 1)) == ("12.3%", "12,3\xa0%")
    assert english.change(1_200, "+") == "+1,200"
    assert english.change(0, "−") == "−0"
    assert english.ago(NOW - timedelta(hours=3), NOW) == "3 hours ago"
    assert french.ago(NOW + timedelta(days=2), NOW) == "dans 2 jours"
    assert english.time(NOW) == "Jun 10, 2026, 12:00:00\u202fPM UTC"


def test_what_is_unknown_is_a_dash() -> None:
    language = Language("en")
    assert [
        language.number(None),
        language.share(None),
        language.change(None, "+"),
        language.ago(None, NOW),
    ] == ["–"] * 4


def test_plurals() -> None:
    french = Language("fr")
    assert [french.ngettext("%(num)s run", "%(num)s runs", n) for n in (0, 1, 2)] == [
        "%(num)s exécution",
        "%(num)s exécution",
        "%(num)s exécutions",
    ]
    assert Language("en").ngettext("one", "many", 0) == "many"


def test_a_text_without_a_translation_stays_english() -> None:
    assert Language("fr").gettext("something new") == "something new"


@pytest.mark.parametrize(
    ("asked", "accepted", "chosen"),
    [
        (None, "", "en"),
        (None, "fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        (None, "de,en;q=0.8", "en"),
        (None, "de", "en"),
        ("fr", "en", "fr"),
        ("xx", "fr", "fr"),
        (None, "*, ;;,,", "en"),
    ],
)
def test_a_user_gets_the_best_language(asked: str | None, accepted: str, chosen: str) -> None:
    assert chosen_language(asked, accepted) == chosen
