"""The Airflow connection: read, checked and written."""
