"""Signing in, and access tokens."""
