"""A check of the live service: which assumed rows of the simulator's table it confirms or refutes."""
