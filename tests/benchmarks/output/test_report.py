"""The page of figures, and its pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from benchmarks.measuring import Measured, compared
from benchmarks.output.plots import draw_sizes, draw_stages
from benchmarks.output.report import render, write_report
from benchmarks.output.results import completed

MACHINE = {"processor": "Some CPU", "Python": "3.11"}


def entry(name: str, n: int, **more: Any) -> dict[str, Any]:
    ours, other = Measured(n / 1_000_000, n / 500_000, 123.4), Measured(n / 100_000, n / 50_000, 1234.5)
    entry = compared(f"case of {name}", n, ours, "the plain way", other, rounds=1, **more)
    return completed(entry, name) | {"measured": "2026-11-30 12:00"}


RESULTS = [entry("data-path", 4_000_000), entry("data-path", 500_000), entry("stage-read", 500_000)]


def test_sections_have_the_cases_in_the_order_of_their_sizes() -> None:
    page = render(RESULTS, MACHINE, {"data-path"})
    assert "Measured on 2026-11-30." in page
    assert "| processor | Some CPU |" in page
    assert (
        "![CPU time, time and memory of the data path over the number of profiles](images/data-path.svg)"
        in page
    )
    assert "images/stages.svg" not in page  # it was not drawn
    small = (
        "| case of data-path | 500,000 | 0.500 | 1.00 | 123 | the plain way | 10.0 | 1,234 | 0.100 | 0.100 |"
    )
    large = (
        "| case of data-path | 4,000,000 | 4.00 | 8.00 | 123 | the plain way | 80.0 | 1,234 | 0.100 | 0.100 |"
    )
    assert page.index(small) < page.index(large) < page.index("## Stage by stage")
    assert "## The triggerer" not in page  # nothing was measured


def test_the_profile_is_shown_for_sizes_with_all_stages() -> None:
    stages = [entry(f"stage-{name}", 500_000) for name in ("read", "judge", "distinct", "parts", "write")]
    assert "| read | 2000 | " in render(stages, MACHINE)
    assert "| read | 2000 | " not in render(stages[1:], MACHINE)


def test_a_case_without_a_section_is_shown_too() -> None:
    page = render([entry("unheard-of", 3)], MACHINE)
    assert "## Other cases" in page
    assert "| case of unheard-of | 3 |" in page
    assert "## Other cases" not in render(RESULTS, MACHINE)


def test_a_page_without_results_is_a_page() -> None:
    page = render([], MACHINE)
    assert "## Goals" in page
    assert "not measured" in page


def test_goals_are_shown_with_what_was_measured() -> None:
    page = render(RESULTS, MACHINE)
    wanted = "times less CPU than the SDK's way | at least 14 | 10.0 | **falls short** |"
    assert f"| case of data-path | 500,000 | {wanted}" in page
    assert "| many-segments | 200 |" in page


def test_tasks_and_fields_of_their_own_are_shown() -> None:
    task = {"task": "select", "instances": 1, "starts": 2, "queued": 0.04, "running": 1.26, "deferred": 0}
    run = entry("one-segment", 500_000, tasks=[task | {"began": 1, "ended": 2.25}], work_seconds=3.14)
    page = render([run], MACHINE)
    assert "| `select` | 1 | 2 | 0.0 | 1.3 | 0.0 | 1.0 | 2.2 |" in page
    assert "- case of one-segment, 500,000: work seconds 3.14" in page


def test_pictures_are_drawn_as_svg_and_png(tmp_path: Path) -> None:
    assert draw_sizes(RESULTS[:2], tmp_path / "sizes", ours="ours", baseline="SDK", sizes="profiles")
    assert draw_stages([("read", 1.0, 0.5), ("judge", 2.0, 0.5)], tmp_path / "stages")
    for name in ("sizes", "stages"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        ET.parse(tmp_path / f"{name}.svg")


def test_equal_results_make_equal_pictures(tmp_path: Path) -> None:
    for name in ("one", "other"):
        draw_stages([("read", 1.0, 0.5)], tmp_path / name)
    for kind in ("svg", "png"):
        assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"other.{kind}").read_bytes()


@pytest.mark.parametrize("results", [[], RESULTS[:1]], ids=["none", "one size"])
def test_nothing_is_drawn_of_less_than_two_sizes(results: list[Any], tmp_path: Path) -> None:
    assert not draw_sizes(results, tmp_path / "sizes", ours="ours", baseline="SDK", sizes="profiles")
    assert not draw_stages([], tmp_path / "stages")
    assert list(tmp_path.iterdir()) == []


def test_the_page_and_its_pictures_are_written(tmp_path: Path) -> None:
    write_report(tmp_path, RESULTS, MACHINE)
    assert (tmp_path / "performance.md").read_text().startswith("# Performance")
    names = {path.name for path in (tmp_path / "images").iterdir()}
    assert names == {"data-path.svg", "data-path.png", "stages.svg", "stages.png"}
