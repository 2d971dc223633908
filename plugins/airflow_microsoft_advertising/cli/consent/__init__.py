"""`customer-match consent`: the agreement to data privacy, and how a person is asked for it."""
