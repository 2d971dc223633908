"""The history: a table of all runs of an export, which people can query and reports draw."""
