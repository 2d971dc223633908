"""Controls for tests: fault injection and the request log."""
