"""The command `customer-match new`."""
