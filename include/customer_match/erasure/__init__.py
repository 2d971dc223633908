"""Erasure: members who asked to be forgotten, kept as keyed ids, and the evidence of their removal."""
