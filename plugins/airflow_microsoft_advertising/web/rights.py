"""What a user may do with exports: Airflow's auth manager decides, as for its own pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.models.dag import DagModel

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.base_auth_manager import BaseAuthManager

__all__ = ["Rights", "rights_of"]


@dataclass(frozen=True)
class Rights:
    """What a user may do.

    Attributes:
        run: The exports of which they may start runs.
        edit: The exports that they may pause and edit.
        add: Whether they may add exports.
        decide: The exports whose stopped segments they may approve or refuse.
    """

    run: frozenset[str] = frozenset()
    edit: frozenset[str] = frozenset()
    add: bool = False
    decide: frozenset[str] = frozenset()


def rights_of(user: Any, manager: BaseAuthManager[Any], dag_ids: Sequence[str]) -> Rights:
    """Return what a user may do.

    Airflow checks each request again: this only spares users buttons that it would refuse.
    """
    teams = DagModel.get_dag_id_to_team_name_mapping(list(dag_ids))
    details = {one: DagDetails(id=one, team_name=teams.get(one)) for one in dag_ids}

    def may(method: Any, entity: DagAccessEntity | None) -> frozenset[str]:
        return frozenset(
            name
            for name, dag in details.items()
            if manager.is_authorized_dag(method=method, access_entity=entity, details=dag, user=user)
        )

    # A new export has no DAG yet, and Airflow's own roles have no right to create DAGs: who may edit all may add some.
    add = manager.is_authorized_dag(method="PUT", user=user)
    run = may("POST", DagAccessEntity.RUN)
    decide = run & may("PUT", DagAccessEntity.TASK_INSTANCE)
    return Rights(run=run, edit=may("PUT", None), add=add, decide=decide)
