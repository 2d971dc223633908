"""Tables become audiences in one task, in a DAG of your own."""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import DAG

from airflow_microsoft_advertising.customer_match import CustomerMatchUploadOperator

with DAG("example_tables", schedule=None, start_date=datetime(2026, 1, 1), tags=["example"]):  # noqa: DTZ001 (Airflow's time zone)
    one = CustomerMatchUploadOperator(
        task_id="high_value",
        table="abfs://lake/segments/HighValueCustomers",
        audience="High value customers",
        email="Email",
        lake_conn_id="lake",
        workspace="abfs://lake/customer-match",
    )
    several = CustomerMatchUploadOperator(
        task_id="others",
        source="abfs://lake/segments",
        segments=[
            {"table": "NewsletterReaders", "audience": "Readers"},
            {"table": "LapsedVIPs", "audience": "Lapsed customers"},
        ],
        email="Email",
        options={"guards": {"max_removed": 0.3}},  # any further key of an export file
        lake_conn_id="lake",
        workspace="abfs://lake/customer-match",
        deferrable=True,
    )
    one >> several
