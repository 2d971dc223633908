"""Every kind of target gets an alert, from Airflow's notifiers by real servers; one that fails is logged."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from airflow_microsoft_advertising.alerts.notifiers import key_of
from airflow_microsoft_advertising.alerts.sending import send
from airflow_microsoft_advertising.cli.main import app
from customer_match.alerts.conditions import Condition
from customer_match.alerts.message import Alert, alert_of_problems
from customer_match.export.alerts.section import Kind
from customer_match.export.alerts.targets import Target
from customer_match.project import PROJECT
from customer_match_demo.processes import free_port
from tests.alert_receivers import MailServer, WebServer, mail_server, web_server
from tests.customer_match.alerts.runs import facts

pytestmark = pytest.mark.slow

SECRET = "/workflows/9f8e7d/triggers?sig=hidden-signature"


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    with mail_server() as server:
        monkeypatch.setenv("AIRFLOW_CONN_MAIL", server.connection)
        yield server


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    with web_server() as server:
        monkeypatch.setenv("AIRFLOW_CONN_WEB", server.connection())
        yield server


@pytest.fixture
def alert() -> Alert:
    message = "validate: No table at {{ ds }} <x>. Correct `source`."
    return alert_of_problems(facts(), [Condition("Gold", Kind.FAILURE, message)], 1, 3)


def target(**values: Any) -> Target:
    return Target.model_validate(values)


def sent(alert: Alert, one: Target) -> tuple[bool, list[float]]:
    waits: list[float] = []
    return send(alert, one, sleep=waits.append), waits


def test_a_mail(mail: MailServer, alert: Alert) -> None:
    one = target(email={"to": ["a@example.com", "b@example.com"], "connection": "mail"})
    assert sent(alert, one) == (True, [])
    [got] = mail.mails
    assert got.recipients == ["a@example.com", "b@example.com"]
    assert got.subject == "Autumn campaign: 1 segment failed"
    assert "- Gold: validate: No table at {{ ds }} &lt;x&gt;." in got.html
    assert f'<a href="{facts().run_url}">Run in Airflow</a>' in got.html


def test_a_slack_message(web: WebServer, alert: Alert, monkeypatch: pytest.MonkeyPatch) -> None:
    values = web.connection("slackwebhook", password="T000/B000/hidden")
    monkeypatch.setenv("AIRFLOW_CONN_SLACK", values)
    assert sent(alert, target(slack="slack")) == (True, [])
    [(path, got)] = web.posts
    assert path == "/T000/B000/hidden"
    assert got["text"].startswith("*Autumn campaign: 1 segment failed*\nExport autumn, run")
    assert "{{ ds }} &lt;x&gt;" in got["text"]
    assert f"<{facts().run_url}|Run in Airflow>" in got["text"]


def test_a_teams_card(web: WebServer, alert: Alert, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TEAMS", web.connection(password=SECRET))
    assert sent(alert, target(teams="teams")) == (True, [])
    [(path, got)] = web.posts
    assert (path, got["type"]) == (SECRET, "message")
    [attachment] = got["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    title, body = attachment["content"]["body"]
    assert title["text"] == alert.title
    assert body["text"] == alert.body
    assert attachment["content"]["actions"] == [
        {"type": "Action.OpenUrl", "title": "Run in Airflow", "url": facts().run_url}
    ]


@pytest.mark.parametrize(("endpoint", "path"), [("api/alerts", "/api/alerts"), (None, "/")])
def test_a_webhook(web: WebServer, alert: Alert, endpoint: str | None, path: str) -> None:
    assert sent(alert, target(webhook={"connection": "web", "endpoint": endpoint})) == (True, [])
    assert web.posts == [
        (
            path,
            {
                "kind": "failure",
                "title": alert.title,
                "text": alert.text,
                "export": "autumn",
                "run_id": "scheduled__2026-06-01",
                "run_url": facts().run_url,
                "report_url": "",
                "export_url": "",
            },
        )
    ]


def test_apprise(web: WebServer, alert: Alert, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"path": f"json://127.0.0.1:{web.port}", "tag": "oncall"}
    connection = json.dumps({"conn_type": "apprise", "extra": {"config": config}})
    monkeypatch.setenv("AIRFLOW_CONN_CHAT", connection)
    assert sent(alert, target(apprise={"connection": "chat", "tag": "oncall"})) == (True, [])
    [(_, got)] = web.posts
    assert (got["title"], got["message"]) == (alert.title, alert.text)


def test_apprise_that_fails_is_noticed(
    web: WebServer, alert: Alert, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The provider's own hook ignores it."""
    config = {"path": f"json://127.0.0.1:{web.port}", "tag": "oncall"}
    connection = json.dumps({"conn_type": "apprise", "extra": {"config": config}})
    monkeypatch.setenv("AIRFLOW_CONN_CHAT", connection)
    web.status = 500
    assert sent(alert, target(apprise={"connection": "chat", "tag": "oncall"}))[0] is False
    assert "A service of the Apprise connection 'chat' did not accept it" in caplog.text
    assert sent(alert, target(apprise={"connection": "chat", "tag": "nobody"}))[0] is False
    assert "none has the tag 'nobody'" in caplog.text


