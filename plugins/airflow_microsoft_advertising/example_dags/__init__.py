"""Example DAGs: copy one into your DAGs folder. Tests run them as they are."""
