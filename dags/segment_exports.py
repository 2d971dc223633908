"""One DAG per export file of `include/exports/`, or of the folder that CUSTOMER_MATCH_EXPORTS names."""

from airflow_microsoft_advertising.dags import customer_match_dags

globals().update(customer_match_dags())