def test_any_other_notifier(mail: MailServer, alert: Alert) -> None:
    arguments = {
        "to": "boss@example.com",
        "smtp_conn_id": "mail",
        "subject": "[{{ alert.kind.value }}] {{ alert.run.export }}",
        "html_content": "{{ alert.text }}",
    }
    path = "airflow.providers.smtp.notifications.smtp.SmtpNotifier"
    assert sent(alert, target(notifier={"path": path, "arguments": arguments})) == (True, [])
    assert mail.mails[0].subject == "[failure] autumn"


def test_the_notifier_of_the_documentation(alert: Alert, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything but the service, which is Microsoft's."""
    page = (PROJECT / "docs" / "alerts.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```yaml\n(alerts:.*?)```", page, re.DOTALL)
    last = yaml.safe_load(example)["alerts"]["to"][-1]
    got: list[dict[str, Any]] = []
    hook = "airflow.providers.microsoft.azure.hooks.msgraph.MSGraphMailHook.send_email"
    monkeypatch.setattr(hook, lambda _, **arguments: got.append(arguments))
    assert sent(alert, target(**last)) == (True, [])
    [mail] = got
    assert (mail["to"], mail["subject"], mail["html_content"]) == ("it@contoso.com", alert.title, alert.html)


# --- What goes wrong ---------------------------------------------------------------------------------------


def test_a_server_that_fails_is_tried_again(
    web: WebServer, mail: MailServer, alert: Alert, caplog: pytest.LogCaptureFixture
) -> None:
    web.status, mail.refuses = 503, True
    for one in (target(webhook="web"), target(email={"to": "a@example.com", "connection": "mail"})):
        accepted, waits = sent(alert, one)
        assert (accepted, len(waits)) == (False, 2)
    assert "The alert was not sent by `webhook`: AirflowException: 503:Service Unavailable" in caplog.text
    assert "The alert was not sent by `email`: SMTPDataError" in caplog.text


def test_a_server_that_comes_back_in_time_gets_it(web: WebServer, alert: Alert) -> None:
    web.status = 503

    def back(_: float) -> None:
        web.status = 202

    assert send(alert, target(webhook="web"), sleep=back)
    assert len(web.posts) == 1


@pytest.mark.bad_input
def test_faults_that_a_retry_cannot_solve(
    web: WebServer, alert: Alert, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = "airflow.providers.smtp.notifications.smtp.SmtpNotifier"
    for one, words in (
        (target(webhook="nowhere"), "`nowhere` isn't defined"),
        (target(notifier={"path": wrong, "arguments": {"whom": "me"}}), "TypeError"),
        (target(notifier=wrong.replace("Smtp", "Post")), "AttributeError"),
        (
            target(notifier="no_such_package.Notifier"),
            "needs the module no_such_package, which is not installed",
        ),
    ):
        assert sent(alert, one) == (False, [])
        assert words in caplog.text


def test_the_log_shows_no_secret_and_no_recipient(
    alert: Alert, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A webhook's URL is a secret; what libraries say about an error repeats it."""
    closed = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv(
        "AIRFLOW_CONN_TEAMS", json.dumps({"conn_type": "http", "host": closed, "password": SECRET})
    )
    whole = json.dumps({"conn_type": "http", "host": closed + SECRET})
    monkeypatch.setenv("AIRFLOW_CONN_WHOLE", whole)
    for one in (target(teams="teams"), target(webhook="whole")):
        assert sent(alert, one)[0] is False
    ours = "\n".join(record.getMessage() for record in caplog.records if "not sent" in record.getMessage())
    assert "ConnectionError" in ours
    assert "hidden-signature" not in ours
    assert "@" not in ours


def test_validate_names_a_missing_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """At the line of the target; Airflow itself keeps the DAG."""
    file = tmp_path / "autumn.yaml"
    file.write_text(
        "cid: 1\naid: 2\nsource: /lake\nsegments: [A]\nemail: E\nalerts:\n- email: a@example.com\n- slack: chat\n"
        "- notifier: no.such.Notifier\n"
    )
    monkeypatch.setitem(sys.modules, "airflow.providers.slack", None)
    done = CliRunner().invoke(app, ["validate", str(file)])
    assert done.exit_code == 1
    first, second = done.output.splitlines()
    assert first == (
        "autumn.yaml, line 8, alerts[1].slack: needs the module airflow.providers.slack, which is not installed here. "
        "Install it: pip install 'customer-match-airflow[slack]'."
    )
    assert second.startswith(
        "autumn.yaml, line 9, alerts[2].notifier: needs the module no.such, which is not"
    )


def test_the_key_of_a_target_tells_targets_apart_and_shows_nothing() -> None:
    keys = {key_of(target(email=f"{name}@example.com")) for name in ("anna", "bob")}
    assert len(keys) == 2
    assert key_of(target(slack="a")) == key_of(target(slack={"connection": "a"}))
    assert all(len(key) == 12 for key in keys)
