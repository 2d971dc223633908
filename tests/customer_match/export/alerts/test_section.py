"""The section `alerts`: its short forms, its defaults, and faults with their remedies."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from customer_match.export.alerts.section import Alerts, Kind
from customer_match.export.loading import InvalidExport, load_export
from customer_match.project import PROJECT

USUAL = "cid: 1\naid: 2\nsource: /lake\nsegments: [A]\nemail: E\n"


def alerts_of(folder: Path, text: str) -> Alerts:
    (folder / "autumn.yaml").write_text(USUAL + text)
    found = load_export(folder / "autumn.yaml").alerts
    assert found is not None
    return found


@pytest.mark.parametrize(
    "text",
    [
        "alerts: [{email: a@example.com}]\n",
        "alerts:\n- email: [a@example.com]\n",
        "alerts:\n  to:\n    email: {to: a@example.com}\n",
        "alerts: {to: [{email: {to: [a@example.com], connection: smtp_default}}]}\n",
    ],
)
def test_short_and_long_forms_are_the_same(tmp_path: Path, text: str) -> None:
    alerts = alerts_of(tmp_path, text)
    [target] = alerts.to
    assert target.email is not None
    assert (target.email.to, target.email.connection) == (("a@example.com",), "smtp_default")
    assert (alerts.when, alerts.rejected_above) == (tuple(Kind), 0.1)


def test_all_kinds_of_targets(tmp_path: Path) -> None:
    alerts = alerts_of(
        tmp_path,
        "alerts:\n  when: failure\n  to:\n  - slack: chat\n  - teams: {}\n  - webhook: {endpoint: api/alerts}\n"
        "  - apprise: {tag: oncall}\n  - notifier: my.package.Sms\n"
        "  - notifier: {path: a.B, arguments: {text: '{{ alert.title }}', conn: {password_conn_id: x}}}\n",
    )
    slack, teams, webhook, apprise, notifier, other = alerts.to
    assert alerts.when == (Kind.FAILURE,)
    assert slack.slack
    assert slack.slack.connection == "chat"
    assert teams.teams
    assert teams.teams.connection == "teams_default"
    assert webhook.webhook
    assert webhook.webhook.endpoint == "api/alerts"
    assert apprise.apprise
    assert apprise.apprise.tag == "oncall"
    assert notifier.notifier
    assert notifier.notifier.arguments == {}
    assert other.notifier
    assert other.notifier.arguments["text"] == "{{ alert.title }}"


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("alerts: []", "line 6, alerts: is an empty list"),
        ("alerts: a@example.com", "line 6, alerts: must be a mapping"),
        ("alerts: {when: [failure]}", "line 6, alerts.to: missing. Where alerts go"),
        ("alerts: {to: [], when: failure}", "alerts.to: is an empty list"),
        ("alerts: [{}]", "alerts[0]: must have exactly one of `email`, `slack`, `teams`"),
        ("alerts: [{slack: a, teams: b}]", "alerts[0]: must have exactly one of"),
        ("alerts: [{mail: a@example.com}]", "alerts[0].mail: unknown key. Did you mean `email`?"),
        ("notify: [{slack: chat}]", "notify: unknown key. Did you mean `alerts`?"),
        ("alerts: [{email: {recipients: a@example.com}}]", "recipients: unknown key. Did you mean `to`?"),
        (
            "alerts: [{email: {to: a@example.com, from: b@example.com}}]",
            "from: unknown key. Did you mean `sender`?",
        ),
        ("alerts: [{email: marketing}]", "alerts[0].email: is not an e-mail address"),
        ("alerts: [{email: 'A <a@example.com>'}]", "alerts[0].email: is not an e-mail address"),
        (
            "alerts: [{slack: 'https://hooks.slack.com/x'}]",
            "alerts[0].slack: is not the id of an Airflow connection",
        ),
        ("alerts: [{notifier: Sms}]", "alerts[0].notifier: is not an import path"),
        (
            "alerts: {when: [errors], to: [{slack: a}]}",
            "alerts.when[0]: must be one of failure, deadline, guard, partial",
        ),
        ("alerts: {rejected_above: 10, to: [{slack: a}]}", "alerts.rejected_above: must be at most 1"),
        (
            "alerts: [{notifier: {path: a.B, arguments: {deep: [{api_key: x}]}}}]",
            "alerts[0].notifier.arguments.deep[0].api_key: may be a secret, and export files contain none",
        ),
        (
            "alerts: [{notifier: {path: a.B, arguments: {Password: x}}}]",
            "arguments.Password: may be a secret",
        ),
    ],
)
def test_faults_say_where_and_what_to_do(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InvalidExport) as caught:
        alerts_of(tmp_path, f"{text}\n")
    assert words in str(caught.value)
    assert "a@" not in str(caught.value)
    assert "hooks.slack" not in str(caught.value)


def test_an_export_with_alerts_is_still_a_value(tmp_path: Path) -> None:
    (tmp_path / "autumn.yaml").write_text(USUAL + "alerts: [{notifier: {path: a.B, arguments: {x: [1]}}}]\n")
    first, again = load_export(tmp_path / "autumn.yaml"), load_export(tmp_path / "autumn.yaml")
    values: Any = first.model_dump(mode="json")
    assert first == again
    assert type(first).model_validate(values) == first


def test_the_example_of_the_page_is_valid(tmp_path: Path) -> None:
    page = (PROJECT / "docs" / "alerts.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```yaml\n(alerts:.*?)```", page, re.DOTALL)
    alerts = alerts_of(tmp_path, example)
    assert (alerts.when, alerts.rejected_above, len(alerts.to)) == (tuple(Kind), 0.1, 6), "the defaults"
