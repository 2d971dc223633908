"""What Airflow loads of the plugins folder in each of its processes."""

from airflow_microsoft_advertising.plugin import MicrosoftAdvertisingPlugin

__all__ = ["MicrosoftAdvertisingPlugin"]
