"""`customer-match forget` and `customer-match lookup`: erase people from all audiences, or tell where they are."""
