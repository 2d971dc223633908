"""Which notifier of Airflow sends to a target, with which arguments, and which package it needs.

Values of an alert reach a notifier through templates (`{{ alert.title }}`), never as text of its own: a message may
contain `{{ ds }}`, from a path in an export file, and must not be rendered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from customer_match.export.alerts.targets import EmailTarget, Target

if TYPE_CHECKING:
    from customer_match.alerts.message import Alert
    from customer_match.export.base import KeyPath
    from customer_match.export.model import Export

__all__ = ["NotifierCall", "call_of", "key_of", "kind_of", "missing_package", "missing_packages"]

_TIMEOUT_SECONDS: Final = 30
_ENDPOINT: Final = "{{ endpoint }}"

_EMAIL: Final = "airflow.providers.smtp.notifications.smtp.SmtpNotifier"
_SLACK: Final = "airflow.providers.slack.notifications.slack_webhook.SlackWebhookNotifier"
_HTTP: Final = "airflow.providers.http.notifications.http.HttpNotifier"
_APPRISE: Final = "airflow_microsoft_advertising.alerts.apprise.CheckedAppriseNotifier"

_PACKAGES: Final = {
    "airflow.providers.smtp": "apache-airflow-providers-smtp",
    "airflow.providers.slack": "'customer-match-airflow[slack]'",
    "airflow.providers.http": "'customer-match-airflow[webhook]'",
    "airflow.providers.apprise": "'customer-match-airflow[apprise]'",
}
"""What to install for a module, as `pip install` takes it."""

_MODULES: Final = {
    "email": "airflow.providers.smtp",
    "slack": "airflow.providers.slack",
    "teams": "airflow.providers.http",
    "webhook": "airflow.providers.http",
    "apprise": "airflow.providers.apprise",
}
"""The module that a kind of target needs."""

_WEBHOOK_JSON: Final = {
    "kind": "{{ alert.kind.value }}",
    "title": "{{ alert.title }}",
    "text": "{{ alert.text }}",
    "export": "{{ alert.run.export }}",
    "run_id": "{{ alert.run.run_id }}",
    "run_url": "{{ alert.run.run_url or '' }}",
    "report_url": "{{ alert.run.report_url or '' }}",
    "export_url": "{{ alert.run.export_url or '' }}",
}


@dataclass(frozen=True)
class NotifierCall:
    """How a notifier is made.

    Attributes:
        path: Import path of its class.
        arguments: Its arguments; texts may be templates.
        path_connection: The connection whose password is the path of a secret URL; None normally.
    """

    path: str
    arguments: dict[str, Any] = field(repr=False)
    path_connection: str | None = None


def kind_of(target: Target) -> str:
    """Return the key of the export file that says what kind of target it is, such as `email`."""
    return next(iter(target.model_dump(exclude_none=True)))


def key_of(target: Target) -> str:
    """Return what identifies a target across runs; it does not show addresses."""
    return hashlib.blake2b(target.model_dump_json().encode(), digest_size=6).hexdigest()


def call_of(target: Target, alert: Alert) -> NotifierCall:
    """Return the notifier for a target and an alert."""
    if target.email:
        return _email(target.email)
    if target.slack:
        arguments = {
            "slack_webhook_conn_id": target.slack.connection,
            "text": "{{ alert.slack }}",
            "timeout": _TIMEOUT_SECONDS,
        }
        return NotifierCall(_SLACK, arguments)
    if target.teams:
        return _http(target.teams.connection, None, _card(alert))
    if target.webhook:
        return _http(target.webhook.connection, target.webhook.endpoint, _WEBHOOK_JSON)
    if target.apprise:
        arguments = {
            "apprise_conn_id": target.apprise.connection,
            "tag": target.apprise.tag,
            "title": "{{ alert.title }}",
            "body": "{{ alert.text }}",
        }
        return NotifierCall(_APPRISE, arguments)
    other = target.notifier
    assert other is not None  # noqa: S101 (the model allows exactly one)
    return NotifierCall(other.path, dict(other.arguments))


def missing_package(target: Target) -> str | None:
    """Say which package a target needs that is not installed; None if nothing is missing."""
    path = _module_of(target)
    if _exists(path):
        return None
    package = next((name for prefix, name in _PACKAGES.items() if path.startswith(prefix)), None)
    advice = f"Install it: pip install {package}" if package else "Install its package, or correct the path"
    return f"needs the module {path}, which is not installed here. {advice}"


def missing_packages(export: Export) -> Iterator[tuple[KeyPath, str]]:
    """Yield the targets of an export that need packages that are not installed: their keys, and what to install."""
    for index, target in enumerate(export.alerts.to if export.alerts else ()):
        if message := missing_package(target):
            yield ("alerts", "to", index, kind_of(target)), message


def _module_of(target: Target) -> str:
    if target.notifier:
        return target.notifier.path.rpartition(".")[0]
    return _MODULES[kind_of(target)]


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:  # a package above it is missing
        return False


def _email(target: EmailTarget) -> NotifierCall:
    arguments = {
        "smtp_conn_id": target.connection,
        "to": list(target.to),
        "from_email": target.sender,
        "subject": "{{ alert.title }}",
        "html_content": "{{ alert.html }}",
    }
    return NotifierCall(_EMAIL, arguments)


def _http(connection: str, endpoint: str | None, body: dict[str, Any]) -> NotifierCall:
    arguments = {
        "http_conn_id": connection,
        "endpoint": endpoint or _ENDPOINT,
        "json": body,
        "extra_options": {"timeout": _TIMEOUT_SECONDS},
    }
    return NotifierCall(_HTTP, arguments, None if endpoint else connection)


def _card(alert: Alert) -> dict[str, Any]:
    """Make the body that a Teams workflow with a webhook takes: a message with an Adaptive Card."""
    text = {"type": "TextBlock", "wrap": True}
    links = [{"type": "Action.OpenUrl", "title": name, "url": url} for name, url in alert.links.items()]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            text | {"text": "{{ alert.title }}", "weight": "Bolder", "size": "Medium"},
            text | {"text": "{{ alert.body }}"},
        ],
        "actions": links,
    }
    content = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [content]}
