"""What an alert says: what, how many, the next step, the links; no address, and nothing that another format reads."""

from __future__ import annotations

from customer_match.alerts.conditions import WHOLE_RUN, Condition
from customer_match.alerts.message import alert_of_problems, alert_of_recovery
from customer_match.export.alerts.section import Kind
from tests.customer_match.alerts.runs import facts
from tests.customer_match.runs.reports import Page

GOLD = Condition("Gold", Kind.FAILURE, "validate: The column 'Email' is missing. Correct `email`.")


def test_an_alert_says_what_how_many_the_next_step_and_where() -> None:
    partial = Condition("Silver", Kind.PARTIAL, "Refused 3.")
    alert = alert_of_problems(facts(report_url="https://airflow.example.com/report"), [GOLD, partial], 1, 5)
    assert alert.kind is Kind.FAILURE
    assert alert.title == "Autumn campaign: 1 segment failed, 1 delivered in part"
    assert alert.text == (
        "Export autumn, run scheduled__2026-06-01, data up to 2026-06-01 12:00 UTC.\n\n"
        "2 of 5 segments have problems.\n"
        "- Gold: validate: The column 'Email' is missing. Correct `email`.\n"
        "- Silver: Refused 3.\n\n"
        "Next step: correct what the messages name. The next run sends what is missing; until then these audiences may "
        "be out of date.\n"
        "Next step: check the reasons. These audiences were delivered, but some people are missing.\n\n"
        "Run in Airflow: https://airflow.example.com/dags/autumn/runs/scheduled__2026-06-01\n"
        "Report: https://airflow.example.com/report"
    )


def test_the_kind_is_that_of_the_news() -> None:
    known = Condition("Silver", Kind.FAILURE, "Known.")
    news = Condition("Gold", Kind.GUARD, "Too many.")
    alert = alert_of_problems(facts(), [news, known], 1, 2)
    assert alert.kind is Kind.GUARD
    assert "approve or refuse them on the page of the export" in alert.text


def test_a_recovery_says_who_approved_it() -> None:
    alert = alert_of_recovery(
        facts(), ["Gold"], ["Gold: Approved by anna on 2026-06-01 12:00 UTC: as planned."]
    )
    assert alert.body.endswith("ended.\n\n- Gold: Approved by anna on 2026-06-01 12:00 UTC: as planned.")


def test_without_addresses_of_airflow_there_is_no_link() -> None:
    alert = alert_of_problems(facts(run_url=None), [GOLD], 1, 1)
    assert "http" not in alert.text + alert.html + alert.slack
    assert alert.links == {}


def test_many_and_long_messages_are_cut() -> None:
    many = [Condition(f"S{number}", Kind.FAILURE, "x" * 5_000) for number in range(300)]
    alert = alert_of_problems(facts(), many, 300, 300)
    assert "- and 290 more; the report lists all." in alert.body
    assert len(alert.body) < 10_000


def test_a_run_as_a_whole() -> None:
    alert = alert_of_problems(facts(), [Condition(WHOLE_RUN, Kind.FAILURE, "No table was found.")], 1, 0)
    assert alert.title == "Autumn campaign: the run failed"
    assert "The run as a whole failed.\n- No table was found." in alert.body


def test_recovery_names_what_works_again() -> None:
    alert = alert_of_recovery(facts(), ["Silver", "Gold", WHOLE_RUN])
    assert (alert.kind, alert.title) == (Kind.RECOVERY, "Autumn campaign: works again")
    assert "succeeded: Gold, Silver." in alert.body
    assert "The export runs again." in alert_of_recovery(facts(), [WHOLE_RUN]).body
    assert "S7 and 2 more" in alert_of_recovery(facts(), [f"S{number}" for number in range(12)]).body


def test_no_address_and_no_markup_gets_through() -> None:
    nasty = Condition(
        "<b>Gold</b> & Co", Kind.FAILURE, "cell 'anna@example.com' at {{ ds }}\n<script>x</script>"
    )
    alert = alert_of_problems(facts(title="A\nSubject: <i>", run_url="https://x/?a=1&b=2"), [nasty], 1, 1)
    told = alert.title + alert.text + alert.html + alert.slack
    assert "anna" not in told
    assert "\n" not in alert.title
    assert {tag for tag, _ in Page(alert.html).seen} == {"p", "br", "a"}
    assert "&lt;b&gt;Gold&lt;/b&gt; &amp; Co" in alert.slack
    assert "{{ ds }}" in alert.text, "as it is: templates only insert it"
