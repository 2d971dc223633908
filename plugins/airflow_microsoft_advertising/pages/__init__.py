"""What people see of an export on Airflow's pages, beside the DAGs themselves."""
