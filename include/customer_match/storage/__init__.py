"""File systems: locations, paths, reads, and errors in this project's three families."""
