"""`customer-match forget`: erases people from all audiences."""
