"""Before an export is removed, a run can empty or delete its audiences: all of them, and no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_microsoft_advertising.connection.consent import require_agreement
from airflow_microsoft_advertising.run.checks import permission
from customer_match.errors import ConfigurationError
from customer_match.runs.report import Outcome
from tests.airflow_microsoft_advertising.cli.test_local_run import service
from tests.airflow_microsoft_advertising.run.test_vanished_tables import (
    ENDINGS,
    LEFT,
    OUTCOME,
    TABLES,
    Days,
    days,
    of,
)

__all__ = ["days", "service"]

pytestmark = pytest.mark.slow  # each plays several runs, and their files are written durably


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("segments", ["all", list(TABLES)])
def test_all_audiences_end_and_no_table_is_needed(days: Days, ending: Any, segments: Any) -> None:
    """Tables that exist do not keep their audiences, and an empty lake stops nothing; nor do guards."""
    days.keys["segments"] = segments
    days.run()
    days.remove("Gold", "Silver")
    report = days.run(ending=ending)
    assert {one.audience for one in report.segments} == set(TABLES)
    for table in TABLES:
        told = of(report, table)
        assert (told.outcome, told.message) == (OUTCOME[ending], "Whoever started the run ordered it.")
        assert days.holds(table) == LEFT[ending]


def test_what_others_own_is_left_alone(days: Days) -> None:
    days.run()
    gold = days.audience("Gold")
    assert gold
    gold.description = "Taken over. [customer-match:winter/gold-0123456789ab]"
    report = days.run(ending="delete")
    told = of(report, "Gold")
    assert (
        told.message == "Whoever started the run ordered it. No audience certainly belongs to this segment."
    )
    assert (told.outcome, days.holds("Gold"), days.holds("Silver")) == (Outcome.UNCHANGED, 5, None)


def test_an_audience_that_the_file_names_by_its_id_ends_too(days: Days) -> None:
    days.run("Gold")
    gold = days.audience("Gold")
    assert gold
    days.keys["segments"] = [{"table": "Gold", "audience_id": int(gold.id)}, "Silver"]
    days.run()
    assert of(days.run(ending="delete"), "Gold").outcome is Outcome.DELETED
    assert gold.id not in days.service.audiences


def test_only_chosen_audiences(days: Days) -> None:
    days.run()
    days.run("Silver", ending="empty")
    assert [days.holds(table) for table in TABLES] == [5, 0, 5]


def test_a_dry_run_says_what_would_happen(days: Days) -> None:
    days.run()
    told = of(days.run(ending="delete", dry_run=True), "Gold")
    assert told.message == "Whoever started the run ordered it. The audience would be deleted."
    assert (told.outcome, days.holds("Gold")) == (Outcome.DRY_RUN, 5)


def test_a_later_run_delivers_again(days: Days) -> None:
    """The export still exists until its file is removed."""
    days.run()
    days.run(ending="delete")
    days.run()
    assert [days.holds(table) for table in TABLES] == [5, 5, 5]


def test_without_any_delivered_audience_there_is_nothing_to_end(days: Days) -> None:
    with pytest.raises(ConfigurationError, match="Remove its file"):
        days.run(ending="empty")


def test_it_is_possible_after_the_agreement_was_withdrawn(
    days: Days, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    days.run()

    def withdrawn(connection: object) -> None:
        raise ConfigurationError("Nobody has agreed.")

    assert permission.require_agreement is require_agreement
    monkeypatch.setattr(permission, "require_agreement", withdrawn)
    with pytest.raises(ConfigurationError, match="Nobody has agreed"):
        permission.check_permission(days.new())
    permission.check_permission(days.new(ending="delete"))
