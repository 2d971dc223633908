"""All DAGs of a folder of export files, in one line."""

from airflow_microsoft_advertising.dags import customer_match_dags

# Both paths begin at this file's folder, wherever the DAG bundle is checked out.
globals().update(customer_match_dags("exports", base="."))
