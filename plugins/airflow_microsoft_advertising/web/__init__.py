"""The project's own pages: an application that Airflow's API server mounts."""
