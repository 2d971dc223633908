"""The HTTP faces of the simulator; the service's logic lives outside of them."""
