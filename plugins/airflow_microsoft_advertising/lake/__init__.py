"""From an Airflow connection to a file system."""
