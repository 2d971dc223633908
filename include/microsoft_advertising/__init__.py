"""The client of Microsoft Advertising: tokens, transports, audiences, bulk uploads, error table. No Airflow, no domain."""
