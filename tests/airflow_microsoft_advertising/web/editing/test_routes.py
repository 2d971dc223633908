"""The pages that add, edit and duplicate exports: what is written, what is refused, and who may do it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.api_fastapi.core_api import security
from fastapi.testclient import TestClient
from httpx import Response

from airflow_microsoft_advertising.web import viewing
from airflow_microsoft_advertising.web.app import create_app
from airflow_microsoft_advertising.web.editing import routes
from customer_match.export.loading import load_export
from tests.airflow_microsoft_advertising.conftest import EXTRA, Connect

pytestmark = pytest.mark.slow

OWN = {"Sec-Fetch-Site": "same-origin"}
FILE = """\
# By marketing
cid: 190000001
aid: 180000001 # the account
source: {lake}
segments:
  - Gold # the best
  - {{table: Silver, audience: Silver customers}}
email: Mail
workspace: {work}
where: Mail IS NOT NULL # a key that the form does not know
"""


@dataclass
class Manager:
    """An auth manager of a user who may do what is listed."""

    edits: set[str | None] = field(default_factory=lambda: {None, "autumn", "copy"})
    reads: set[str] = field(default_factory=lambda: {"autumn", "spring"})
    connections: set[str] = field(default_factory=set)

    def is_authorized_dag(self, method: str, user: Any, details: Any = None, **_: Any) -> bool:
        name = details.id if details else None
        return name in self.edits if method == "PUT" else name in self.reads

    def get_authorized_dag_ids(self, **_: Any) -> set[str]:
        return self.reads

    def is_authorized_connection(self, method: str, details: Any, **_: Any) -> bool:
        return details.conn_id in self.connections


@pytest.fixture
def exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connect: Connect) -> Path:
    connect()
    lake = tmp_path / "lake"
    rows = {"Id": ["1", "2"], "Mail": ["anna@example.org", "x"], "Ads": [True, False]}
    for name in ("Gold", "Silver", "Bronze"):
        (lake / name).mkdir(parents=True)
        pq.write_table(pa.table(rows), lake / name / "part-0.parquet")
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "autumn.yaml").write_text(FILE.format(lake=lake, work=tmp_path / "work"))
    monkeypatch.setenv("CUSTOMER_MATCH_EXPORTS", str(folder))
    return folder


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Manager:
    made = Manager()
    for module in (security, routes, viewing):
        monkeypatch.setattr(module, "get_auth_manager", lambda: made)
    return made


@pytest.fixture
def client(exports: Path, manager: Manager) -> Iterator[TestClient]:
    app = create_app()
    user = SimpleNamespace(get_id=lambda: "1", get_name=lambda: "anna")
    app.dependency_overrides[security.get_user] = lambda: user
    with TestClient(app, headers=OWN, follow_redirects=False) as made:
        yield made


class Fields(HTMLParser):
    """What a browser would send for a page: the fields of its form."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self._area = self._choice = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name, value = given.get("name") or "", given.get("value") or ""
        if tag == "input" and (given.get("type") != "checkbox" or "checked" in given):
            self.values[name] = value
        elif tag == "textarea":
            self._area, self.values[name] = name, ""
        elif tag == "select":
            self._choice = name
        elif tag == "option" and "selected" in given:
            self.values[self._choice] = value

    def handle_data(self, data: str) -> None:
        if self._area:
            self.values[self._area] += data.removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = ""


def send(client: TestClient, path: str, action: str, **changes: str) -> Response:
    """Open the form, change fields, and press a button."""
    page = client.get(path)
    assert page.status_code == 200, page.text
    return client.post(path, data=Fields(page.text).values | changes | {"action": action})


def problems(answer: Response) -> list[str]:
    assert answer.status_code == 422
    [listed] = re.findall(r"<ul>(.*?)</ul>", answer.text, re.DOTALL)
    return [unescape(re.sub("<[^>]+>", "", one)) for one in re.findall("<li>(.*?)</li>", listed)]


