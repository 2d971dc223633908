"""The simulator is independent of the client, so that each checks the other."""

from __future__ import annotations

import ast

from tests.microsoft_advertising_simulator.api import ROOT

SOURCES = sorted((ROOT / "include" / "microsoft_advertising_simulator").rglob("*.py"))


def test_imports_nothing_of_the_client() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            modules = []
            if isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            elif isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            for module in modules:
                own = module.startswith(
                    ("customer_match", "microsoft_advertising")
                ) and not module.startswith("microsoft_advertising_simulator")
                assert not own or module == "customer_match.errors", f"{path} imports {module}"
                assert not module.startswith(("airflow", "bingads")), f"{path} imports {module}"
