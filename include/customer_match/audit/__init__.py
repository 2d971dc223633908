"""The audit trail of an export: what left, when, on whose order and on what ground."""
