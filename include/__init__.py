"""The project's own packages: what is done (`customer_match`), for whom (`microsoft_advertising`), and stand-ins."""
