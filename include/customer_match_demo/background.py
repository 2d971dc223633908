"""`make up` and `make down`: run the demo's stack in the background, with Airflow's pages."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from rich.console import Console

from customer_match_demo.processes import Program, stop_all
from customer_match_demo.saved_connection import save_connection
from customer_match_demo.stack import ACCOUNT_CONNECTION, Stack
from customer_match_demo.tables import DEMO_TABLES, write_tables

__all__ = ["AIRFLOW_PORT", "SIMULATOR_PORT", "down", "up"]

AIRFLOW_PORT, SIMULATOR_PORT = 8080, 8470
"""The ports of `docker-compose.yaml` too."""


@dataclass(frozen=True)
class _Running:
    """What `up` started, as recorded in the folder for `down` and for the next `up`."""

    airflow_url: str
    simulator_url: str
    password_file: str
    programs: tuple[Program, ...]

    @classmethod
    def of(cls, stack: Stack) -> Self:
        passwords = stack.folder / "airflow" / "simple_auth_manager_passwords.json.generated"
        return cls(stack.airflow_url, stack.account["base_url"], str(passwords), tuple(stack.programs))

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        file = _state_file(folder)
        if not file.exists():
            return None
        values = json.loads(file.read_text())
        programs = (Program(**one | {"log": Path(one["log"])}) for one in values.pop("programs"))
        return cls(**values, programs=tuple(programs))

    def write(self, folder: Path) -> None:
        _state_file(folder).write_text(json.dumps(asdict(self), default=str))

    @property
    def ended(self) -> list[str]:
        """Names of the programs that are no longer running."""
        return [one.name for one in self.programs if one.replaced or not one.running]

    def describe(self, console: Console) -> None:
        password = json.loads(Path(self.password_file).read_text())["admin"]
        console.print(f"Airflow:    {self.airflow_url} (user admin, password {password})")
        console.print(f"Simulator:  {self.simulator_url}")
        console.print(f"Connection: {ACCOUNT_CONNECTION}, under Admin > Connections, where you can test it")
        console.print("Trigger the DAG `demo`. `make down` stops everything.")


def up(folder: Path) -> None:
    """Start the stack with the project's own export files and leave it running, unless it already runs.

    The sample tables are written to the folder that `include/exports/demo.yaml` reads, if they do not exist yet.
    """
    console = Console(highlight=False, soft_wrap=True)
    if running := _Running.read(folder):
        if not running.ended:
            console.print("Already running.")
            running.describe(console)
            return
        console.print(f"No longer running: {', '.join(running.ended)}. Everything is started again.")
        _stop(folder, running)
    lake = folder / "lake"
    if not lake.exists():
        console.print("Writing the sample tables")
        write_tables(str(lake), DEMO_TABLES)
    console.print("Starting the simulator of Microsoft Advertising and Airflow (about half a minute)")
    _start(folder, console).describe(console)


def down(folder: Path) -> None:
    """Stop the programs that `up` started, if they are still running."""
    console = Console(highlight=False, soft_wrap=True)
    running = _Running.read(folder)
    if running is None or len(running.ended) == len(running.programs):
        console.print("Nothing that `make up` started is running.")
        _state_file(folder).unlink(missing_ok=True)
        return
    _stop(folder, running)
    console.print(f"Stopped Airflow ({running.airflow_url}) and the simulator ({running.simulator_url}).")


def _start(folder: Path, console: Console) -> _Running:
    stack = Stack(
        folder,
        airflow_port=AIRFLOW_PORT,
        simulator_port=SIMULATOR_PORT,
        connection_in_environment=False,
    )
    stack.__enter__()
    running = _Running.of(stack)
    running.write(folder)
    for name, url, port in (
        ("Airflow", running.airflow_url, AIRFLOW_PORT),
        ("the simulator", running.simulator_url, SIMULATOR_PORT),
    ):
        if not url.endswith(f":{port}"):
            console.print(f"Port {port} is in use by another program, so {name} has another one.")
    api = stack.api()
    if not save_connection(api, stack.account):
        console.print(
            f"The connection {ACCOUNT_CONNECTION} does not lead to the simulator. It was changed by hand, so it is "
            "left as it is. To use the simulator, delete it (Admin > Connections) and run `make down` and `make up`."
        )
    api.close()
    return running


def _stop(folder: Path, running: _Running) -> None:
    stop_all(running.programs)
    _state_file(folder).unlink()


def _state_file(folder: Path) -> Path:
    return folder / "stack.json"
