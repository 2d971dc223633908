"""Where alerts go: the items of `alerts.to`. Each becomes a notifier of Airflow; credentials are in its connections."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from customer_match.export.base import Faults, KeyPath, Section
from customer_match.export.values import ConnectionId, Text, as_list, not_empty

__all__ = [
    "AppriseTarget",
    "EmailTarget",
    "NotifierTarget",
    "SlackTarget",
    "Target",
    "TeamsTarget",
    "WebhookTarget",
]

_SECRET: Final = re.compile(
    r"passw|secret|token|api_?key|authorization|credential|(routing|integration|access|account)_key|webhook_url",
    re.IGNORECASE,
)
"""Names of arguments that hold secrets, after Airflow's own list (`[core] sensitive_var_conn_names`)."""


def _recipient(value: str) -> str:
    if not re.fullmatch(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+", value):
        raise ValueError("is not an e-mail address. Write each address as a separate item, without a name")
    return value


def _import_path(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", value):
        raise ValueError("is not an import path. Write package, module and class, separated by dots")
    return value


def _without_secrets(value: dict[str, Any]) -> dict[str, Any]:
    if faults := list(_secrets(value)):
        fault = "may be a secret, and export files contain none. Put it into an Airflow connection"
        raise Faults([(path, fault) for path in faults])
    return value


def _secrets(value: object, above: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield the paths of all arguments whose names say that they are secrets."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if _SECRET.search(str(key)) and not str(key).endswith("_conn_id"):
                yield (*above, str(key))
            else:
                yield from _secrets(inner, (*above, str(key)))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _secrets(inner, (*above, index))


Recipient = Annotated[Text, AfterValidator(_recipient)]
Recipients = Annotated[
    tuple[Recipient, ...],
    BeforeValidator(as_list, json_schema_input_type=str | list[str]),
    AfterValidator(not_empty),
]


class EmailTarget(Section):
    """A mail, sent by the SMTP provider."""

    to: Recipients = Field(
        description="Addresses of the people who get the mail.", examples=["marketing@contoso.com"]
    )
    connection: ConnectionId = Field(
        default="smtp_default",
        description="Id of the Airflow connection to the mail server (type `smtp`).",
        examples=["smtp_default"],
    )
    sender: Recipient | None = Field(
        default=None,
        description="Address of the sender.",
        examples=["airflow@contoso.com"],
        json_schema_extra={"x-default": "`from_email` of the connection"},
    )


class SlackTarget(Section):
    """A message in a Slack channel, sent by an incoming webhook."""

    connection: ConnectionId = Field(
        default="slack_default",
        description="Id of the Airflow connection to Slack (type `slackwebhook`).",
        examples=["slack_default"],
    )


class TeamsTarget(Section):
    """A card in a Teams channel, sent to the webhook of a workflow."""

    connection: ConnectionId = Field(
        default="teams_default",
        description="Id of the Airflow connection (type `http`) to the webhook of a Teams workflow: the host with "
        "`https://`, and as password the rest of the URL.",
        examples=["teams_default"],
    )


class WebhookTarget(Section):
    """An HTTP request with JSON to any server."""

    connection: ConnectionId = Field(
        default="http_default",
        description="Id of the Airflow connection (type `http`) to the server that gets the alert as JSON.",
        examples=["alerts_webhook"],
    )
    endpoint: Text | None = Field(
        default=None,
        description="Path of the request, below the host of the connection.",
        examples=["api/alerts"],
        json_schema_extra={"x-default": "the password of a connection without a login, if it has one"},
    )


class AppriseTarget(Section):
    """A message to any service that Apprise supports."""

    connection: ConnectionId = Field(
        default="apprise_default",
        description="Id of the Airflow connection with the services (type `apprise`).",
        examples=["apprise_default"],
    )
    tag: Text = Field(
        default="all", description="Tag of the services that get the alert.", examples=["oncall"]
    )


class NotifierTarget(Section):
    """Any notifier class."""

    path: Annotated[Text, AfterValidator(_import_path)] = Field(
        description="Import path of a subclass of Airflow's `BaseNotifier`.",
        examples=["airflow.providers.microsoft.azure.notifications.msgraph.MSGraphNotifier"],
    )
    arguments: Annotated[dict[str, Any], AfterValidator(_without_secrets)] = Field(
        default={},
        description="Arguments of the class. Its templated ones may contain `{{ alert.title }}`, `{{ alert.text }}` "
        "and other values of the alert.",
        examples=['{to: it@contoso.com, subject: "{{ alert.title }}", html_content: "{{ alert.html }}"}'],
    )


def _or_connection(value: object) -> object:
    return {"connection": value} if isinstance(value, str) else value


def _or_recipients(value: object) -> object:
    return {"to": value} if isinstance(value, str | list | tuple) else value


def _or_path(value: object) -> object:
    return {"path": value} if isinstance(value, str) else value


class Target(Section):
    """Where alerts go: one of the keys."""

    email: Annotated[
        EmailTarget | None,
        BeforeValidator(_or_recipients, json_schema_input_type=str | list[str] | EmailTarget),
    ] = Field(
        default=None,
        description="Send a mail: the address, a list of addresses, or a mapping.",
        examples=["marketing@contoso.com"],
    )
    slack: Annotated[
        SlackTarget | None, BeforeValidator(_or_connection, json_schema_input_type=str | SlackTarget)
    ] = Field(
        default=None,
        description="Post to a Slack channel: the id of a connection, or a mapping.",
        examples=["slack_default"],
    )
    teams: Annotated[
        TeamsTarget | None, BeforeValidator(_or_connection, json_schema_input_type=str | TeamsTarget)
    ] = Field(
        default=None,
        description="Post to a Teams channel: the id of a connection, or a mapping.",
        examples=["teams_default"],
    )
    webhook: Annotated[
        WebhookTarget | None, BeforeValidator(_or_connection, json_schema_input_type=str | WebhookTarget)
    ] = Field(
        default=None,
        description="Send JSON to a server: the id of a connection, or a mapping.",
        examples=["alerts_webhook"],
    )
    apprise: Annotated[
        AppriseTarget | None, BeforeValidator(_or_connection, json_schema_input_type=str | AppriseTarget)
    ] = Field(
        default=None,
        description="Send it by Apprise: the id of a connection, or a mapping.",
        examples=["{connection: apprise_default, tag: oncall}"],
    )
    notifier: Annotated[
        NotifierTarget | None, BeforeValidator(_or_path, json_schema_input_type=str | NotifierTarget)
    ] = Field(
        default=None,
        description="Use any other notifier: its import path, or a mapping.",
        examples=["{path: my_company.alerts.SmsNotifier, arguments: {text: '{{ alert.title }}'}}"],
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        named = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(named) != 1:
            keys = ", ".join(f"`{name}`" for name in type(self).model_fields)
            raise Faults([((), f"must have exactly one of {keys}. Write one item for each of them")])
        return self
