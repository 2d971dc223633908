"""Pages that add, edit, duplicate and remove exports."""
