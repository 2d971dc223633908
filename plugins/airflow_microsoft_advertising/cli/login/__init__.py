"""The command `customer-match login`."""
