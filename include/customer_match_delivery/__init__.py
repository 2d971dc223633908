"""Brings an audience to its target: the one place where the ledger and the service meet. Knows nothing of Airflow."""
