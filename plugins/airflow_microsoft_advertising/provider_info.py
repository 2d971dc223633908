"""What Airflow reads of this package at its start: the connection type, its form and its links."""

from __future__ import annotations

from typing import Any

__all__ = ["CONNECTION_TYPE", "DEFAULT_CONNECTION", "get_provider_info"]

CONNECTION_TYPE = "microsoft_advertising"
DEFAULT_CONNECTION = "microsoft_advertising_default"
_INTEGRATION = "Microsoft Advertising"


def get_provider_info() -> dict[str, Any]:
    """The provider's description, in Airflow's own format."""
    return {
        "package-name": "customer-match-airflow",
        "name": "Microsoft Advertising",
        "description": "Customer Match audiences at Microsoft Advertising.",
        "versions": ["0.1.0"],
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://learn.microsoft.com/en-us/advertising/guides/",
                "tags": ["service"],
            }
        ],
        "hooks": [_modules("hook")],
        "operators": [_modules("operator")],
        "triggers": [_modules("trigger")],
        "plugins": [
            {
                "name": "microsoft_advertising",
                "plugin-class": "airflow_microsoft_advertising.plugin.MicrosoftAdvertisingPlugin",
            }
        ],
        "connection-types": [
            {
                "connection-type": CONNECTION_TYPE,
                "hook-class-name": "airflow_microsoft_advertising.hook.MicrosoftAdvertisingHook",
                "hook-name": "Microsoft Advertising",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema", "port", "host"],
                    "relabeling": {"login": "Client ID", "password": "Client secret"},
                    "placeholders": {
                        "login": "Application (client) ID of the app registration",
                        "password": "empty for a public (native) app",
                    },
                },
                "conn-fields": {
                    "refresh_token": _field("Refresh token", secret=True),
                    "developer_token": _field("Developer token", secret=True),
                    "customer_id": _field("Customer ID (cid)", "used where the export names none"),
                    "account_id": _field("Account ID (aid)", "used where the export names none"),
                    "environment": _field(
                        "Environment",
                        "production, sandbox, or other (then give the base URL)",
                        choices=["production", "sandbox", "other"],
                        default="production",
                    ),
                    "tenant": _field("Tenant", "only for an application of one tenant"),
                    "base_url": _field("Base URL", "of another host, such as the simulator"),
                    "hosts": _field(
                        "Further hosts",
                        "that the service may name in its answers; they get tokens and members",
                    ),
                    "terms_accepted_by": _field(
                        "Customer Match terms accepted by",
                        "name of the person; together with the day, every upload accepts the terms",
                    ),
                    "terms_accepted_on": _field(
                        "Customer Match terms accepted on", "day, such as 2026-01-31"
                    ),
                    "transport": _field(
                        "Transport",
                        "rest, or soap until Microsoft ends it on 31 January 2027",
                        choices=["rest", "soap"],
                        default="rest",
                    ),
                },
            }
        ],
        "extra-links": ["airflow_microsoft_advertising.links.AudienceLink"],
    }


def _modules(*names: str) -> dict[str, Any]:
    return {
        "integration-name": _INTEGRATION,
        "python-modules": [f"airflow_microsoft_advertising.{name}" for name in names],
    }


def _field(
    label: str,
    description: str = "",
    *,
    secret: bool = False,
    choices: list[str] | None = None,
    default: str | None = None,
) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": ["string", "null"]}
    if secret:
        schema["format"] = "password"
    if choices:
        schema |= {"enum": choices}
    if default:
        schema |= {"default": default}
    return {"label": label, "description": description, "schema": schema}
