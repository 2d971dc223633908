"""The site of `make docs`: a strict build that needs no network, links, pictures, and search in a browser."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from propcache.api import cached_property

from customer_match.project import PROJECT
from tests.browser import NEEDS_CHROMIUM, chromium

DOCS = PROJECT / "docs"
BUILD = re.search(r"sphinx-build (.+) docs build/docs", (PROJECT / "Makefile").read_text(encoding="utf-8"))
LOADED = {"audio", "embed", "iframe", "img", "input", "link", "object", "script", "source", "track", "video"}
"""Tags whose addresses a browser loads by itself; those of `a` wait for a click."""

pytestmark = pytest.mark.slow


def build(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """Build a site as `make docs` does."""
    assert BUILD is not None
    command = [sys.executable, "-m", "sphinx", *BUILD[1].split(), str(source), str(target)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


class Page(HTMLParser):
    """Anchors of a page, addresses that it loads, and addresses that it links to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.anchors: set[str] = set()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.anchors |= {value for name in ("id", "name") if (value := values.get(name))}
        addresses = [value for name in ("href", "src", "srcset", "data") if (value := values.get(name))]
        (self.loads if tag in LOADED else self.links).extend(addresses)


class Site:
    """A site that was built."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def pages(self) -> dict[Path, Page]:
        written = (path for path in self.folder.rglob("*.html") if "_static" not in path.parts)
        return {path: Page(path) for path in written}

    def dead(self, page: Page, address: str) -> bool:
        """Whether an address without a host leads nowhere."""
        parts = urlsplit(address)
        target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
        if parts.fragment and target.suffix == ".html":
            return target not in self.pages or unquote(parts.fragment) not in self.pages[target].anchors
        return not target.is_file()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    target = tmp_path_factory.mktemp("site").resolve()
    done = build(DOCS, target)
    assert (done.returncode, done.stderr) == (0, "")
    return Site(target)


def test_every_document_is_a_page(site: Site) -> None:
    documents = {path.relative_to(DOCS).with_suffix(".html") for path in DOCS.rglob("*.md")}
    assert documents <= {path.relative_to(site.folder) for path in site.pages}


def test_links_and_anchors_lead_somewhere(site: Site) -> None:
    local = [
        (page, link)
        for page in site.pages.values()
        for link in (*page.links, *page.loads)
        if not re.match(r"[a-z]+:|//|#$", link)
    ]
    assert len(local) > 2000, "a check of the check"
    assert [f"{page.path.name}: {link}" for page, link in local if site.dead(page, link)] == []


def foreign(site: Site) -> Iterator[str]:
    """What a browser would load from other hosts."""
    for page in site.pages.values():
        yield from (f"{page.path.name}: {it}" for it in page.loads if re.match(r"(?!data:)[a-z]+:|//", it))
    for style in site.folder.rglob("*.css"):
        addresses = re.findall(r"(?:url\(|@import)\s*[\"']?([^\"')\s;]+)", style.read_text(encoding="utf-8"))
        yield from (f"{style.name}: {it}" for it in addresses if re.match(r"(?!data:)[a-z]+:|//", it))


def test_pages_load_nothing_from_other_hosts(site: Site) -> None:
    assert list(foreign(site)) == []


def test_diagrams_are_drawn(site: Site) -> None:
    written = sum(path.read_text(encoding="utf-8").count("\n```mermaid") for path in DOCS.rglob("*.md"))
    pages = [path.read_text(encoding="utf-8") for path in site.pages]
    assert sum(page.count('<figure class="diagram"><svg') for page in pages) == written > 0


def test_translations_name_their_language(site: Site) -> None:
    for path in site.pages:
        folder = path.relative_to(site.folder).parent.name or "en"
        assert f'<html lang="{folder}"' in path.read_text(encoding="utf-8")


def test_faults_fail_the_build(tmp_path: Path) -> None:
    source = tmp_path / "docs"
    source.mkdir()
    for name in ("conf.py", "site_pages.py"):
        shutil.copy(DOCS / name, source)
    (source / "_static").mkdir()
    (source / "index.md").write_text(
        "# Start\n\n- [Listed](listed.md)\n\n[a](none.md) [b](#no-heading) [c](listed.md#no-heading) [d](../none.py) "
        "![e](none.png) [f](listed.md#a-heading) [g](../SECURITY.md) [h](../NONE.md)\n"
    )
    (source / "listed.md").write_text(
        "# Listed\n\n## A heading\n\n```mermaid\nflowchart LR\n  a --> b\n```\n"
    )
    (source / "alone.md").write_text("# Alone\n")
    (tmp_path / "SECURITY.md").write_text("# Security\n")
    done = build(source, tmp_path / "site")
    assert done.returncode == 1
    warnings = [line for line in done.stderr.splitlines() if "WARNING" in line]
    for fault in (
        "none.md",
        ": 'no-heading'",
        "'listed': 'no-heading'",
        "none.py",
        "none.png",
        "NONE.md",
        "alone.md",
    ):
        assert [line for line in warnings if fault in line], fault
    assert len(warnings) == 7, "links that lead somewhere pass: " + done.stderr


class TestInABrowser:
    pytestmark = NEEDS_CHROMIUM

    def test_search_finds_a_word(self, site: Site) -> None:
        """From files, without a server."""
        requests: list[str] = []
        with chromium() as browser:
            page = browser.new_page()
            page.on("request", lambda request: requests.append(request.url))
            page.goto(f"file://{site.folder}/index.html")
            page.keyboard.press("Control+K")
            page.keyboard.type("deletion vectors")
            page.keyboard.press("Enter")
            page.get_by_role("link", name="Supported lake layouts").first.click()
            page.get_by_role("heading", name="Supported lake layouts").wait_for()
        assert {urlsplit(url).scheme for url in requests} <= {"file", "data", "blob"}
