"""What the metadata database knows of the exports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.models.asset_state_store import AssetStateStoreModel
from sqlalchemy import event, update

from airflow_microsoft_advertising.pages.stored_overview import HEAD_KEY
from airflow_microsoft_advertising.tags import BROKEN_TAG
from airflow_microsoft_advertising.web.listing import Awaited, ListedExport, list_exports
from tests.airflow_microsoft_advertising.web.metadata import NOW, add_export, add_run
from tests.customer_match.history.runs import rows_on
from tests.customer_match.history.test_overview import overview

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

OVERVIEW = overview(rows_on(1, [10, 20]), rows_on(2, [11, 21]))


SOURCE = Awaited((), is_source=True)


def listed(session: Session, *names: str) -> dict[str, ListedExport]:
    return {export.dag_id: export for export in list_exports(names, session)}


def test_only_exports_that_the_user_may_read_are_listed(session: Session) -> None:
    for name in ("a", "b"):
        add_export(session, name)
    add_export(session, "gone", is_stale=True)
    assert set(listed(session, "a", "gone", "unknown")) == {"a"}
    assert listed(session) == {}


def test_an_export_has_its_dag_its_newest_run_and_its_overview(session: Session) -> None:
    add_export(
        session, "autumn", overview=OVERVIEW, _dag_display_property_value="Autumn campaign", is_paused=True,
        timetable_description="At 05:00", timetable_periodic=True, next_dagrun_create_after=NOW,
    )  # fmt: skip
    add_run(session, "autumn", 1)
    add_run(session, "autumn", 2, "running", note="2 of 2 segments succeeded")
    export = listed(session, "autumn")["autumn"]
    assert (export.title, export.schedule, export.is_paused) == ("Autumn campaign", "At 05:00", True)
    assert (export.next_run, export.is_broken) == (NOW, False)
    assert export.last_run is not None
    assert (export.last_run.run_id, export.last_run.state) == ("run-2", "running")
    assert export.last_run.note == "2 of 2 segments succeeded"
    assert export.overview == OVERVIEW


def test_an_export_without_runs(session: Session) -> None:
    add_export(session, "new")
    export = listed(session, "new")["new"]
    assert (export.last_run, export.overview, export.schedule, export.next_run) == (None, None, None, None)


@pytest.mark.parametrize(
    ("expression", "awaited"),
    [
        ({"any": [{"asset_ref": {"name": "sales"}}]}, Awaited(("sales",))),
        ({"all": [{"asset_ref": {"name": "sales"}}]}, Awaited(("sales",))),
        (
            {
                "all": [
                    {"asset_ref": {"uri": "s3://b/crm"}},
                    {"asset": {"name": "sales", "uri": "x", "group": "a"}},
                ]
            },
            Awaited(("s3://b/crm", "sales"), all=True),
        ),
        ({"any": [{"asset": {"name": "sold source", "uri": "sold source", "group": "asset"}}]}, SOURCE),
        ({"any": []}, None),
        ({"alias": {"name": "x", "group": "y"}}, None),
    ],
)
def test_the_assets_that_start_an_export(
    session: Session, expression: dict[str, Any], awaited: Awaited | None
) -> None:
    add_export(session, "sold", asset_expression=expression)
    assert listed(session, "sold")["sold"].awaited == awaited


def test_a_broken_export_is_listed_as_broken(session: Session) -> None:
    add_export(session, "typo", BROKEN_TAG)
    assert listed(session, "typo")["typo"].is_broken


@pytest.mark.parametrize("value", ['{"pieces": 1}', '"text"', '{"pieces": 0, "overview": {"run_id": 1}}'])
def test_an_overview_that_cannot_be_read_hides_no_export(
    session: Session, caplog: pytest.LogCaptureFixture, value: str
) -> None:
    add_export(session, "old", overview=OVERVIEW)
    of_head = update(AssetStateStoreModel).where(AssetStateStoreModel.key == HEAD_KEY).values(value=value)
    session.execute(of_head)
    assert listed(session, "old")["old"].overview is None
    assert "The overview of old cannot be used until its next run" in caplog.text


def test_the_number_of_queries_does_not_grow_with_the_exports(session: Session) -> None:
    for number in range(30):
        add_export(session, f"e{number:02}", overview=OVERVIEW)
        add_run(session, f"e{number:02}", 1)
    queries: list[str] = []
    connection = session.connection()
    event.listen(connection, "before_cursor_execute", lambda *args: queries.append(args[2]))
    names = [f"e{number:02}" for number in range(30)]
    found = list_exports(names, session)
    assert [export.dag_id for export in found] == names
    assert all(export.overview == OVERVIEW for export in found)
    assert len(queries) <= 5
