"""Documents: the README is short, links and pictures are alive, also those that code names."""

from __future__ import annotations

import re
import struct
import subprocess
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from customer_match.project import PROJECT

AT_THE_TOP = [PROJECT / f"{name}.md" for name in ("README", "CHANGELOG", "CONTRIBUTING", "SECURITY")]
DOCUMENTS = (*AT_THE_TOP, *sorted((PROJECT / "docs").rglob("*.md")))
SOURCES = [
    path
    for folder in ("dags", "include", "plugins")
    for path in (PROJECT / folder).rglob("*")
    if path.suffix in {".py", ".yaml", ".json", ".j2"}
]
README_WORDS = 700
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?^ {0,3}\1[`~]*\s*$", re.MULTILINE | re.DOTALL)
CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t]*#*$", re.MULTILINE)
LINK = re.compile(r"\]\(\s*<?([^\s)>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
NAMED_BY_CODE = re.compile(r"docs/[\w-]+\.md(?:#[\w-]+)?")


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading; several equal ones are numbered by `anchors`."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


@cache
def anchors(document: Path) -> frozenset[str]:
    """All anchors of a document."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in HEADING.findall(FENCE.sub("", document.read_text(encoding="utf-8"))):
        name = anchor(heading)
        found.add(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return frozenset(found)


def links(document: Path) -> Iterator[str]:
    """Targets of links and pictures, also of pictures that are links; those in code are none."""
    prose = CODE_SPAN.sub("", FENCE.sub("", document.read_text(encoding="utf-8")))
    yield from LINK.findall(prose)


def dead(link: str, document: Path) -> str | None:
    """What is wrong with a relative link; None if it leads somewhere."""
    path, _, name = unquote(link).partition("#")
    target = (document.parent / path).resolve() if path else document
    if not target.exists():
        return f"{link}: no such file"
    if name and name not in anchors(target):
        return f"{link}: no such heading"
    return None


def test_the_readme_is_short() -> None:
    assert len((PROJECT / "README.md").read_text(encoding="utf-8").split()) <= README_WORDS


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    relative = [link for link in links(document) if not re.match(r"[a-z]+:", link)]
    assert [wrong for link in relative if (wrong := dead(link, document))] == []


def test_the_readme_links_to_the_documentation() -> None:
    """From there, navigation leads to each page: `tests/test_site.py`."""
    assert "docs/index.md" in set(links(PROJECT / "README.md"))


def test_code_names_documents_that_exist() -> None:
    wrong = [
        f"{source.relative_to(PROJECT)}: {complaint}"
        for source in SOURCES
        for name in NAMED_BY_CODE.findall(source.read_text(encoding="utf-8"))
        if (complaint := dead(name, PROJECT / "README.md"))
    ]
    assert wrong == []


def test_the_architecture_page_names_modules_that_exist() -> None:
    text = FENCE.sub("", (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8"))
    named = set(re.findall(r"`(\w+/[\w/]+(?:\.py|/))`", text))
    assert len(named) > 80, "a check of the check"
    roots = (PROJECT, PROJECT / "include", PROJECT / "plugins")
    assert [name for name in sorted(named) if not any((root / name).exists() for root in roots)] == []


@pytest.mark.parametrize("picture", sorted((PROJECT / "docs").rglob("*.png")), ids=lambda path: path.name)
def test_pictures_are_pngs(picture: Path) -> None:
    content = picture.read_bytes()
    width, height = struct.unpack(">II", content[16:24])
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert content.rstrip(b"\0")[-8:-4] == b"IEND"
    assert min(width, height) > 0
    assert len(content) < 400_000


@pytest.mark.parametrize(
    ("heading", "wanted"),
    [
        ("The ledger: two bounds", "the-ledger-two-bounds"),
        ("`customer-match login`", "customer-match-login"),
        ("[Signing in](signing-in.md), step by step", "signing-in-step-by-step"),
        ("Was ist ein_Größenmaß?", "was-ist-ein_größenmaß"),
    ],
)
def test_anchors_are_made_as_github_makes_them(heading: str, wanted: str) -> None:
    assert anchor(heading) == wanted


def test_dead_links_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        '# One\n# One\n```\n# Two\n[x](no.md)\n```\n`[y](no.md)` [![z](a.png)](#one-1) [w](<b.md> "B")\n'
    )
    assert list(links(page)) == ["a.png", "#one-1", "b.md"]
    assert [dead(link, page) for link in links(page)] == ["a.png: no such file", None, "b.md: no such file"]
    assert dead("page.md#two", page) == "page.md#two: no such heading"


def test_nothing_is_committed_that_git_ignores() -> None:
    """A file that a command writes into a clone would otherwise change with each user's work."""
    git = ["git", "-C", str(PROJECT), "ls-files", "--cached", "--ignored", "--exclude-standard"]
    done = subprocess.run(git, capture_output=True, text=True, check=False)
    assert done.stdout == ""
