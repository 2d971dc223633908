"""Several segments in one task."""
