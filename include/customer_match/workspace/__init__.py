"""The storage folder for ledgers, staged members and reports, on a local disk or in Azure storage."""
