"""The audit trail of an export: what left, when, who ordered it and on what legal basis."""
