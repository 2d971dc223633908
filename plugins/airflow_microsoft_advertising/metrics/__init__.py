"""Metrics of runs and of calls, sent with the metrics of Airflow: StatsD or OpenTelemetry."""
