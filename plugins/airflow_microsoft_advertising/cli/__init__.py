"""The command line `customer-match`: one module per command."""
