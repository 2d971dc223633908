"""Who may import whom (docs: the house): read from the source of every module, lazy imports included."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from customer_match.project import PROJECT

FOLDERS = (PROJECT / "include", PROJECT / "plugins", PROJECT / "dags")
AIRFLOW = "airflow"
OURS = "customer_match", "microsoft_advertising"
DEMO = "customer_match_demo"
SIMULATOR = "microsoft_advertising_simulator"

FORBIDDEN = {  # package: what it must not import
    "customer_match": (
        AIRFLOW,
        "customer_match_delivery",
        "customer_match_sample_lake",
        DEMO,
        "microsoft_advertising",
        SIMULATOR,
    ),
    "customer_match_delivery": (AIRFLOW, "airflow_microsoft_advertising", DEMO, SIMULATOR),
    "customer_match_sample_lake": (AIRFLOW, "airflow_microsoft_advertising", *OURS, DEMO, SIMULATOR),
    DEMO: (AIRFLOW, "microsoft_advertising", SIMULATOR),
    "microsoft_advertising": (AIRFLOW, "customer_match", "customer_match_delivery", DEMO, SIMULATOR),
    "microsoft_advertising_live_check": (AIRFLOW, "customer_match", DEMO, SIMULATOR),
    SIMULATOR: (AIRFLOW, *OURS, "customer_match_delivery", DEMO),
    "airflow_microsoft_advertising": (DEMO, SIMULATOR),
    "airflow_microsoft_advertising.connection": tuple(
        f"airflow_microsoft_advertising.{room}" for room in ("cli", "lake", "run", "operator", "trigger")
    ),
    "airflow_microsoft_advertising.lake": tuple(
        f"airflow_microsoft_advertising.{room}" for room in ("cli", "run", "operator", "trigger")
    ),
    "airflow_microsoft_advertising.run": tuple(
        f"airflow_microsoft_advertising.{room}" for room in ("cli", "operator", "trigger")
    ),
    "airflow_microsoft_advertising.operator": ("airflow_microsoft_advertising.cli",),
    "airflow_microsoft_advertising.dags": ("airflow_microsoft_advertising.cli", "microsoft_advertising"),
    "customer_match_forget": (*OURS, "customer_match_delivery", DEMO, SIMULATOR),
    "segment_exports": (*OURS, "customer_match_delivery", DEMO, SIMULATOR),
}
EVERYWHERE = {"customer_match.errors"}  # the three families of errors, which import nothing
ALLOWED = {  # the exceptions
    # its own command
    ("airflow_microsoft_advertising.cli.main", "microsoft_advertising_simulator.command"),
    # the table of behaviours that it checks
    ("microsoft_advertising_live_check.check", "microsoft_advertising_simulator.behaviours.table"),
    # the definition, which imports nothing
    ("customer_match_sample_lake.expected", "customer_match.addresses.definition"),
}

ROOMS = (  # of customer_match: each may import the modules above all rooms, and the rooms before it
    "members",
    "addresses",
    "storage",
    "tables",
    "conditions",
    "export",
    "drafts",
    "change_logs",
    "workspace",
    "ledger",
    "erasure",
    "planning",
    "profiles",
    "runs",
    "history",
    "alerts",
    "audit",
)
MODULES_IN_A_FOLDER = 18
LINES_IN_A_MODULE = 450
LINES_IN_A_CLASS = 300
TABLES_OF_DATA = {  # modules that may be longer, as they are read row by row
    # what each code of the service means
    "microsoft_advertising.error_codes",
    # what the simulator does, with its sources
    "microsoft_advertising_simulator.behaviours.table",
    # the types of the SOAP interface
    "microsoft_advertising_simulator.endpoints.soap.contract",
}


@cache
def modules() -> dict[str, Path]:
    """Every module of the project by its name."""
    return {
        ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__"): path
        for folder in FOLDERS
        for path in folder.rglob("*.py")
    }


def is_in(name: str, package: str) -> bool:
    """`airflow` is not the beginning of `airflow_microsoft_advertising`."""
    return name == package or name.startswith(f"{package}.")


@cache
def imports(module: str, *, only_at_import: bool = False) -> frozenset[str]:
    """What a module imports: names of modules, or of things in them.

    Args:
        module: Its name.
        only_at_import: Leave out what is imported in functions or for type checkers only.
    """
    path = modules()[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return frozenset(
        name for node in _nodes(_tree(path), only_at_import) for name in _imported(node, package)
    )


def _imported(node: ast.stmt, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = package.split(".")
        base = ".".join(above[: len(above) - node.level + 1]) if node.level else ""
        origin = ".".join(part for part in (base, node.module) if part)
        yield from (f"{origin}.{alias.name}" for alias in node.names)


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _nodes(tree: ast.AST, only_at_import: bool) -> Iterator[ast.stmt]:
    """All statements, those within others too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.expr):
            continue
        lazy = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        )
        if not (only_at_import and lazy):
            if isinstance(node, ast.stmt):
                yield node
            yield from _nodes(node, only_at_import)


