"""Export files on disk: they are found and read, and a wrong file does not affect the others."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from customer_match.errors import ConfigurationError
from customer_match.export.limits import Guards
from customer_match.export.loading import BrokenExport, InvalidExport, load_export, load_exports, load_files
from customer_match.export.model import Export
from customer_match.project import PROJECT
from tests.customer_match.export.samples import file_text, refusal, save


def test_an_export_needs_only_the_required_keys(tmp_path: Path) -> None:
    export = load_export(save(tmp_path, file_text()))
    assert (export.name, export.title, export.cid) == ("autumn", "autumn", "1234567")


def test_every_key_can_be_given_at_once(tmp_path: Path) -> None:
    export = load_export(
        save(
            tmp_path,
            """
name: fall
title: Autumn campaign
description: |
  Two
  lines
connection: ads
cid: 1234567
aid: "7654321"
schedule: "0 5 * * *"
start_date: 2026-03-01
timezone: Europe/Berlin
paused_at_creation: true
source: {connection: lake, root: "abfs://lake/segments", format: parquet}
segments:
  - HighValue
  - {table: Newsletter, audience: "Newsletter readers", path: newsletter/2026}
  - "Gold*"
vanished: delete
profiles: {table: Customer, key: Id}
membership: {key: Id}
email: {columns: [Email, Second], take: all, separator: ";"}
where: Country = 'DE'
consent: {column: Consent, allow: [true]}
suppress: Never
row_key: Id
normalisation: both
profiles_per_part: 100_000
route: bulk
membership_duration: 30
scope: Account
adopt: true
workspace: {connection: lake, root: "abfs://lake/workspace"}
encrypt_members: true
guards:
  allow_empty: true
  max_rejected: 0.2
  max_suppress_unusable: 0.3
  max_removed: null
  max_removed_members: 10_000
  max_profiles_lost: 0.3
  max_emails_lost: 0
  max_vanished: 0.2
  max_refused: 1
  max_age_hours: 48
