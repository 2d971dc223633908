"""The pages that remove an export: its file goes, and it is said what becomes of its audiences."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.models.dagrun import DagRun
from fastapi.testclient import TestClient

from airflow_microsoft_advertising.web.editing import removing
from airflow_microsoft_advertising.web.editing.removal import EndingRun, newest_ending
from tests.airflow_microsoft_advertising.web.editing.test_routes import (
    Fields,
    Manager,
    client,
    exports,
    manager,
)
from tests.airflow_microsoft_advertising.web.metadata import add_export, add_run
from tests.airflow_microsoft_advertising.web.test_exports_page import export

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

__all__ = ["client", "exports", "manager"]

PATH = "/exports/autumn/remove"


@pytest.fixture(autouse=True)
def _auth(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removing, "get_auth_manager", lambda: manager)


def known(monkeypatch: pytest.MonkeyPatch, run: EndingRun | None = None, **changes: Any) -> None:
    """What Airflow knows of the export."""
    monkeypatch.setattr(removing, "list_exports", lambda *_: [export(**changes)])
    monkeypatch.setattr(removing, "newest_ending", lambda *_: run)


def test_a_file_is_removed_and_its_audiences_are_named(client: TestClient, exports: Path) -> None:
    page = client.get(PATH).text
    assert '<span dir="auto">Gold</span></li>' in page
    assert '<span dir="auto">Silver customers</span></li>' in page
    assert 'data-end="' not in page, "Airflow does not know the export yet"
    answer = client.post(f"{PATH}?lang=fr", data=Fields(page).values)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/customer-match/exports/autumn/removed?lang=fr",
    )
    assert list(exports.iterdir()) == []
    assert "est supprimée" in client.get("/exports/autumn/removed?lang=fr").text
    assert client.get(PATH).status_code == 404


def test_a_file_that_somebody_else_changed_is_kept(client: TestClient, exports: Path) -> None:
    fields = Fields(client.get(PATH).text).values
    (exports / "autumn.yaml").write_text((exports / "autumn.yaml").read_text() + "# mine\n")
    answer = client.post(PATH, data=fields)
    assert answer.status_code == 422
    assert "in the meantime" in answer.text
    assert client.post(PATH).status_code == 422
    assert (exports / "autumn.yaml").exists()


def test_where_the_folder_cannot_be_written_the_file_is_named(
    client: TestClient, exports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("customer_match.drafts.folder.ExportsFolder.is_writable", False)
    page = client.get(PATH).text
    assert '<button type="submit"' not in page
    assert f"Remove this file yourself: {exports / 'autumn.yaml'}" in page


def test_a_broken_file_can_be_removed(client: TestClient, exports: Path) -> None:
    (exports / "autumn.yaml").write_text("cid: [\n")
    page = client.get(PATH).text
    assert "It has not delivered any." in page
    assert client.post(PATH, data=Fields(page).values).status_code == 303


def test_audiences_can_be_ended_first_by_those_who_may_run_it(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, manager: Manager
) -> None:
    known(monkeypatch, is_paused=True)
    page = client.get(PATH).text
    assert 'data-end="empty"' in page
    assert 'data-end="delete"' in page
    assert "a run begins only after you resume it" in page
    assert re.findall("<li>.*: (.*) members</li>", page) == ["8,500"]
    manager.reads.clear()
    assert 'data-end="' not in client.get(PATH).text


@pytest.mark.parametrize(
    ("run", "said", "offers"),
    [
        (EndingRun("manual__1", "empty", "running"), "in progress", False),
        (EndingRun("manual__1", "delete", "failed"), "has failed", True),
        (EndingRun("manual__1", "empty", "success"), "were emptied. The file can be removed now.", True),
        (EndingRun("manual__1", "delete", "success"), "were deleted. The file can be removed now.", True),
    ],
)
def test_the_run_that_ends_them_is_shown(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, run: EndingRun, said: str, offers: bool
) -> None:
    known(monkeypatch, run)
    page = client.get(PATH).text
    assert said in page
    assert ('data-end="empty"' in page) == offers
    assert 'href="/dags/autumn/runs/manual__1"' in page
    assert (">Remove the file<" in page) == (run.state == "success")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_may_only_read_may_not_remove(
    client: TestClient, manager: Manager, method: str, exports: Path
) -> None:
    manager.edits.clear()
    assert client.request(method, PATH).status_code == 403
    assert (exports / "autumn.yaml").exists()


def ending(session: Session, *confs: dict[str, Any]) -> EndingRun | None:
    add_export(session, "autumn")
    for number, conf in enumerate(confs):
        add_run(session, "autumn", number)
        session.query(DagRun).filter_by(run_id=f"run-{number}").one().conf = conf
    session.flush()
    return newest_ending("autumn", session)


@pytest.mark.parametrize(
    "last",
    [{}, {"ending": "none"}, {"ending": "empty", "dry_run": True}, {"ending": "empty", "segments": ["Gold"]}],
)
def test_a_later_run_may_have_filled_them_again(session: Session, last: dict[str, Any]) -> None:
    assert ending(session, {"ending": "empty"}, last) is None


def test_the_newest_run_ends_all_audiences(session: Session) -> None:
    assert newest_ending("autumn", session) is None
    assert ending(session, {}, {"ending": "delete", "segments": []}) == EndingRun(
        "run-1", "delete", "success"
    )
