"""The Airflow plugin: the listener for the scheduler, links of tasks, pages, and the port of saved connections.

Airflow finds it by the entry point `airflow.plugins`, also where this package is only installed.
"""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin
from propcache.api import cached_property

from airflow_microsoft_advertising import listener
from airflow_microsoft_advertising.connection.port import fill_in_ports
from airflow_microsoft_advertising.links import PAGES, AudienceLink, ReportLink

__all__ = ["MicrosoftAdvertisingPlugin"]


class MicrosoftAdvertisingPlugin(AirflowPlugin):
    """Registers links, the listener and the pages. The connection type is in the provider's description."""

    name = "microsoft_advertising"
    listeners = [listener]  # noqa: RUF012 (as Airflow declares it)
    operator_extra_links = [AudienceLink(), ReportLink()]  # noqa: RUF012

    external_views = [  # noqa: RUF012
        {
            "name": "Audience exports",
            "href": f"{PAGES}/exports",
            "destination": "nav",
            "category": "browse",
            "url_route": "customer-match",
        },
        {
            "name": "Audience connections",
            "href": f"{PAGES}/connections",
            "destination": "nav",
            "category": "browse",
            "url_route": "customer-match-connections",
        },
    ]

    @cached_property
    def timetables(self) -> list[Any]:  # type: ignore[override]  # Airflow only reads it
        """The timetable of deadlines. Tasks are spared it."""
        from airflow_microsoft_advertising.alerts.timetable import DeadlineTimetable  # noqa: PLC0415 (see above)

        return [DeadlineTimetable]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]  # Airflow only reads it
        """The pages. Only the API server asks for them: all other processes of Airflow are spared FastAPI."""
        from airflow_microsoft_advertising.web.app import create_app  # noqa: PLC0415 (see above)

        return [{"app": create_app(), "url_prefix": PAGES, "name": "Customer Match"}]

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:  # noqa: ARG003 (Airflow's signature)
        """Prepare the process that loads the plugin; the API server then saves connections with a port."""
        fill_in_ports()