history_days: 100
audit_days: 200
staged_days: 3
run_timeout_hours: 2
upload_timeout_minutes: 30
retries: 0
retry_delay_seconds: 5
segments_per_task: 20
alerts: {when: failure, rejected_above: 0.05, to: [{email: a@example.com}]}
deadline: {minutes: 90}
tags: [a, b]
owner: me
""",
        )
    )
    assert set(export.model_fields_set) == set(Export.model_fields)
    assert export.segments[1].audience == "Newsletter readers"
    assert set(export.guards.model_fields_set) == set(Guards.model_fields)
    assert (export.guards.max_removed, export.guards.max_removed_members) == (None, 10_000)
    assert (export.guards.max_emails_lost, export.guards.max_refused) == (0, 1)


def test_the_projects_own_exports_are_valid() -> None:
    exports = load_exports(PROJECT / "include" / "exports")
    assert exports
    assert [export for export in exports if isinstance(export, BrokenExport)] == []


@pytest.mark.parametrize("stem", ["ann@contoso.com", "ann%40contoso.com", "ann_x0040_contoso.com"])
def test_the_dag_id_of_a_broken_file_contains_no_address(tmp_path: Path, stem: str) -> None:
    save(tmp_path, file_text(), f"{stem}.yaml")
    [broken] = load_exports(tmp_path)
    assert isinstance(broken, BrokenExport)
    assert "contoso" not in broken.name


@pytest.mark.bad_input
def test_an_unexpected_error_in_a_file_does_not_affect_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def falls(_: str) -> None:
        raise MemoryError("secret")

    monkeypatch.setattr("customer_match.conditions.checking.parse_condition", falls)
    bad, good = save(tmp_path, file_text(where="a = 1"), "bad.yaml"), save(tmp_path, file_text(), "good.yaml")
    broken, export = load_files([bad, good], parse_conditions=True)
    assert isinstance(broken, BrokenExport)
    assert isinstance(export, Export)
    assert (
        broken.error_message
        == "bad.yaml: cannot be checked (MemoryError). Simplify the file, and please report this error."
    )


def test_a_condition_is_parsed_only_on_request(tmp_path: Path) -> None:
    """Only tables know their columns, and the reading of the DAGs must not be slowed down by parsing."""
    right = save(tmp_path, file_text(where="NoSuchColumn >= 50 AND LOWER(Country) IN ('de')"), "right.yaml")
    [result] = load_files([right], parse_conditions=True)
    assert isinstance(result, Export)
    assert load_export(save(tmp_path, file_text(where="a ="))).where == "a ="


def test_the_error_is_a_configuration_error_and_survives_pickling(tmp_path: Path) -> None:
    error = refusal(tmp_path, file_text(cid="x"))
    assert isinstance(error, ConfigurationError)
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == str(error)
    assert copy.problems == error.problems


@pytest.mark.bad_input
def test_a_missing_file_and_a_folder_are_reported(tmp_path: Path) -> None:
    with pytest.raises(InvalidExport, match=r"gone.yaml: cannot be read \(No such file"):
        load_export(tmp_path / "gone.yaml")
    with pytest.raises(InvalidExport, match=r"cannot be read \(Is a directory\)"):
        load_export(tmp_path)


class TestFolders:
    def test_export_files_are_sorted_and_other_files_ignored(self, tmp_path: Path) -> None:
        for name in ("b.yaml", "a.yml", ".a.yaml", "notes.txt", "export.schema.json"):
            save(tmp_path, file_text(), name)
        assert [export.name for export in load_exports(tmp_path)] == ["a", "b"]

    def test_a_broken_file_does_not_affect_others(self, tmp_path: Path) -> None:
        save(tmp_path, file_text(), "good.yaml")
        save(tmp_path, file_text(cid="x", name="chosen"), "bad.yaml")
        save(tmp_path, "\t", "tab.yaml")
        save(tmp_path, file_text(), "no id.yaml")
        bad, good, no_id, tab = load_exports(tmp_path)
        assert isinstance(good, Export)
        assert isinstance(bad, BrokenExport)
        assert bad.name == "chosen"  # its history goes on under its own name
        assert "bad.yaml, line 1, cid" in bad.error_message
        assert isinstance(tab, BrokenExport)
        assert isinstance(no_id, BrokenExport)
        assert (tab.name, no_id.name) == ("tab", "no_id")

    def test_a_copy_does_not_take_the_name(self, tmp_path: Path) -> None:
        save(tmp_path, file_text(), "autumn.yaml")
        save(tmp_path, file_text(name="autumn"), "autumn-copy.yaml")
        copy, original = load_exports(tmp_path)
        assert isinstance(original, Export)
        assert isinstance(copy, BrokenExport)
        assert copy.name == "autumn-copy.yaml"
        assert copy.error_message.startswith(
            "autumn-copy.yaml, line 6, name: the name is also used by autumn.yaml"
        )

    def test_no_file_keeps_a_name_that_several_claim(self, tmp_path: Path) -> None:
        for file in ("one.yaml", "two.yaml"):
            save(tmp_path, file_text(name="autumn"), file)
        for file in ("same.yaml", "same.yml"):
            save(tmp_path, file_text(), file)
        results = load_exports(tmp_path)
        assert all(isinstance(result, BrokenExport) for result in results)
        assert [result.name for result in results] == ["one.yaml", "same.yaml", "same.yml", "two.yaml"]

    def test_names_of_broken_files_are_unique(self, tmp_path: Path) -> None:
        save(tmp_path, file_text(), "good.yaml")
        save(tmp_path, file_text(cid="x", name="good"), "bad.yaml")
        for file in ("ä.yaml", "ö.yaml", "ü.yaml"):
            save(tmp_path, "", file)
        names = [result.name for result in load_exports(tmp_path)]
        assert len(set(names)) == 5
        assert names[:2] == ["bad.yaml", "good"]

    def test_files_of_different_folders_do_not_clash(self, tmp_path: Path) -> None:
        (tmp_path / "live").mkdir()
        (tmp_path / "test").mkdir()
        paths = [save(tmp_path / folder, file_text()) for folder in ("live", "test")]
        assert all(isinstance(result, Export) for result in load_files(paths))

    def test_a_missing_folder_is_reported(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="this folder does not exist"):
            load_exports(tmp_path / "gone")
