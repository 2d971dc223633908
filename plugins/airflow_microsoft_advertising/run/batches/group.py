"""The segments of one mapped task instance: a large segment alone, or a batch of small ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from airflow_microsoft_advertising.run.batches.batch import STEPS, Batch
from airflow_microsoft_advertising.run.batches.table_sizes import table_sizes
from airflow_microsoft_advertising.run.context import lease_holder
from customer_match.export.segments import Segment
from customer_match.redaction import logger, without_addresses
from customer_match.runs.grouping import group_segments, join_names
from customer_match.runs.records import Step

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_microsoft_advertising.run.export_run import ExportRun

__all__ = ["Group", "groups_of", "open_batch", "run_step"]

log = logger(__name__)

_MAX_NAME_LENGTH: Final = 120
"""Maximum length of a name in the list of mapped tasks; Airflow's column holds 250 characters."""


@dataclass(frozen=True)
class Group:
    """The segments of one mapped task instance.

    Attributes:
        name: Name of its state in the run's folder. A new one for each try of the task `select`, which starts over.
        segments: The segments.
    """

    name: str
    segments: tuple[Segment, ...]

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> Self:
        """Make a group from the JSON that tasks pass on. Version 0.1.0 passed on single segments."""
        segments = tuple(Segment.model_validate(one) for one in values.get("segments", [values]))
        return cls(values.get("name", ""), segments)

    def to_values(self) -> dict[str, Any]:
        """Return the group as JSON."""
        return {"name": self.name, "segments": [one.model_dump() for one in self.segments]}

    @property
    def names(self) -> str:
        """The audiences' names, as far as they fit into the list of mapped tasks."""
        return join_names([without_addresses(one.audience) for one in self.segments], _MAX_NAME_LENGTH)

    @property
    def is_batch(self) -> bool:
        """Whether it has several segments."""
        return len(self.segments) > 1


def groups_of(run: ExportRun, segments: Sequence[Segment]) -> list[Group]:
    """Divide the segments of a run into groups."""
    per_task, now = run.export.segments_per_task, run.now()
    sizes = table_sizes(run, segments) if len(segments) > 1 and per_task > 1 else {}
    groups = group_segments(segments, sizes, per_task=per_task)
    return [Group(f"batches/{now:%Y%m%dT%H%M%S%f}-{number}", one) for number, one in enumerate(groups)]


def run_step(run: ExportRun, context: Context, group: Group, step: Step) -> None:
    """Do a step before the upload for all segments of a group.

    Raises:
        AirflowFailException: No segment can go on, and a retry cannot help.
        TransientError: No segment can go on, but one may after a retry.
    """
    if group.is_batch:
        batch = open_batch(run, context, group, step)
        batch.work_through(step)
        batch.check_any(step)
    else:
        STEPS[step](run, group.segments[0])


def open_batch(run: ExportRun, context: Context, group: Group, step: Step | None = None) -> Batch:
    """Open the batch of a group.

    Args:
        run: The run of the export.
        context: Airflow's context of the task.
        group: The group.
        step: The step whose task begins (again); None: a task that returns from the triggerer.
    """
    batch = Batch.open(run, group.name, group.segments, run.retries, lease_holder(context))
    if step:
        log.info("%d segments: %s", len(group.segments), ", ".join(repr(s.audience) for s in group.segments))
        batch.enter(step, context["ti"].max_tries)
    return batch
