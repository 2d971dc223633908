"""Patterns of a manifest: what fits, what is refused, and that no pattern takes long."""

from __future__ import annotations

import fnmatch
import time
from typing import Any

import pytest

from customer_match.errors import ConfigurationError
from customer_match.export.segments import Selection
from customer_match.tables.cdm.entity import FileSettings, Pattern
from customer_match.tables.cdm.patterns import matcher


def fits(path: str, *, regex: str | None = None, glob: str | None = None) -> bool:
    return matcher(
        Pattern("Gold", glob, regex, FileSettings()), "abfs://lake/x.manifest.cdm.json", "Gold"
    ).fits(path)


@pytest.mark.parametrize(
    ("regex", "path", "is_taken"),
    [
        (r"/(\d{4})/b\.csv$", "/2026/b.csv", True),
        (r"/(\d{4})/b\.csv$", "/2026/b.csv.bak", False),
        (r".+\.(csv)", "/a/b.csv", True),
        (r"\w+\.csv", "/Müller_例え.csv", True),  # all of Unicode, as in .NET
        (r"[\w-]+\.csv", "/Größe-1.csv", True),
        (r"\w+\.csv", "/a b.csv", False),
        (r"\W\.csv", "/ü.csv", False),
        (r"\d+\.csv", "/٣.csv", True),
        (r"[^\d]\.csv", "/٣.csv", False),
        (r"[\D]\.csv", "/x.csv", True),
        (r"a\s\.csv", "/a\u00a0.csv", True),
        (r"\S\.csv", "/\u00a0.csv", False),
        (r"\u00fc\x41\.csv", "/üA.csv", True),
        (r"(?<year>\d+)/(?:a|b)\.csv", "/2026/b.csv", True),
        (r"(?i)GOLD\.CSV", "/gold.csv", True),
        (r"\Aa\.csv\Z", "/a.csv", True),
        (r"[]a]\.csv", "/].csv", True),
        (r"[^]a]\.csv", "/].csv", False),
        (r"[[a]\.csv", "/[.csv", True),
        (r"\p{Lu}\.csv", "/Ü.csv", True),
        (r"a|b", "/b", True),
        (r"a|b", "/bx", False),
        ("", "/", True),
        (r".*", "/half\udce9.csv", True),
    ],
)
def test_expressions_are_those_of_dot_net(regex: str, path: str, is_taken: bool) -> None:
    assert fits(path, regex=regex) is is_taken


@pytest.mark.parametrize(
    ("glob", "path", "is_taken"),
    [
        ("*.csv", "/a.csv", True),
        ("*.csv", "/a/b.csv", False),
        ("**/*.csv", "/a/b.csv", True),
        ("**", "/a/b.csv", True),
        ("20??\\*.csv", "/2026/b.csv", True),
        ("a[1]+(b).csv", "/a[1]+(b).csv", True),  # nothing else is a sign
        ("a[1]+(b).csv", "/a1b.csv", False),
        ("line*.csv", "/line\nbreak.csv", True),
        ("größe.csv", "/größe.csv", True),
    ],
)
def test_globs_match_as_documented(glob: str, path: str, is_taken: bool) -> None:
    assert fits(path, glob=glob) is is_taken


@pytest.mark.parametrize(
    "regex",
    [
        *(r"(?=a)b.*", r"(?!a)b", r"(?<=a)b", r"(?<!a)b", r"(a)\1", r"(?<n>a)\k<n>", r"(?>a)b", r"(?(1)a|b)"),
        *(
            "a++",
            "a{1001}",
            "(",
            ")",
            "[a",
            r"a\ ".rstrip(),
            "*",
            r"(?x) a",
            r"\h",
            r"\C",
            r"\Qa\E",
            "[a-z-[aeiou]]",
        ),
        *("[[:alpha:]]", r"[\W]", r"[\S]", "((a{100}){100}){100}", "a" * 5_000, "a\udce9"),
    ],
)
def test_what_cannot_be_matched_in_linear_time_is_refused_by_its_name(regex: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        fits("/a", regex=regex)
    said = str(refused.value)
    assert said.startswith(
        "abfs://lake/x.manifest.cdm.json: the entity 'Gold' has the pattern of partitions `"
    )
    assert ascii(regex[:80])[1:-1] in said
    assert "dataPartitions" in said
    assert len(said) < 600


LONG = "/" + "a" * 200 + "/" + "b" * 800


@pytest.mark.parametrize(
    "pattern",
    [
        {"regex": r"(a+)+$"},
        {"regex": r"(a|a)*c"},
        {"regex": r"(.*)*(.*)*(.*)*=.*"},
        {"regex": r"((a*)*b*)*!"},
        {"glob": "**/" * 300 + "x"},
        {"glob": "*a" * 500 + "x"},
        {"glob": "**a" * 500 + "x"},
    ],
    ids=str,
)
def test_no_pattern_takes_long(pattern: dict[str, Any]) -> None:
    began = time.process_time()
    for _ in range(3):
        assert not fits(LONG, **pattern)
    assert time.process_time() - began < 1


def test_patterns_of_the_export_file_take_no_long_time() -> None:
    """Python makes of a glob what never goes back over a `*` (since 3.9), so that one is as good as another."""
    began = time.process_time()
    assert not Selection.model_validate({"table": "*a" * 60 + "x"}).takes("a" * 255)
    assert time.process_time() - began < 1
    assert "(?>" in fnmatch.translate("*a*b") or "(?=" in fnmatch.translate("*a*b")
