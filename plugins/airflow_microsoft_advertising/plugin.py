"""The Airflow plugin: what the scheduler does for our runs, and the links of tasks.

Airflow finds it in the provider's description (see `provider_info.py`), and in the source tree by the plugins folder;
it loads a plugin of one name once.
"""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from airflow_microsoft_advertising import listener
from airflow_microsoft_advertising.links import AudienceLink

__all__ = ["MicrosoftAdvertisingPlugin"]


class MicrosoftAdvertisingPlugin(AirflowPlugin):
    """Links and the listener; the connection type comes from the provider's description."""

    name = "microsoft_advertising"
    listeners = [listener]  # noqa: RUF012 (as Airflow declares it)
    operator_extra_links = [AudienceLink()]  # noqa: RUF012
