"""The Airflow plugin: the listener for the scheduler, the links of tasks, and the port of saved connections.

Airflow finds it by the entry point `airflow.plugins`, also where this package is only installed.
"""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from airflow_microsoft_advertising import listener
from airflow_microsoft_advertising.connection.port import fill_in_ports
from airflow_microsoft_advertising.links import AudienceLink

__all__ = ["MicrosoftAdvertisingPlugin"]


class MicrosoftAdvertisingPlugin(AirflowPlugin):
    """Registers links and the listener. The connection type is in the provider's description."""

    name = "microsoft_advertising"
    listeners = [listener]  # noqa: RUF012 (as Airflow declares it)
    operator_extra_links = [AudienceLink()]  # noqa: RUF012

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:  # noqa: ARG003 (Airflow's signature)
        """Prepare the process that loads the plugin; the API server then saves connections with a port."""
        fill_in_ports()
