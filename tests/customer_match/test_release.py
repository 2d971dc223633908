"""The release, where the package is installed and where only its modules are there."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from customer_match import release as module
from customer_match.project import PROJECT
from customer_match.release import release


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    release.cache_clear()
    yield
    release.cache_clear()


@pytest.fixture
def not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(module, "version", fails)


def test_of_the_installed_package() -> None:
    assert release() == version("customer-match-airflow")


@pytest.mark.usefixtures("not_installed")
def test_of_the_source_tree() -> None:
    """As with the modules on PYTHONPATH alone."""
    assert f'version = "{release()}"' in (PROJECT / "pyproject.toml").read_text()


@pytest.mark.usefixtures("not_installed")
@pytest.mark.parametrize("text", [None, "no TOML", "[project]\nname = 'other'\nversion = '9'\n", "[tool]\n"])
def test_of_modules_that_were_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    if text is not None:
        (tmp_path / "pyproject.toml").write_text(text)
    monkeypatch.setattr(module, "PROJECT", tmp_path)
    assert release() == "unknown"