def module_of(name: str) -> str | None:
    """Our module that an imported name is, or is in."""
    while name:
        if name in modules():
            return name
        name = name.rpartition(".")[0]
    return None


def test_the_reader_sees_what_there_is() -> None:
    """A check of the check: it would find nothing in an empty tree."""
    assert len(modules()) > 80
    assert "customer_match.ledger.actions.Action" in imports("customer_match.planning.plan")
    lazy = "airflow_microsoft_advertising.trigger.BulkUploadTrigger"
    assert lazy in imports("airflow_microsoft_advertising.waiting")
    assert lazy not in imports("airflow_microsoft_advertising.waiting", only_at_import=True)
    assert module_of("customer_match.ledger.actions.Action") == "customer_match.ledger.actions"
    assert module_of("json.loads") is None


@pytest.mark.parametrize("package", FORBIDDEN)
def test_who_may_import_whom(package: str) -> None:
    inside = [module for module in modules() if is_in(module, package)]
    assert inside
    wrong = [
        f"{module} imports {name}"
        for module in inside
        for name in imports(module)
        for forbidden in FORBIDDEN[package]
        if is_in(name, forbidden)
        and module_of(name) not in EVERYWHERE
        and (module, module_of(name)) not in ALLOWED
    ]
    assert wrong == []


def room_of(module: str | None) -> str | None:
    """The room of customer_match that a module is in; None for the modules above all rooms, and for others."""
    parts = (module or "").split(".")
    return parts[1] if parts[0] == "customer_match" and len(parts) > 1 and parts[1] in ROOMS else None


def test_the_picture_of_packages_shows_what_is_allowed() -> None:
    page = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    picture = page.partition("## Who may import whom")[2].partition("```mermaid")[2].partition("```")[0]
    arrows = re.findall(r"(?m)^ +(\w+) --> (\w+)$", picture)
    packages = {package for package in FORBIDDEN if "." not in package} - {
        "customer_match_forget",
        "segment_exports",
    }
    assert packages <= set(re.findall(r"\w+", picture))
    assert len(arrows) == 9
    assert [arrow for arrow in arrows if arrow[1] in FORBIDDEN[arrow[0]]] == []


def test_every_folder_of_customer_match_is_a_room() -> None:
    folders = {path.parent.name for path in (PROJECT / "include" / "customer_match").glob("*/__init__.py")}
    assert folders == set(ROOMS)


@pytest.mark.parametrize("room", [None, *ROOMS])
def test_a_room_imports_only_rooms_before_it(room: str | None) -> None:
    before = {None, *ROOMS[: ROOMS.index(room) + 1]} if room else {None}
    wrong = [
        f"{module} imports {name}"
        for module in modules()
        if is_in(module, "customer_match") and room_of(module) == room
        for name in imports(module)
        if is_in(name, "customer_match") and room_of(module_of(name)) not in before
    ]
    assert wrong == []


def test_no_module_needs_itself_by_way_of_others() -> None:
    """Nor by imports within functions or for type checkers only: each module can be understood after those it needs."""
    needs = {
        module: {other for name in imports(module) if (other := module_of(name)) and other != module}
        for module in modules()
    }
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        raise AssertionError(f"a circle: {' → '.join(error.args[1])}") from None


def test_nothing_of_the_sdk_at_import() -> None:
    """`bingads` parses a WSDL of 1.5 MB when it is imported."""
    wrong = [
        module
        for module in modules()
        for name in imports(module, only_at_import=True)
        if is_in(name, "bingads") or is_in(name, "msads")
    ]
    assert wrong == []


