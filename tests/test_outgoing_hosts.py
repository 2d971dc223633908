"""The list of outgoing connections in docs/hardening.md is that of the code, and the code names no other host."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import httpx

from customer_match.project import PROJECT
from microsoft_advertising.environment import Environment, Service

HOST = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,}")
PAGE = (PROJECT / "docs" / "hardening.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Outgoing connections")[2].partition("\n## ")[0]
SPANS = re.findall(r"`([^`]+)`", SECTION)
LISTED = {host for span in SPANS for host in HOST.findall(span) if host.endswith((".com", ".net"))}
NOT_THE_CLIENT = {"microsoft_advertising_simulator", "customer_match_demo", "customer_match_sample_lake"}
NEVER_CALLED = {
    # names of XML, JSON and asset schemas
    "www.w3.org", "schemas.xmlsoap.org", "schemas.microsoft.com", "schemas.datacontract.org", "adapi.microsoft.com",
    "bingads.microsoft.com", "json-schema.org", "adaptivecards.io", "openlineage.io",
    # scopes of tokens
    "ads.microsoft.com", "si.ads.microsoft.com",
    # links for people
    "learn.microsoft.com", "privacy.microsoft.com", "github.com",
}  # fmt: skip


def test_the_hosts_of_the_service_and_of_sign_ins_are_listed_exactly() -> None:
    ours = set()
    for name in ("production", "sandbox"):
        environment = Environment.named(name)
        ours |= {httpx.URL(environment.url(service)).host for service in Service}
        ours.add(httpx.URL(environment.authority).host)
    observed = {
        "fileupload.api.sandbox.bingads.microsoft.com",
        "bingadsappsstorageprod.blob.core.windows.net",
    }
    hosts_module = (PROJECT / "include/microsoft_advertising/hosts.py").read_text(encoding="utf-8")
    assert all(host in hosts_module for host in observed)
    others = {"blob.core.windows.net", "bingads.microsoft.com", "ui.ads.microsoft.com"}
    assert ours | observed | others == LISTED


def test_no_other_host_is_in_the_code() -> None:
    """A new one has to be listed, or named above as one that is never called."""
    found = {
        host for folder in ("include", "plugins", "dags") for path in files(folder) for host in hosts_in(path)
    }
    assert {"login.microsoftonline.com", "ui.ads.microsoft.com"} <= found, "a check of the check"
    assert found - LISTED - NEVER_CALLED == set()


def files(folder: str) -> Iterator[Path]:
    for path in sorted((PROJECT / folder).rglob("*.py")):
        if not NOT_THE_CLIENT & set(path.parts):
            yield path


def hosts_in(path: Path) -> Iterator[str]:
    """Hosts of addresses in the texts of a module, but not in its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            for address in re.findall(r"https?://([^\s/\"'`<>:)]+)", node.value):
                yield from HOST.findall(address.lower())
