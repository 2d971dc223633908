"""What people do to the audiences, and in Airflow."""

from __future__ import annotations

from typing import Final

from tests.faults.matrix.row import Recovery, Row
from tests.faults.world import World

__all__ = ["ROWS"]


def _delete_list(world: World) -> None:
    world.deleted_by_hand = 1
    world.service.api.campaign("Audiences", {"AudienceIds": [world.audience_id()]}, "DELETE")


def _rename_list(world: World) -> None:
    answer = world.service.api.campaign(
        "Audiences",
        {"Audiences": [{"Type": "CustomerList", "Id": world.audience_id(), "Name": "By hand"}]},
        "PUT",
    )
    assert answer.json()["PartialErrors"] == []


ROWS: Final = (
    Row(
        "deleted", "an audience is deleted by hand", "between runs", Recovery.ITSELF,
        before=_delete_list, second=True, quick=True,
    ),
)  # fmt: skip
