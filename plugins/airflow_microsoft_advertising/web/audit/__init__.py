"""The page of an export's audit trail."""
