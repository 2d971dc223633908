"""Exports are found by their names and by the paths of their files; errors tell the line of a key."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_microsoft_advertising.cli.exports import (
    complete_exports,
    find_export,
    find_export_file,
    find_files,
)
from customer_match.errors import ConfigurationError
from customer_match.export.loading import InvalidExport
from customer_match.export.matching import segments_of

EXPORT = "cid: 1\naid: 2\nsource: lake\nsegments: [Gold, {table: Silver, email: Mail}]\nemail:\n  columns: [Email]\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    exports = tmp_path / "exports"
    exports.mkdir()
    (exports / "autumn.yaml").write_text(EXPORT)
    (exports / "file.yml").write_text("name: 'winter'\n" + EXPORT.replace("aid: 2", "aid: 3"))
    (exports / "broken.yaml").write_text("typo: 1\n")
    monkeypatch.setenv("CUSTOMER_MATCH_EXPORTS", str(exports))
    monkeypatch.chdir(tmp_path)
    return exports


@pytest.mark.parametrize("given", ["winter", "exports/file.yml", "./exports/file.yml", "{folder}/file.yml"])
def test_by_name_and_by_path(folder: Path, given: str) -> None:
    given = given.format(folder=folder)
    assert find_export(given).name == "winter"
    assert [path.resolve() for path in find_files([given])] == [folder / "file.yml"]


def test_all_files_of_folders_each_once(folder: Path) -> None:
    assert len(find_files([])) == 3
    assert [path.name for path in find_files(["exports", "autumn", "winter"])] == [
        "autumn.yaml",
        "broken.yaml",
        "file.yml",
    ]


@pytest.mark.bad_input
def test_what_is_not_found(folder: Path) -> None:
    for find in (find_export, lambda given: find_files([given])):
        with pytest.raises(
            ConfigurationError, match=r"did you mean 'winter'\?.*or the path of an export file"
        ):
            find("wintr")
    with pytest.raises(InvalidExport, match=r"gone\.yaml: cannot be read \(No such file"):
        find_export("gone.yaml")
    with pytest.raises(InvalidExport, match=r"no_folder/gone\.yaml|gone\.yaml: cannot be read"):
        find_export("no_folder/gone.yaml")
    with pytest.raises(InvalidExport, match="unknown key"):
        find_export("broken")


@pytest.mark.bad_input
def test_a_path_has_no_other_file_of_its_name_beside_it(folder: Path) -> None:
    (folder / "copy.yaml").write_text("name: autumn\n" + EXPORT)
    assert find_export("exports/autumn.yaml").name == "autumn"
    with pytest.raises(InvalidExport, match=r"the name is also used by autumn\.yaml"):
        find_export("exports/copy.yaml")


def test_the_place_of_a_key(folder: Path) -> None:
    file = find_export_file("autumn")
    gold, silver = segments_of(file.export)
    assert file.place("aid") == (2, "aid")
    assert file.place("email") == (5, "email")
    assert file.place("email.columns") == (6, "email.columns")
    assert file.place("consent.column") == (None, "consent")
    assert file.place("", gold) == (4, "segments[0]")
    assert file.place("email", gold) == (5, "email")
    assert file.place("email", silver) == (4, "segments[1].email")
    assert file.describe(ConfigurationError("Wrong.", key="aid")) == "autumn.yaml, line 2, aid: Wrong."
    assert file.describe(ConfigurationError("Wrong.", key="connection")) == "Wrong."
    assert file.describe(ConfigurationError("Wrong.")) == "Wrong."


def test_names_are_completed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert complete_exports("") == ["autumn", "broken", "winter"]
    assert complete_exports("w") == ["winter"]
    monkeypatch.setenv("CUSTOMER_MATCH_EXPORTS", str(folder / "gone"))
    assert complete_exports("") == []
