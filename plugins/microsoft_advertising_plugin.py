"""What Airflow loads of this project in each of its processes."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from airflow_microsoft_advertising import listener as run_listener
from airflow_microsoft_advertising.links import AudienceLink


class MicrosoftAdvertisingPlugin(AirflowPlugin):
    """Links and listeners; the connection type comes from the provider's entry point (see pyproject.toml)."""

    name = "microsoft_advertising"
    listeners = (run_listener,)
    operator_extra_links = (AudienceLink(),)
