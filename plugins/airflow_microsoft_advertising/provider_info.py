"""The provider's description for Airflow: connection type, connection form, links and modules."""

from __future__ import annotations

from typing import Any

__all__ = ["CONNECTION_TYPE", "DEFAULT_CONNECTION", "get_provider_info"]

CONNECTION_TYPE = "microsoft_advertising"
DEFAULT_CONNECTION = "microsoft_advertising_default"
_INTEGRATION = "Microsoft Advertising"


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description in Airflow's format."""
    return {
        "package-name": "customer-match-airflow",
        "name": "Microsoft Advertising",
        "description": "Customer Match audiences in Microsoft Advertising.",
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
                        "password": "Leave empty for a public (native) app",
                    },
                },
                "conn-fields": {
                    "refresh_token": _field("Refresh token", "Written by each sign-in.", secret=True),
                    "signed_in_on": _field("Signed in on", "Written by each sign-in."),
                    "developer_token": _field(
                        "Developer token", "From the developer portal of Microsoft Advertising.", secret=True
                    ),
                    "customer_id": _field(
                        "Customer ID (cid)", "Used where no export file or operator names a customer."
                    ),
                    "account_id": _field(
                        "Account ID (aid)", "Used where no export file or operator names an account."
                    ),
                    "environment": _field(
                        "Environment",
                        "production, sandbox, or other (which needs the base URL).",
                        choices=["production", "sandbox", "other"],
                        default="production",
                    ),
                    "tenant": _field("Tenant", "Only for an application that is registered for one tenant."),
                    "base_url": _field(
                        "Base URL",
                        "Address of another host, such as the simulator; needs the environment other.",
                    ),
                    "hosts": _field(
                        "Further hosts",
                        "Hosts that the service may name in answers. They receive tokens and members.",
                    ),
                    "terms_accepted_by": _field(
                        "Customer Match terms accepted by",
                        "Name of the person. If name and day are set, every upload accepts the terms.",
                    ),
                    "terms_accepted_on": _field(
                        "Customer Match terms accepted on", "Day, such as 2026-01-31."
                    ),
                    "privacy_agreed_by": _field(
                        "Data privacy agreed to by",
                        "Name of the person. `customer-match consent show` prints the text. Needed by every run.",
                    ),
                    "privacy_agreed_on": _field(
                        "Data privacy agreed to on", "Day or time (UTC), such as 2026-01-31T10:20:30Z."
                    ),
                    "privacy_text": _field("Text that was agreed to", "Its id."),
                    "privacy_withdrawn": _field("Last agreement withdrawn by", "Name and time."),
                    "used_by": _field(
                        "Used by",
                        "Users, and roles as role:NAME, with commas; administrators always. Empty: not restricted.",
                    ),
                    "transport": _field(
                        "Transport",
                        "rest, or soap (until Microsoft switches it off on 31 January 2027).",
                        choices=["rest", "soap"],
                        default="rest",
                    ),
                },
            }
        ],
        "extra-links": [
            "airflow_microsoft_advertising.links.AudienceLink",
            "airflow_microsoft_advertising.links.ReportLink",
        ],
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
