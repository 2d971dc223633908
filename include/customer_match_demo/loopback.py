"""The host name of the demo's Airflow: all of its programs listen on 127.0.0.1 only."""

from __future__ import annotations

__all__ = ["host"]


def host() -> str:
    """Return the host at which the API server finds the log server; for `[core] hostname_callable`."""
    return "127.0.0.1"
