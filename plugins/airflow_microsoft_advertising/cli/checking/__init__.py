"""The command `customer-match validate`."""
