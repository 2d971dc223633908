"""The page of an export's audit trail, and its route."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.api_fastapi.core_api import security
from fastapi.testclient import TestClient
from fsspec.implementations.local import LocalFileSystem

from airflow_microsoft_advertising.audit.heads import VariableHeads
from airflow_microsoft_advertising.web import found_export
from airflow_microsoft_advertising.web.app import create_app
from airflow_microsoft_advertising.web.audit import routes
from airflow_microsoft_advertising.web.audit.page import ENTRIES, TrailView, trail_html, view_of
from airflow_microsoft_advertising.web.languages import language_of
from airflow_microsoft_advertising.web.templates import Frame
from customer_match.audit.trail import Trail
from customer_match.errors import TransientError
from customer_match.workspace.workspace import Workspace
from tests.airflow_microsoft_advertising.web.metadata import NOW
from tests.airflow_microsoft_advertising.web.test_exports_page import export, text
from tests.customer_match.audit.trails import THEN, Heads, new_trail, run_through
from tests.memory_storage import MemoryStorage


def page(view: TrailView, language: str = "en") -> str:
    return trail_html(export(), view, Frame(language_of(language), "/flow/", NOW, "n0nce"))


class Gone(MemoryStorage):
    def list(self, relative: str, /) -> list[str]:
        raise TransientError("The storage of anna@example.com does not answer.")


class TestEntries:
    def test_they_come_newest_first_with_all_that_they_hold(self) -> None:
        trail = new_trail()
        run_through(trail, "run <1>", "Gold", "Größe")
        seen = page(view_of(trail, verify=False))
        assert re.findall(r"<summary>(\d+)</summary>", seen) == ["4", "3", "2", "1"]
        assert "2026-03-01 05:00:00 run started manual maria" in text(seen)
        assert "2026-03-01 05:01:00 segment ended – Größe delivered 3" in text(seen)
        assert "&#34;run_id&#34;: &#34;run &lt;1&gt;&#34;" in seen, "as text, not as HTML"
        assert "is sound" not in seen, "nobody has asked"

    def test_only_the_newest_are_read(self) -> None:
        storage = MemoryStorage()
        trail = new_trail(storage)
        for run in range(60):
            run_through(trail, f"r{run}", at=THEN + timedelta(days=run))
        read: list[str] = []
        fetch = storage.read_bytes
        storage.read_bytes = lambda path: read.append(path) or fetch(path)  # type: ignore[func-returns-value,method-assign]
        view = view_of(trail, verify=False)
        assert [entry["sequence"] for entry in view.entries] == list(range(120, 120 - ENTRIES, -1))
        assert len(read) <= ENTRIES

    def test_there_is_none_yet(self) -> None:
        assert "There is no entry yet." in text(page(view_of(new_trail(), verify=True)))

    def test_a_trail_that_cannot_be_read(self) -> None:
        for verify in (False, True):
            seen = text(page(view_of(new_trail(Gone()), verify=verify)))
            assert "The audit trail cannot be read: The storage of" in seen
            assert "example.com" not in seen
            assert "There is no entry yet." not in seen

    def test_it_speaks_french(self) -> None:
        trail = new_trail()
        run_through(trail, "r1", "Gold")
        seen = text(page(view_of(trail, verify=True), "fr"))
        for words in (
            "Journal d’audit de",
            "début d’exécution à la main",
            "Le journal est intact : 3 entrées",
        ):
            assert words in seen


class TestVerification:
    def test_a_sound_trail(self) -> None:
        heads = Heads()
        trail = new_trail(heads=heads)
        run_through(trail, "r1", "Gold")
        seen = text(page(view_of(trail, verify=True)))
        assert "The trail is sound: 3 entries, from 1 to 3. It has the entry that Airflow keeps." in seen
        assert f"Last entry: {heads.head}" in seen

    def test_a_trail_that_airflow_does_not_know(self) -> None:
        storage = MemoryStorage()
        run_through(new_trail(storage), "r1", "Gold")
        seen = text(page(view_of(new_trail(storage), verify=True)))
        assert "Airflow keeps no entry of it, so a cut-off end would not be found." in seen

    def test_a_changed_trail_names_its_lines(self) -> None:
        storage = MemoryStorage()
        trail = new_trail(storage)
        run_through(trail, "r1", "Gold")
        newest = max(storage.files)
        storage.files[newest] = storage.files[newest].replace(b'"members":3', b'"members":4')
        seen = text(page(view_of(trail, verify=True)))
        assert "The trail has been changed or damaged:" in seen
        assert "line 1: entry 2 does not match its hash: it was changed" in seen
        assert "is sound: " not in seen

    def test_a_line_that_is_none_is_named_too(self) -> None:
        storage = MemoryStorage()
        trail = new_trail(storage)
        run_through(trail, "r1", "Gold")
        storage.files[max(storage.files)] = b"nothing\n"
        seen = text(page(view_of(trail, verify=True)))
        assert "line 1: this is not an entry" in seen
        assert "The audit trail cannot be read: audit/" in seen


class TestRoute:
    @pytest.fixture
    def client(
        self, airflow_db: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> Iterator[TestClient]:
        """A user who may read the runs of `autumn` alone, whose workspace has a trail."""
        place = str(tmp_path / "workspace")
        run_through(
            Trail(Workspace(LocalFileSystem(), place), "autumn", VariableHeads("autumn", place)), "r1", "Gold"
        )
        task = SimpleNamespace(workspace_root=place, workspace_conn_id=None)
        dag = SimpleNamespace(task_dict={"segment.upload": task})
        dags = SimpleNamespace(get_latest_version_of_dag=lambda *_, **__: dag)
        monkeypatch.setattr(found_export, "DBDagBag", lambda **_: dags)
        monkeypatch.setattr(found_export, "list_exports", lambda dag_ids, _: [export(one) for one in dag_ids])

        def is_authorized_dag(**question: Any) -> bool:
            return (
                question["details"].id == "autumn" and str(question["access_entity"]) == "DagAccessEntity.RUN"
            )

        monkeypatch.setattr(
            security, "get_auth_manager", lambda: SimpleNamespace(is_authorized_dag=is_authorized_dag)
        )
        app = create_app()
        app.dependency_overrides[security.get_user] = lambda: SimpleNamespace(get_id=lambda: "1")
        with TestClient(app) as client:
            yield client

    def test_the_trail_is_shown_and_verified(self, client: TestClient) -> None:
        answer = client.get("/exports/autumn/audit")
        assert answer.status_code == 200
        assert "segment ended" in answer.text
        assert "is sound" not in answer.text
        assert "'nonce-" in answer.headers["content-security-policy"]
        verified = text(client.get("/exports/autumn/audit?verify=true").text)
        assert "The trail is sound: 3 entries, from 1 to 3. It has the entry that Airflow keeps." in verified

    def test_not_for_everybody(self, client: TestClient) -> None:
        denied = client.get("/exports/spring/audit")
        assert denied.status_code == 403
        assert "segment ended" not in denied.text

    def test_what_is_no_export(self, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(found_export, "list_exports", lambda *_: [])
        answer = client.get("/exports/autumn/audit")
        assert answer.status_code == 404
        assert "There is no export autumn." in answer.text

    def test_a_workspace_that_cannot_be_opened(
        self, client: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails(_: object) -> None:
            raise TransientError("The storage of <b>anna@example.com</b> does not answer.")

        monkeypatch.setattr(routes, "workspace_of", fails)
        answer = client.get("/exports/autumn/audit")
        assert "The audit trail cannot be read: The storage of" in answer.text
        assert "<b>" not in answer.text
        assert "example.com" not in answer.text

    def test_a_file_that_is_not_valid_has_no_trail(
        self, client: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(routes, "workspace_of", lambda _: None)
        assert "There is no entry yet." in client.get("/exports/autumn/audit").text
