"""One run of an export: what each task of the DAG does."""
