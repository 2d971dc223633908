"""Erasure: the key of the register, the places where members may be, and requests."""
