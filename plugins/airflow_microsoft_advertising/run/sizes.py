"""The task `sizes`: reads the sizes that the service reports for the audiences of earlier runs. It fails no run."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from customer_match.errors import CustomerMatchError
from customer_match.ledger.state import State
from customer_match.planning.sizes import AudienceSize, Matched, Sizes, size_of_audience
from customer_match.redaction import logger, without_addresses
from microsoft_advertising.limits import MIN_MEMBERS_FOR_BIDS, MIN_SERVABLE_MEMBERS, SIZES_HOURS

if TYPE_CHECKING:
    from airflow_microsoft_advertising.run.export_run import ExportRun
    from customer_match.export.segments import Segment
    from microsoft_advertising.models import Audience

__all__ = ["load_sizes", "read_sizes"]

log = logger(__name__)


def read_sizes(run: ExportRun, segments: Sequence[Segment]) -> Sizes:
    """Read the sizes of the audiences that earlier runs delivered, and store them for the report.

    Errors are recorded and logged as warnings only: no upload depends on the sizes.
    """
    sizes = _read(run, segments)
    try:
        run.workspace.write_bytes(_path(run), sizes.model_dump_json(indent=1).encode())
    except CustomerMatchError as error:
        log.warning("The sizes of the audiences could not be stored for the report: %s", error)
    return sizes


def load_sizes(run: ExportRun) -> Sizes | None:
    """Load the stored sizes; None if they were not read."""
    if not run.workspace.exists(_path(run)):
        return None
    return Sizes.model_validate_json(run.workspace.read_bytes(_path(run)))


def _path(run: ExportRun) -> str:
    return f"{run.folder}/sizes.json"


def _read(run: ExportRun, segments: Sequence[Segment]) -> Sizes:
    """Read the sizes of all audiences with one call, and evaluate those that an earlier run delivered."""
    now = run.now()
    try:
        known = {segment.audience: run.known(segment) for segment in segments if segment.fault is None}
        delivered = {name: state for name, state in known.items() if state.audience_id}
        if not delivered or run.dry_run:
            reason = (
                "this is a dry run" if run.dry_run else "no earlier run has delivered one of these audiences"
            )
            log.info("No sizes are read: %s", reason)
            return Sizes(read_at=now)
        sizes = Sizes(read_at=now, readings=tuple(_readings(delivered, _audiences(run))))
    except Exception as error:  # noqa: BLE001 (reading sizes must not fail the run)
        note = f"The sizes of the audiences could not be read: {without_addresses(str(error))}"
        log.warning("%s", note)
        return Sizes(read_at=now, note=note)
    for reading in sizes.readings:
        level = logging.WARNING if reading.readiness.needs_attention else logging.INFO
        log.log(level, "Audience %r: %s", reading.audience, _words(reading))
    return sizes


def _words(reading: AudienceSize) -> str:
    """Describe a size: the numbers that are known, and what they mean."""
    numbers = ((reading.search_size, "in search"), (reading.network_size, "in the audience network"))
    known = [f"{size:,} matched {where}" for size, where in numbers if size is not None]
    return "; ".join([*known, reading.message or str(reading.readiness)])


def _audiences(run: ExportRun) -> Mapping[str, Audience]:
    """Read all customer lists of the account by id, with one call."""
    with run.hook.get_conn() as client:
        return {audience.id: audience for audience in client.list_audiences()}


def _readings(delivered: Mapping[str, State], found: Mapping[str, Audience]) -> list[AudienceSize]:
    readings = []
    for name, state in delivered.items():
        audience = found.get(str(state.audience_id))
        certain = state.settled.certain
        reading = size_of_audience(
            name,
            str(state.audience_id),
            Matched(audience.search_size, audience.network_size) if audience else None,
            members=certain.count if certain else 0,
            least=MIN_SERVABLE_MEMBERS,
            least_for_bids=MIN_MEMBERS_FOR_BIDS,
            hours=SIZES_HOURS,
        )
        readings.append(reading)
    return readings
