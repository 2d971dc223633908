"""The folder of export files: files are found, checked, added, replaced and removed, and nothing else is touched."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from customer_match.drafts.folder import ChangedMeanwhile, ExportsFolder
from customer_match.errors import ConfigurationError
from customer_match.export.loading import InvalidExport, load_export
from tests.customer_match.export.samples import file_text, save

ONE = file_text(segments="[Gold]")


@pytest.fixture
def folder(tmp_path: Path) -> ExportsFolder:
    save(tmp_path, ONE)
    return ExportsFolder(tmp_path)


def names(folder: ExportsFolder) -> set[str]:
    return {path.name for path in folder.path.iterdir()}


def test_a_file_is_found_by_the_name_of_its_export(folder: ExportsFolder) -> None:
    save(folder.path, file_text(name="spring", aid="9"), "other.yml")
    save(folder.path, "name: broken\n", "x.yaml")
    assert [found.path.name for name in ("autumn", "spring", "broken") if (found := folder.find(name))] == [
        "autumn.yaml",
        "other.yml",
        "x.yaml",
    ]
    assert folder.find("winter") is None
    assert {one.name for one in folder.exports()} == {"autumn", "spring"}
    assert ExportsFolder(folder.path / "nowhere").find("autumn") is None
    assert not ExportsFolder(folder.path / "nowhere").is_writable


def test_a_new_file_is_added_for_everyone_to_read(folder: ExportsFolder) -> None:
    path = folder.add("winter", ONE)
    assert load_export(path).name == "winter"
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask
    assert names(folder) == {"autumn.yaml", "winter.yaml"}


def test_no_file_is_overwritten(folder: ExportsFolder) -> None:
    save(folder.path, ONE, "spring.yml")
    for name in ("autumn", "spring"):
        with pytest.raises(ConfigurationError, match="exists already"):
            folder.add(name, "x")
    assert (folder.path / "autumn.yaml").read_text() == ONE
    assert names(folder) == {"autumn.yaml", "spring.yml"}


def test_a_file_that_somebody_adds_meanwhile_is_kept(
    folder: ExportsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: save(folder.path, ONE, "winter.yaml"))
    with pytest.raises(ConfigurationError, match="exists already"):
        folder.add("winter", "x")
    assert (folder.path / "winter.yaml").read_text() == ONE
    assert names(folder) == {"autumn.yaml", "winter.yaml"}


def test_on_a_share_without_links(folder: ExportsFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    assert folder.add("winter", ONE).read_text() == ONE
    assert names(folder) == {"autumn.yaml", "winter.yaml"}
    monkeypatch.setattr(os, "fsync", lambda _: save(folder.path, ONE, "spring.yaml"))
    with pytest.raises(ConfigurationError, match="exists already"):
        folder.add("spring", "x")
    assert (folder.path / "spring.yaml").read_text() == ONE


def test_a_file_is_replaced_and_keeps_its_mode(folder: ExportsFolder) -> None:
    (folder.path / "autumn.yaml").chmod(0o640)
    old = folder.find("autumn")
    assert old
    folder.replace(old, ONE + "schedule: none\n")
    assert (folder.path / "autumn.yaml").read_text().endswith("schedule: none\n")
    assert (folder.path / "autumn.yaml").stat().st_mode & 0o777 == 0o640
    assert names(folder) == {"autumn.yaml"}


def test_what_somebody_changed_meanwhile_is_kept(folder: ExportsFolder) -> None:
    old = folder.find("autumn")
    assert old
    save(folder.path, ONE + "# mine\n")
    now = folder.find("autumn")
    assert now
    assert old.digest != now.digest
    for change in (lambda: folder.replace(old, "x"), lambda: folder.remove(old)):
        with pytest.raises(ChangedMeanwhile, match="in the meantime"):
            change()
    assert (folder.path / "autumn.yaml").read_text() == ONE + "# mine\n"
    folder.remove(now)
    assert names(folder) == set()
    with pytest.raises(ChangedMeanwhile):
        folder.remove(now)


def test_a_link_is_left_to_those_who_made_it(folder: ExportsFolder, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (folder.path / "autumn.yaml").rename(tmp_path / "data" / "autumn.yaml")
    (folder.path / "autumn.yaml").symlink_to(tmp_path / "data" / "autumn.yaml")
    old = folder.find("autumn")
    assert old
    with pytest.raises(ConfigurationError, match="is a link"):
        folder.replace(old, "x")


def test_a_folder_that_cannot_be_written(folder: ExportsFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    old = folder.find("autumn")
    assert old

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for change in (lambda: folder.add("winter", ONE), lambda: folder.replace(old, "x")):
        with pytest.raises(ConfigurationError, match=r"cannot be written \(No space left on device\)"):
            change()
    assert names(folder) == {"autumn.yaml"}
    assert (folder.path / "autumn.yaml").read_text() == ONE


def test_a_draft_is_checked_like_a_file(folder: ExportsFolder) -> None:
    assert folder.check(folder.target("winter"), file_text(aid="9")).name == "winter"
    assert folder.check((folder.path / "autumn.yaml"), ONE).name == "autumn", (
        "the file itself is no other export"
    )
    for name, text, message in (
        ("winter", file_text(segments="[gold]"), r"segments\[0\]: the export 'autumn' .* also writes to"),
        ("winter", file_text(name="autumn", aid="9"), "name: is the name of another export"),
        ("winter", file_text(where="1 +", aid="9"), "line 6, where: "),
        ("winter", "x", "not a mapping"),
    ):
        with pytest.raises(InvalidExport, match=message):
            folder.check(folder.path / f"{name}.yaml", text)


@pytest.mark.parametrize("name", ["../winter", "/tmp/winter", "a/b", "..", ".hidden", "", "ä", "a\nb"])
def test_no_name_leads_out_of_the_folder(folder: ExportsFolder, name: str) -> None:
    for use in (folder.target, lambda name: folder.add(name, ONE)):
        with pytest.raises(InvalidExport, match="name: "):
            use(name)
    assert names(folder) == {"autumn.yaml"}
