"""`make up` and `make down`: run the demo's stack in the background, with Airflow's pages."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console

from customer_match_demo.processes import Program
from customer_match_demo.stack import Stack
from customer_match_demo.tables import DEMO_TABLES, write_tables

__all__ = ["down", "up"]


def up(folder: Path) -> None:
    """Start the stack with the project's own export files and leave it running.

    The sample tables are written to the folder that `include/exports/demo.yaml` reads, if they do not exist yet.
    """
    console = Console(highlight=False)
    down(folder)
    lake = folder / "lake"
    if not lake.exists():
        console.print("Writing the sample tables")
        write_tables(str(lake), DEMO_TABLES)
    console.print("Starting the simulator of Microsoft Advertising and Airflow (about half a minute)")
    stack = Stack(folder)
    stack.__enter__()
    _state_file(folder).write_text(
        json.dumps([[p.name, p.pid, str(p.log), p.started] for p in stack.programs])
    )
    console.print(f"Airflow:   {stack.airflow_url}  user admin, password {stack.password}")
    console.print(f"Simulator: {stack.account['base_url']}")
    console.print("Trigger the DAG `demo` there. `make down` stops everything.")


def down(folder: Path) -> None:
    """Stop the programs that `up` started, if they are still running."""
    state = _state_file(folder)
    if not state.exists():
        return
    for name, pid, log, started in reversed(json.loads(state.read_text())):
        Program(name, pid, Path(log), started).stop()
    state.unlink()


def _state_file(folder: Path) -> Path:
    return folder / "running.json"
