"""The domain: export file → table → members → difference → parts → results → ledger → report."""
