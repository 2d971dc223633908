"""The demo: sample segments with known members, and the stack that exports them."""
