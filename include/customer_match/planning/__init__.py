"""Plans which parts bring an audience from the ledger's bounds to its target."""
