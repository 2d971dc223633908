"""Which rows of which tables count, from the table to staged members."""
