"""The HTTP endpoints of the simulator, without the service's logic."""
