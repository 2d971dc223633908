"""The DAG `customer_match_forget`: erases people. Give it a schedule to complete pending requests by itself."""

from airflow_microsoft_advertising.erasure.dag import erasure_dag

dag = erasure_dag()