def test_the_schedule_is_changed_and_nothing_else(client: TestClient, exports: Path) -> None:
    before = (exports / "autumn.yaml").read_text()
    answer = send(client, "/exports/autumn/edit", "save", schedule="0 5 * * *", timezone="Europe/Paris")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/customer-match/exports/autumn/saved?lang=en",
    )
    after = (exports / "autumn.yaml").read_text()
    assert after == before + "schedule: 0 5 * * *\ntimezone: Europe/Paris\n"
    assert "Nothing has run." in client.get("/exports/autumn/saved").text


def test_a_preview_writes_nothing(client: TestClient, exports: Path) -> None:
    before = (exports / "autumn.yaml").read_bytes()
    answer = send(client, "/exports/autumn/edit", "preview", schedule="0 5 * * *", timezone="Europe/Paris")
    assert answer.status_code == 200
    assert "schedule: 0 5 * * *" in answer.text
    assert "It becomes the DAG autumn." in answer.text
    assert len(re.findall(r"<li>\w+day \d+ \w+ \d{4} 05:00</li>", answer.text)) == 3
    assert (exports / "autumn.yaml").read_bytes() == before


def test_problems_are_named_by_their_keys(client: TestClient, exports: Path) -> None:
    before = (exports / "autumn.yaml").read_bytes()
    for action in ("preview", "save", "download"):
        answer = send(client, "/exports/autumn/edit", action, schedule="often", max_removed="7", aid="x")
        found = problems(answer)
        assert [one.partition(":")[0] for one in found] == ["aid", "guards.max_removed", "schedule"]
        assert "is not a schedule" in found[2]
        assert 'aria-describedby="schedule-help schedule-error" aria-invalid="true"' in answer.text
        assert Fields(answer.text).values["schedule"] == "often"
    assert (exports / "autumn.yaml").read_bytes() == before


def test_a_new_export_of_two_segments_that_were_found(client: TestClient, exports: Path) -> None:
    lake = str(exports.parent / "lake")
    found = send(client, "/new", "find", source=lake)
    assert found.status_code == 200
    assert re.findall(r'<span dir="auto">(\w+)</span>', found.text) == ["Bronze", "Gold", "Silver"]
    assert found.text.count('<td data-label="Rows">2</td>') == 3
    assert '<b dir="auto">Mail</b>: 50%' in found.text
    assert "anna@" not in found.text
    fields = Fields(found.text).values
    assert fields["email"] == "Mail"
    filled = {
        "name": "winter",
        "cid": "1",
        "aid": "2",
        "chosen.1": "yes",
        "chosen.2": "yes",
        "audience.1": "Best",
    }
    more = {
        "workspace": str(exports.parent / "work"),
        "schedule": "@daily",
        "consent_column": "Ads",
        "consent_values": "true",
    }
    answer = client.post("/new?lang=fr", data=fields | filled | more | {"action": "save"})
    assert answer.headers["location"] == "/customer-match/exports/winter/saved?lang=fr"
    export = load_export(exports / "winter.yaml")
    assert [(one.table, one.audience) for one in export.segments] == [("Gold", "Best"), ("Silver", None)]
    assert export.paused_at_creation
    assert (export.email.columns, export.consent and export.consent.allow) == (("Mail",), (True,))
    assert "each table becomes an audience" in (exports / "winter.yaml").read_text()


def test_an_audience_of_another_export_is_refused(client: TestClient, exports: Path) -> None:
    page = client.get("/new").text
    filled = {
        "name": "winter",
        "cid": "190000001",
        "aid": "180000001",
        "more": "gold",
        "email": "Mail",
        "source": "lake",
    }
    found = problems(client.post("/new", data=Fields(page).values | filled | {"action": "save"}))
    assert found[0].startswith("segments[0]: the export 'autumn' of the same account also writes to")
    assert [path.name for path in exports.iterdir()] == ["autumn.yaml"]


