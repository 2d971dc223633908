"""Open file systems from Airflow connections."""
