"""Sets of members: sorted SHA-256 digests, in memory and on disk."""