@pytest.mark.parametrize("name", ["", "../winter", ".hidden", "autumn", "taken"])
def test_a_name_that_cannot_be(
    client: TestClient, exports: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(routes, "_taken", lambda *_: frozenset({"taken"}))
    page = client.get("/new").text
    filled = {"name": name, "cid": "1", "aid": "2", "more": "Gold", "email": "Mail", "source": "lake"}
    [found] = problems(client.post("/new", data=Fields(page).values | filled | {"action": "save"}))
    assert found.startswith("name: ")
    assert [path.name for path in exports.parent.rglob("*.yaml")] == ["autumn.yaml"]


def test_a_copy_has_other_audiences_and_keeps_everything_else(client: TestClient, exports: Path) -> None:
    answer = send(client, "/new?copy=autumn", "save", name="copy")
    assert answer.status_code == 303, answer.text
    text, original = (exports / "copy.yaml").read_text(), (exports / "autumn.yaml").read_text()
    assert text == original.replace("- Gold #", "- {table: Gold, audience: Gold copy} #").replace(
        "audience: Silver customers", "audience: Silver customers copy"
    )


def test_a_file_that_somebody_else_changed_is_kept(client: TestClient, exports: Path) -> None:
    page = client.get("/exports/autumn/edit").text
    mine = (exports / "autumn.yaml").read_text() + "# mine\n"
    (exports / "autumn.yaml").write_text(mine)
    answer = client.post(
        "/exports/autumn/edit", data=Fields(page).values | {"action": "save", "title": "New"}
    )
    assert answer.status_code == 422
    assert "in the meantime" in unescape(answer.text)
    assert (exports / "autumn.yaml").read_text() == mine


def test_where_the_folder_cannot_be_written_the_file_is_offered(
    client: TestClient, exports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("customer_match.drafts.folder.ExportsFolder.is_writable", False)
    page = client.get("/exports/autumn/edit").text
    assert 'value="save"' not in page
    assert "cannot write the exports folder" in page
    answer = send(client, "/exports/autumn/edit", "download", title="New")
    assert answer.headers["content-disposition"] == 'attachment; filename="autumn.yaml"'
    assert answer.text == (exports / "autumn.yaml").read_text() + "title: New\n"


def test_a_folder_that_is_full(client: TestClient, exports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    answer = send(client, "/exports/autumn/edit", "save", title="New")
    assert answer.status_code == 422
    assert "No space left on device" in answer.text


def test_a_file_that_is_not_here(client: TestClient, manager: Manager) -> None:
    manager.edits.add("winter")
    answer = client.get("/exports/winter/edit", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert "Set CUSTOMER_MATCH_EXPORTS" in answer.text


def test_a_broken_file_can_be_corrected(client: TestClient, exports: Path) -> None:
    path = exports / "autumn.yaml"
    path.write_text(path.read_text().replace("cid: 190000001", "cid: none"))
    assert problems(send(client, "/exports/autumn/edit", "preview"))[0].startswith("cid: ")
    assert send(client, "/exports/autumn/edit", "save", cid="12").status_code == 303
    assert load_export(path).cid == "12"
    path.write_text("cid: [\n")
    assert "is not valid YAML" in problems(send(client, "/exports/autumn/edit", "save"))[0]


# --- Rights ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "path", ["/exports/autumn/edit", "/exports/autumn/saved", "/new", "/new?dag_id=autumn"]
)
def test_who_may_only_read_may_not_change(
    client: TestClient, manager: Manager, method: str, path: str
) -> None:
    manager.edits.clear()
    if "dag_id" in path:
        manager.edits.add("autumn")  # a right for one DAG is none to add others
    if (method, path) != ("POST", "/exports/autumn/saved"):
        assert client.request(method, path).status_code == 403


def test_another_site_cannot_make_a_user_save(client: TestClient, exports: Path) -> None:
    fields = Fields(client.get("/exports/autumn/edit").text).values | {"action": "save", "title": "Evil"}
    before = (exports / "autumn.yaml").read_text()
    answer = client.post("/exports/autumn/edit", data=fields, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert (exports / "autumn.yaml").read_text() == before


def test_only_an_export_that_the_user_may_read_can_be_copied(client: TestClient, manager: Manager) -> None:
    manager.reads = {"spring"}
    assert client.get("/new?copy=autumn").status_code == 403


def test_a_connection_that_is_not_shared_with_the_user(
    client: TestClient, connect: Connect, manager: Manager, exports: Path
) -> None:
    connect("ads", extra={"used_by": "administrators"})
    [found] = problems(send(client, "/exports/autumn/edit", "save", connection="ads"))
    assert found.startswith("connection: is a connection that is not shared with you")
    manager.connections.add("ads")
    assert send(client, "/exports/autumn/edit", "save", connection="ads").status_code == 303


@pytest.mark.parametrize("is_administrator", [False, True])
def test_scheduled_runs_of_what_a_contributor_adds_act_for_them(
    client: TestClient, exports: Path, manager: Manager, connect: Connect, *, is_administrator: bool
) -> None:
    """So they stop once the connection is no longer shared. Administrators, and edits, name nobody."""
    conn_id = connect(extra=EXTRA | {"used_by": "administrators, anna"})
    manager.connections = {conn_id} if is_administrator else set()
    assert send(client, "/new?copy=autumn", "save", name="spring").status_code == 303
    assert load_export(exports / "spring.yaml").owner == (None if is_administrator else "anna")
    assert send(client, "/exports/autumn/edit", "save", description="ours").status_code == 303
    assert load_export(exports / "autumn.yaml").owner is None


@pytest.mark.parametrize(
    "case", [("administrators, anna", False, "anna"), ("administrators, anna", True, None), ("", False, None)]
)
def test_who_saves_a_new_export_owns_it(
    client: TestClient, connect: Connect, manager: Manager, exports: Path, case: tuple[str, bool, str | None]
) -> None:
    """Its scheduled runs stop when the connection is no longer shared with them."""
    used_by, administers, owner = case
    connect("ads", extra={"used_by": used_by})
    manager.connections |= {"ads"} if administers else set()
    original = (exports / "autumn.yaml").read_text()
    (exports / "autumn.yaml").write_text(f"{original}owner: ben\n")
    assert send(client, "/new?copy=autumn", "save", name="copy", connection="ads").status_code == 303
    assert load_export(exports / "copy.yaml").owner == owner
    assert send(client, "/exports/autumn/edit", "save", connection="ads").status_code == 303
    assert load_export(exports / "autumn.yaml").owner == "ben"


def test_an_export_whose_connection_is_gone_is_detached(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "this export is detached" not in client.get("/exports/autumn/edit").text
    monkeypatch.delenv("AIRFLOW_CONN_MICROSOFT_ADVERTISING_DEFAULT")
    assert "this export is detached" in client.get("/exports/autumn/edit").text


def test_a_connection_of_a_lake_that_the_user_may_not_read(
    client: TestClient, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its secrets would be used for this user, to list the lake or to export from it."""
    opened: list[object] = []
    monkeypatch.setattr("airflow_microsoft_advertising.web.editing.editor.find", opened.append)
    azure = {"source": "abfs://lake/x", "source_connection": "secret_lake"}
    for action in ("find", "save"):
        [found] = problems(send(client, "/exports/autumn/edit", action, **azure))
        assert found.startswith("source.connection: is a connection that you may not read")
    assert opened == []
    manager.connections.add("secret_lake")
    assert send(client, "/exports/autumn/edit", "save", **azure).status_code == 303
    manager.connections.clear()
    assert send(client, "/exports/autumn/edit", "save", title="As before").status_code == 303


def test_a_folder_of_the_server_that_no_export_uses(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []
    monkeypatch.setattr("airflow_microsoft_advertising.web.editing.editor.find", opened.append)
    for folder in ("/etc", "/etc/{{ ds }}", "../..", "~"):
        for action in ("find", "save"):
            found = problems(send(client, "/exports/autumn/edit", action, source=folder))
            assert any(one.startswith("source.root: is a folder outside") for one in found), found
    assert opened == []


def test_a_lake_that_cannot_be_read_is_told(client: TestClient, exports: Path) -> None:
    answer = send(client, "/exports/autumn/edit", "find", source=str(exports.parent / "lake" / "nothing"))
    assert answer.status_code == 200
    assert "There is no folder" in answer.text
    assert Fields(answer.text).values["table.0"] == "Gold"


def test_the_page_is_in_french(client: TestClient) -> None:
    page = client.get("/exports/autumn/edit?lang=fr").text
    assert "Chercher les segments" in page
    assert 'action="?lang=fr"' in page
    assert json.dumps("Rows") not in page
