"""The wheel in environments of its own: a plain Airflow beside a project that is not ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

import airflow_microsoft_advertising.example_dags as examples
from customer_match.project import PROJECT
from customer_match_demo.airflow_api import AirflowApi
from customer_match_demo.expected import expected
from customer_match_demo.lakes import DemoLake
from customer_match_demo.show import audience_members
from customer_match_demo.stack import Stack
from customer_match_demo.tables import demo_tables
from tests.own_environment import own_python

SCALE = 0.002
LOCKS = {"3.3": "airflow_3_3.txt", "3.4 (beta)": "airflow_3_4.txt"}

FOREIGN_DAG = """\
from airflow.sdk import DAG, task
from include.helper import WORD   # the project's own package of that name

with DAG("foreign", schedule=None):
    task(task_id="say")(lambda: WORD)()
"""
FOREIGN_PLUGIN = """\
from airflow.plugins_manager import AirflowPlugin

class Foreign(AirflowPlugin):
    name = "foreign"
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this source tree."""
    folder, tree = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("tree")
    for part in ("include", "plugins"):
        shutil.copytree(
            PROJECT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    for part in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / part, tree)
    uv = Path(sys.executable).with_name("uv")
    # A build in the source tree would take files of earlier ones from `build`, and leave a second description of the
    # plugin on PYTHONPATH.
    build = [uv, "--quiet", "build", "--wheel", "--out-dir", folder, tree]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [made] = folder.glob("*.whl")
    return made


@pytest.fixture(scope="session", params=LOCKS)
def python(request: pytest.FixtureRequest, wheel: Path) -> Path:
    """The Python of an environment with that Airflow and the wheel, and nothing of the source tree."""
    name = LOCKS[request.param].removesuffix(".txt")
    found = own_python(name, Path(__file__).with_name(LOCKS[request.param]))
    uv = Path(sys.executable).with_name("uv")
    install = [uv, "--quiet", "pip", "install", "--python", found, "--no-deps", "--reinstall", wheel]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return found


@dataclass(frozen=True)
class Project:
    """Somebody's Airflow project, with packages of their own called `include` and `plugins`, and our examples.

    Attributes:
        folder: The project.
        python: The Python of its environment.
        home: AIRFLOW_HOME of commands.
    """

    folder: Path
    python: Path
    home: Path

    def environment(self) -> dict[str, str]:
        """As Astro projects have it: the project's root is on the path."""
        usual = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("AIRFLOW", "CUSTOMER_MATCH"))
        }
        programs = f"{self.python.parent}{os.pathsep}{usual['PATH']}"
        return usual | {"PYTHONPATH": str(self.folder), "PATH": programs, "AIRFLOW_HOME": str(self.home)}

    def call(self, *command: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        """A command of the environment, such as `airflow` or `customer-match`."""
        return subprocess.run(
            [self.python.with_name(str(command[0])), *map(str, command[1:])],
            env=self.environment() | env,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="session")
def project(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("project")
    for path, text in {
        "include/__init__.py": "",
        "include/helper.py": 'WORD = "theirs"\n',
        "plugins/foreign.py": FOREIGN_PLUGIN,
        "dags/foreign.py": FOREIGN_DAG,
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    shutil.copytree(Path(str(examples.__file__)).parent, folder / "dags", dirs_exist_ok=True)
    return Project(folder, python, tmp_path_factory.mktemp("home"))


@dataclass(frozen=True)
class Installation:
    """The project's Airflow, running, with Azure storage and the simulator.

    Attributes:
        api: Airflow's REST API.
        stack: What runs.
        lake: The storage, with the demo's tables.
    """

    api: AirflowApi
    stack: Stack
    lake: DemoLake

    def run(self, dag_id: str) -> str:
        """Trigger a run and wait for it: its state."""
        self.api.wait_for_dag(dag_id)
        return self.api.wait_for_run(dag_id, self.api.trigger(dag_id), seconds=300)

    def audiences(self) -> Mapping[str, str]:
        """Ids by names."""
        base_url = self.stack.account["base_url"]
        found: Any = httpx.get(f"{base_url}/simulator/audiences", trust_env=False).json()
        return {one["name"]: one["id"] for one in found if not one.get("deleted")}

    def members(self, audience: str) -> list[str]:
        """What an audience holds."""
        return list(audience_members(self.stack.account["base_url"], self.audiences()[audience]))

    def wanted(self, table: str) -> list[str]:
        """What the audience of a table must hold."""
        return expected(f"{self.lake.root}/{table}", filesystem=self.lake.filesystem).members


@pytest.fixture(scope="session")
def installation(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("installation")
    with DemoLake.open("azurite", folder) as lake:
        lake.write(demo_tables(SCALE))
        settings = {
            **{key: value for key, value in lake.settings.items() if key.startswith("AIRFLOW_CONN_")},
            "PYTHONPATH": str(project.folder),
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "airflow.utils.net.getfqdn",  # the demo's is not installed there
            "AIRFLOW__CORE__DAGS_FOLDER": str(project.folder / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(project.folder / "plugins"),
        }
        with Stack(folder / "stack", settings, python=project.python) as stack:
            api = stack.api()
            yield Installation(api, stack, lake)
            api.close()
