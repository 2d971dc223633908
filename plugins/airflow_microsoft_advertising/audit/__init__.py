"""Records runs in the audit trails of their exports."""
