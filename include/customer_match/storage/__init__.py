"""File systems: locations, paths, reads, and errors in the project's three families."""
