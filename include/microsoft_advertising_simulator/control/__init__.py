"""Controls for tests: injected faults, and the log of requests."""
