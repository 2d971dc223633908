"""The connection of `make up`, saved in Airflow: there it is listed under Admin > Connections, and can be tested."""

from __future__ import annotations

import json
from collections.abc import Mapping

from customer_match_demo.airflow_api import AirflowApi
from customer_match_demo.stack import ACCOUNT_CONNECTION, account_connection

__all__ = ["save_connection"]


def save_connection(api: AirflowApi, account: Mapping[str, str]) -> bool:
    """Create the connection to the simulator, or update it.

    Args:
        api: Airflow's REST API.
        account: The simulator's account.

    Returns:
        Whether it was saved. It is not if the connection leads to another place by now: a user has changed it.
    """
    connection = account_connection(account)
    body = connection | {
        "connection_id": ACCOUNT_CONNECTION,
        "description": "The simulator of `make up`",
        "extra": json.dumps(connection["extra"]),
    }
    if api.create("/connections", body):
        return True
    path = f"/connections/{ACCOUNT_CONNECTION}"
    saved = json.loads(api.get(path)["extra"] or "{}")
    if not str(saved.get("base_url") or "").startswith("http://127.0.0.1:"):
        return False
    api.patch(path, body)
    return True