def imported_with(module: str) -> set[str]:
    """All modules and things that importing a module imports, packages above them included."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        for name in imports(waiting.pop(), only_at_import=True):
            parts = name.split(".")
            for above in {".".join(parts[:end]) for end in range(1, len(parts) + 1)} - found:
                found.add(above)
                if above in modules():
                    waiting.append(above)
    return found


def test_parsing_the_dags_opens_no_storage() -> None:
    """Airflow parses them every few seconds. `test_import_cost.py` looks at real imports, which takes seconds."""
    found = imported_with("segment_exports")
    assert {"customer_match.export.model", "airflow_microsoft_advertising.operator", "pydantic"} <= found
    heavy = {
        "adlfs",
        "fsspec",
        "httpx",
        "numpy",
        "pandas",
        "polars",
        "pyarrow",
        "customer_match.storage.files",
    }
    assert found & heavy == set()


def test_pandas_is_imported_only_where_a_table_is_shown() -> None:
    """It costs a task 0.25 s and 32 MB, and most tasks show none; matplotlib costs as much again."""
    shown = {
        "customer_match.runs.report_tables",
        "customer_match.audit.summary",
        *(f"customer_match.history.{name}" for name in ("plots", "summaries", "trends")),
    }
    eager = {module: imports(module, only_at_import=True) for module in modules()}
    heavy = {
        module
        for module in eager
        for name in eager[module]
        if is_in(name, "pandas") or (is_in(name, "matplotlib") and not is_in(module, "benchmarks"))
    }
    assert heavy == shown
    others = {module: names for module, names in eager.items() if module not in shown}
    assert [one for one, names in others.items() if any(is_in(n, s) for n in names for s in shown)] == []


def test_no_deprecated_import_of_airflow() -> None:
    deprecated = [
        "airflow.decorators", "airflow.hooks.base", "airflow.models.baseoperator", "airflow.models.param",
        "airflow.utils.task_group", "airflow.utils.trigger_rule", "airflow.io", "airflow.operators",
        "airflow.sensors", "airflow.exceptions", "airflow.datasets",
    ]  # fmt: skip
    wrong = [
        f"{module} imports {name}"
        for module in modules()
        for name in imports(module)
        if any(is_in(name, old) for old in deprecated)
    ]
    assert wrong == []


def test_airflow_runs_nothing_of_the_package_as_modules_of_their_own() -> None:
    """The plugin loader executes every file that .airflowignore does not name."""
    ignored = (PROJECT / "plugins" / ".airflowignore").read_text(encoding="utf-8").split()
    assert "airflow_microsoft_advertising/" in ignored
    assert list((PROJECT / "plugins").glob("*.py")) == [], (
        "the plugin has an entry point, and would be loaded twice"
    )


ASKS_STORAGES = {  # the layer over file systems, and what writes to the workspace
    "customer_match.storage.azure_names",
    "customer_match.storage.paths",
    "customer_match.workspace.blob",
}
OF_FILE_SYSTEMS = frozenset(
    {
        *(
            "cat",
            "cat_file",
            "cat_ranges",
            "checksum",
            "created",
            "du",
            "exists",
            "expand_path",
            "find",
            "glob",
        ),
        *("head", "info", "isdir", "isfile", "lexists", "ls", "modified", "open", "read_block", "read_bytes"),
        *("read_text", "size", "sizes", "stat", "tail", "walk"),
    }
)


def _asked_of_storages(tree: ast.AST) -> Iterator[str]:
    """Calls such as `filesystem.ls(…)` and `self._filesystem.info(…)`, also without the call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in OF_FILE_SYSTEMS:
            owner = ast.unparse(node.value)
            if re.search(r"(?:^|[._])(?:filesystem|lake|fs)$", owner):
                yield f"{owner}.{node.attr}"


def test_one_layer_asks_storages() -> None:
    """Names mean themselves only there (docs: lake-layouts, names); whoever asks a file system otherwise is wrong."""
    for call in ("place.filesystem.ls(x)", "self._filesystem.cat_file(x)", "lake.find(x)"):
        assert list(_asked_of_storages(ast.parse(call)))
    wrong = [
        f"{module}: {call}"
        for module in modules()
        if is_in(module, "customer_match") or is_in(module, "airflow_microsoft_advertising")
        for call in _asked_of_storages(_tree(modules()[module]))
        if module not in ASKS_STORAGES
    ]
    assert wrong == []


def test_loggers_take_addresses_out() -> None:
    """`redaction.logger` does; the standard library's own would not."""
    wrong = [
        module
        for module, path in modules().items()
        if module.startswith(("customer_match", "airflow_microsoft_advertising", "dags"))
        and module != "customer_match.redaction"
        and "getLogger(__name__)" in path.read_text(encoding="utf-8")
    ]
    assert wrong == []


def test_a_folder_shows_one_idea() -> None:
    folders = Counter(path.parent for path in modules().values())
    assert folders[PROJECT / "include" / "customer_match" / "export"] > 10, "a check of the check"
    assert {folder: count for folder, count in folders.items() if count > MODULES_IN_A_FOLDER} == {}


def test_a_module_is_read_at_one_sitting() -> None:
    lines = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in modules().items()}
    assert {module for module, count in lines.items() if count > LINES_IN_A_MODULE} == TABLES_OF_DATA


def test_a_class_has_one_task() -> None:
    classes = {
        f"{module}.{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for module, path in modules().items()
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.ClassDef)
    }
    assert classes["customer_match.export.model.Export"] > 100, "a check of the check"
    assert {name: count for name, count in classes.items() if count > LINES_IN_A_CLASS} == {}
