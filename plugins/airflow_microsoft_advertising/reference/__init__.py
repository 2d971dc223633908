"""Pages of the documentation that are generated from the code: commands, connection, operator.

`python -m airflow_microsoft_advertising.reference` writes them to `docs/`. A test checks that they are up to date.
"""
