"""Assets of Airflow: those whose events start exports, and those that exports write."""
