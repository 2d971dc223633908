"""The page of the connection's fields, from the provider's description."""

from __future__ import annotations

from typing import Any, Final

from airflow_microsoft_advertising.provider_info import CONNECTION_TYPE, DEFAULT_CONNECTION, get_provider_info
from airflow_microsoft_advertising.reference.markdown import table

__all__ = ["page"]

_HEAD: Final = f"""# Fields of the connection

The fields of an Airflow connection to Microsoft Advertising. Generated from the provider's description by
`python -m airflow_microsoft_advertising.reference`; do not edit.

The type of the connection is `{CONNECTION_TYPE}` (*Microsoft Advertising* in the form), its id by default
`{DEFAULT_CONNECTION}`. [The page of connections](connections.md) and [`customer-match login`](signing-in.md)
fill in most fields. In a secrets backend or an environment variable, all fields but `login` and `password` belong to
`extra`. Secrets are encrypted in Airflow's metadata database, and no page shows them.
"""

_TAIL: Final = """## As JSON

For an environment variable `AIRFLOW_CONN_…` or a secrets backend:

```json
{
  "conn_type": "microsoft_advertising",
  "login": "CLIENT_ID",
  "password": "CLIENT_SECRET",
  "extra": {
    "refresh_token": "…",
    "developer_token": "…",
    "customer_id": "1234567",
    "account_id": "7654321",
    "privacy_agreed_by": "Jane Doe",
    "privacy_agreed_on": "2026-11-30",
    "privacy_text": "the id that `customer-match consent show` prints"
  }
}
```

A connection of this kind is not changed by `customer-match login`: see [Sign in](signing-in.md#customer-match-login).
"""


def page() -> str:
    """Return the page."""
    (connection,) = get_provider_info()["connection-types"]
    behaviour = connection["ui-field-behaviour"]
    standard = [
        (f"`{name}`", label, behaviour["placeholders"].get(name, ""), "yes" if name == "password" else "", "")
        for name, label in behaviour["relabeling"].items()
    ]
    own = [_row(name, field) for name, field in connection["conn-fields"].items()]
    fields = table(["field", "in the form", "meaning", "secret", "default"], [*standard, *own])
    return f"{_HEAD}\n{fields}\n\n{_TAIL}"


def _row(name: str, field: dict[str, Any]) -> tuple[str, ...]:
    schema = field["schema"]
    secret = "yes" if schema.get("format") == "password" else ""
    default = f"`{schema['default']}`" if "default" in schema else ""
    return f"`{name}`", field["label"], field["description"], secret, default
