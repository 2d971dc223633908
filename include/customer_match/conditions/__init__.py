"""`where`: conditions in SQL, checked, rewritten for polars and applied to rows."""
