from __future__ import annotations

from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given
from hypothesis import strategies as st

from customer_match.tables.inside import inside

MEMORY = MemoryFileSystem()


@pytest.mark.parametrize(
    "relative", ["a.csv", "a/b.csv", "./a//b.csv", "time=10:00/b c.csv", "..a/b..c", "a/...", "é"]
)
def test_paths_inside_the_table_are_joined(relative: str) -> None:
    parts = [part for part in relative.split("/") if part not in ("", ".")]
    assert inside(MEMORY, "/t/", relative) == "/t/" + "/".join(parts)


@pytest.mark.parametrize(
    "relative",
    ["", ".", "..", "../a", "a/../b", "/a", "C:/a", "abfss://c@a/b", "file:///a", "a\\..\\b", "a\0b"],
)
def test_paths_out_of_the_table_are_refused(relative: str) -> None:
    assert inside(MEMORY, "/t", relative) is None


@given(st.text(alphabet="ab./\\:é\0", max_size=20))
def test_whatever_is_written_stays_inside(relative: str) -> None:
    path = inside(MEMORY, "/t", relative)
    assert path is None or (path.startswith("/t/") and ".." not in path.split("/"))


def test_links_may_lead_inside_only(tmp_path: Path) -> None:
    local = LocalFileSystem()
    (tmp_path / "t/real").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "t/good").symlink_to(tmp_path / "t/real")
    (tmp_path / "t/bad").symlink_to(tmp_path / "outside")
    (tmp_path / "link").symlink_to(tmp_path / "t")
    assert inside(local, str(tmp_path / "t"), "good/a") == str(tmp_path / "t/good/a")
    assert inside(local, str(tmp_path / "t"), "bad/a") is None
    assert inside(local, str(tmp_path / "link"), "real/a") == str(tmp_path / "link/real/a")
