"""The command `customer-match clean`."""
