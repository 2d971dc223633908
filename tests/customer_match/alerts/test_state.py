"""When an alert is due: once for each change, and for each target until it was delivered."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any

from customer_match.alerts.conditions import Condition, Findings, findings_without_report
from customer_match.alerts.state import CLAIM, AlertState
from customer_match.export.alerts.deadline import Due
from customer_match.export.alerts.section import Kind
from tests.customer_match.alerts.runs import NOW, facts, shows

FAILURE, GUARD, PARTIAL = Kind.FAILURE, Kind.GUARD, Kind.PARTIAL


class Announcements:
    """Runs one after the other, all alerts of which are delivered."""

    def __init__(self, when: Collection[Kind] = tuple(Kind)) -> None:
        self.state = AlertState()
        self.when = when

    def run(self, findings: Findings) -> str | None:
        """The kind of the alert after a run, and what it is about; None without one."""
        after = self.state.after(facts(), findings, self.when, ["mail"], NOW)
        self.state = after.model_copy(update={"owed": ()})
        assert len(after.owed) <= 1
        return f"{after.owed[0].alert.kind}: {after.owed[0].alert.title}" if after.owed else None


def test_a_failure_is_announced_once_and_so_is_its_end() -> None:
    runs = Announcements()
    assert runs.run(shows(good="Gold Silver")) is None
    assert runs.run(shows(good="Silver", Gold=FAILURE)) == "failure: Autumn campaign: 1 segment failed"
    assert runs.run(shows(good="Silver", Gold=FAILURE)) is None
    assert runs.run(shows(good="Gold Silver")) == "recovery: Autumn campaign: works again"
    assert runs.run(shows(good="Gold Silver")) is None
    assert runs.run(shows(good="Silver", Gold=FAILURE)) == "failure: Autumn campaign: 1 segment failed"


def test_one_alert_for_all_segments_of_a_run() -> None:
    title = Announcements().run(shows(A=FAILURE, B=FAILURE, C=GUARD, D=PARTIAL))
    assert title == "failure: Autumn campaign: 2 segments failed, 1 stopped by a guard, 1 delivered in part"


def test_another_segment_or_another_kind_is_news() -> None:
    runs = Announcements()
    assert (
        runs.run(shows(good="Silver", Gold=PARTIAL))
        == "partial: Autumn campaign: 1 segment delivered in part"
    )
    assert runs.run(shows(Silver=GUARD, Gold=PARTIAL)) == (
        "guard: Autumn campaign: 1 segment stopped by a guard, 1 delivered in part"
    )
    assert runs.run(shows(Silver=FAILURE, Gold=PARTIAL)) is not None
    assert runs.run(shows(good="Gold", Silver=FAILURE)) is None, "one problem less is not announced"
    assert runs.run(shows(good="Silver", Gold=PARTIAL)) is not None, "but it is news if it comes back"


def test_a_run_of_some_segments_says_nothing_about_the_others() -> None:
    runs = Announcements()
    assert runs.run(shows(Gold=FAILURE, Silver=FAILURE))
    assert runs.run(shows(good="Gold", complete=False)) is None
    assert runs.run(shows(good="Silver", complete=False)) == "recovery: Autumn campaign: works again"


def test_a_skipped_segment_neither_fails_nor_recovers() -> None:
    runs = Announcements()
    assert runs.run(shows(Gold=FAILURE))
    assert runs.run(shows(skipped="Gold")) is None
    assert runs.run(shows(Gold=FAILURE)) is None
    assert runs.run(shows(good="Gold")) == "recovery: Autumn campaign: works again"


def test_a_segment_that_the_export_no_longer_has_is_over() -> None:
    runs = Announcements()
    assert runs.run(shows(good="Silver", Gold=FAILURE))
    assert runs.run(shows(good="Silver")) == "recovery: Autumn campaign: works again"


def test_a_run_that_fails_as_a_whole() -> None:
    """It says nothing about single segments."""
    runs = Announcements()
    assert runs.run(shows(Gold=GUARD))
    broken = findings_without_report("No table was found.")
    assert runs.run(broken) == "failure: Autumn campaign: the run failed"
    assert runs.run(broken) is None
    assert runs.run(shows(Gold=GUARD)) is None
    assert runs.run(shows(good="Gold")) == "recovery: Autumn campaign: works again"


def test_only_the_chosen_kinds_count() -> None:
    runs = Announcements(when=[FAILURE, Kind.RECOVERY])
    assert runs.run(shows(Gold=GUARD, Silver=PARTIAL)) is None
    assert runs.run(shows(good="Gold Silver")) is None, "what was not announced does not end"
    assert runs.run(shows(Gold=FAILURE, Silver=PARTIAL)) == "failure: Autumn campaign: 1 segment failed"
    quiet = Announcements(when=[FAILURE])
    assert quiet.run(shows(Gold=FAILURE))
    assert quiet.run(shows(good="Gold")) is None
    assert quiet.run(shows(Gold=FAILURE)), "it began again"


# --- Deliveries --------------------------------------------------------------------------------------------


def owing() -> AlertState:
    return AlertState().after(facts(), shows(Gold=FAILURE), tuple(Kind), ["mail", "chat"], NOW)


def test_each_target_is_owed_an_alert_until_it_has_it() -> None:
    state = owing().claimed("first", ["mail", "chat"], NOW)
    mail, chat = state.claims_of("first")
    assert (mail.target, chat.target) == ("mail", "chat")
    state = state.settled("first", [mail])
    assert [one.target for one in state.owed] == ["chat"]
    later = NOW + timedelta(days=1)
    [again] = state.claimed("second", ["mail", "chat"], later).claims_of("second")
    assert again.target == "chat"


def test_two_runs_do_not_send_the_same_alert() -> None:
    state = owing().claimed("first", ["mail", "chat"], NOW)
    assert state.claimed("second", ["mail", "chat"], NOW).claims_of("second") == []
    assert len(state.claimed("first", ["mail", "chat"], NOW).claims_of("first")) == 2
    dead = NOW + CLAIM
    assert len(state.claimed("second", ["mail", "chat"], dead).claims_of("second")) == 2, (
        "the first one is dead"
    )


def test_an_alert_that_nobody_needs_any_more_is_dropped() -> None:
    assert owing().claimed("late", ["mail", "chat"], NOW + timedelta(days=3)).owed == ()
    assert [one.target for one in owing().claimed("next", ["chat"], NOW).owed] == ["chat"]
    state = AlertState()
    for number in range(50):
        one = Findings((Condition(f"S{number}", FAILURE, ""),), frozenset())
        state = state.after(facts(), one, tuple(Kind), ["mail"], NOW)
    assert len(state.owed) == 20
    assert len(state.open) == 50


# --- Deadlines ---------------------------------------------------------------------------------------------


class Deadlines(Announcements):
    """Deadlines and runs one after the other, all alerts of which are delivered."""

    def miss(self, day: int) -> str | None:
        """The alert of the missed deadline of a day; None without one."""
        due = Due(moment=NOW + timedelta(days=day), since=NOW + timedelta(days=day, hours=-2))
        after = self.state.after_deadline(facts(), due, "late", ["mail"], NOW)
        self.state = after.model_copy(update={"owed": ()})
        return f"{after.owed[0].alert.kind}: {after.owed[0].alert.title}" if after.owed else None

    def deliver(self, day: int, **findings: Any) -> str | None:
        return self.run(replace(shows(good="Gold", **findings), up_to=NOW + timedelta(days=day, hours=-1)))


def test_a_missed_deadline_is_announced_once_and_so_is_the_late_run() -> None:
    one = Deadlines()
    assert one.miss(0) == "deadline: Autumn campaign: not up to date in time"
    assert one.miss(0) is None
    assert one.run(shows(good="Gold", Silver=FAILURE)) == "failure: Autumn campaign: 1 segment failed"
    assert one.deliver(-1) is None, "data from before the deadline"
    assert one.deliver(0) == "recovery: Autumn campaign: up to date, but late"
    assert one.deliver(0) is None
    assert one.miss(1) == "deadline: Autumn campaign: not up to date in time"


def test_each_missed_deadline_is_announced_and_one_late_run_ends_all() -> None:
    one = Deadlines()
    assert [one.miss(0), one.miss(1)] == ["deadline: Autumn campaign: not up to date in time"] * 2
    assert one.deliver(0) == "recovery: Autumn campaign: up to date, but late"
    assert one.state.missed[0].moment == NOW + timedelta(days=1)
    assert one.deliver(1) == "recovery: Autumn campaign: up to date, but late"
    assert one.state.missed == ()


def test_a_late_run_that_refused_members_says_both() -> None:
    one = Deadlines()
    one.run(shows(good="Gold", Silver=PARTIAL))
    one.miss(0)
    assert one.deliver(0, Silver=PARTIAL) == "recovery: Autumn campaign: up to date, but late"
    assert one.state.open == {"Silver": PARTIAL}
    assert one.deliver(0) == "recovery: Autumn campaign: works again"


def test_a_late_run_is_not_announced_to_those_who_do_not_want_it() -> None:
    one = Deadlines(when=[Kind.DEADLINE])
    one.miss(0)
    assert one.deliver(0) is None
    assert one.state.missed == ()
