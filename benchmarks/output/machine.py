"""The machine that was measured: without names of hosts, users or folders."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types

__all__ = ["describe_machine"]

_LIBRARIES = (
    *("apache-airflow", "pyarrow", "polars", "stringzilla", "numpy", "isal", "adlfs"),
    *("azure-storage-blob", "httpx", "bingads"),
)


def describe_machine() -> dict[str, str]:
    """Return what it has, and the versions of the libraries that count, by name."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GB",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "load before the start": f"{os.getloadavg()[0]:.1f} processes",
        "Python": platform.python_version(),
        **{library: version(library) for library in _LIBRARIES},
    }


def _processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The model's name; virtual machines often shorten it, so the family and the model's number are added."""
    if not cpuinfo.exists():
        return platform.processor() or platform.machine()
    pairs = (line.partition(":") for line in cpuinfo.read_text().splitlines())
    facts: dict[str, str] = {}
    for key, _, value in pairs:
        facts.setdefault(key.strip(), value.strip())
    name = facts.get("model name", platform.machine())
    numbers = [f"{key} {facts[key]}" for key in ("cpu family", "model") if key in facts]
    return f"{name} ({', '.join(numbers)})" if numbers else name
