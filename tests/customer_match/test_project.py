"""Where the project and its export files are."""

from __future__ import annotations

from pathlib import Path

import pytest

from customer_match.project import PROJECT, exports_folder


def test_the_export_files_are_in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUSTOMER_MATCH_EXPORTS", raising=False)
    assert exports_folder() == PROJECT / "include" / "exports"


def test_a_named_folder_is_shown_as_a_whole_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Messages name it, and a service's current folder is not the shell's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CUSTOMER_MATCH_EXPORTS", "exports")
    assert exports_folder() == tmp_path / "exports"
    monkeypatch.setenv("CUSTOMER_MATCH_EXPORTS", "~/exports")
    assert exports_folder() == tmp_path / "home" / "exports"
