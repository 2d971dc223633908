"""Customer lists and their members."""
