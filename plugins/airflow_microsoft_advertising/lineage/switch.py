"""Whether Airflow sends lineage: its provider for OpenLineage is installed, and has somewhere to send it."""

from __future__ import annotations

import functools
from importlib.util import find_spec

__all__ = ["is_on"]

_PROVIDER = "airflow.providers.openlineage"


@functools.cache
def is_on() -> bool:
    """Whether lineage is sent. Looked up once in a process; if it is off, nothing else of this package is imported."""
    if find_spec(_PROVIDER) is None:
        return False
    from airflow.providers.openlineage import conf  # noqa: PLC0415 (an extra)

    return not conf.is_disabled()
