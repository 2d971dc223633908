"""`customer-match audit`: shows, verifies and exports the audit trail of an export."""
