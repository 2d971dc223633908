"""The columns of the history: one row for each run and segment. `docs/history.md` describes it for people."""

from __future__ import annotations

from datetime import datetime
from typing import Final, get_args

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from customer_match.runs.report import Outcome
from customer_match.runs.states import RunKind, RunState

__all__ = ["SCHEMA", "HistoryRow", "type_of"]

_TYPES: Final[dict[type, pa.DataType]] = {
    datetime: pa.timestamp("us", tz="UTC"),
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
}


class HistoryRow(BaseModel):
    """A segment in a run; of a run without segments, the run alone. Unknown values are None.

    Columns may be added, but neither renamed nor removed: people query them.
    """

    model_config = ConfigDict(frozen=True)

    export: str = Field(description="Name of the export")
    run_id: str = Field(description="Id of the run; in Airflow, that of the DAG run")
    kind: RunKind | None = Field(description="What started the run")
    run_state: RunState = Field(description="How the run ended")
    dry_run: bool = Field(description="Whether nothing was to be sent")
    full: bool = Field(description="Whether whole audiences were to be replaced")
    forced: bool = Field(description="Whether older data could be applied over newer data (`force`)")
    complete: bool | None = Field(description="Whether the run chose all segments of the export")
    interval_start: datetime | None = Field(description="Start of the data interval")
    interval_end: datetime = Field(description="End of the data interval; without one, when the run was due")
    started: datetime = Field(
        description="When the run began; if its tasks were cleared, when it began for the first time"
    )
    ended: datetime = Field(
        description="When the run was recorded. If a run is in the table twice, the later one counts"
    )
    segment: str | None = Field(description="Name of the table; empty for a run that selected no segments")
    audience: str | None = Field(description="Name of the audience")
    audience_id: str | None = Field(description="Its id at the service, if members were sent in this run")
    outcome: Outcome | None = Field(description="Result of the segment")
    guards: str | None = Field(description="Keys of the guards that stopped the segment, with commas")
    awaits_decision: bool | None = Field(
        description="Whether somebody has to approve or refuse what these guards have found"
    )
    decisions: str | None = Field(description="Who approved or refused what they have found, when and why")
    message: str | None = Field(description="Why it failed or was skipped, and what to do")
    location: str | None = Field(description="Location of the table that was read")
    source_modified: datetime | None = Field(description="When that table was written")
    source_age_hours: float | None = Field(
        description="Its age when the run began (0 if it was written later)"
    )
    profiles: int | None = Field(description="Rows read")
    superseded: int | None = Field(description="Rows of change logs that a newer row supersedes")
    deleted: int | None = Field(description="Ids of change logs that were deleted")
    filtered: int | None = Field(description="Rows that `where` left out")
    without_consent: int | None = Field(description="Rows without consent")
    valid: int | None = Field(description="Rows with a usable address")
    rejected: int | None = Field(description="Rows without a usable address: the sum of the next five")
    rejected_missing: int | None = Field(description="… nothing in the e-mail column")
    rejected_not_an_address: int | None = Field(description="… no e-mail address")
    rejected_too_long: int | None = Field(description="… too long")
    rejected_local_part_invalid: int | None = Field(description="… not valid before the @")
    rejected_domain_invalid: int | None = Field(description="… not valid after the @")
    duplicates: int | None = Field(description="Addresses that occurred before")
    suppressed: int | None = Field(description="Members that suppression lists kept out")
    erased: int | None = Field(
        description="Members that were kept out because they asked for erasure; empty if nobody ever did"
    )
    without_profile: int | None = Field(description="Customers without a profile, where segments are joined")
    unreadable: int | None = Field(description="Memberships that could not be read")
    members: int | None = Field(
        description="Distinct members of the segment; if they were delivered, those of the audience"
    )
    added: int | None = Field(description="Members that were added, or would be in a dry run")
    removed: int | None = Field(
        description="Members that were removed, or would be; empty if the members of the audience were unknown"
    )
    renewed: int | None = Field(description="Members that were sent again so that they do not expire")
    sent: int | None = Field(
        description="Members in the parts that were sent; empty if the segment was not delivered"
    )
    refused: int | None = Field(description="Members that the service refused")
    parts: int | None = Field(description="Upload files, or groups of calls")
    calls: int | None = Field(description="Calls of the synchronous API")
    route: str | None = Field(description="`bulk` or `apply`")
    replaced: bool | None = Field(description="Whether the whole audience was replaced")
    search_size: int | None = Field(
        description="Matched users in search when the run began: the effect of earlier runs"
    )
    network_size: int | None = Field(description="Matched users in the audience network, likewise")
    audience_members: int | None = Field(
        description="Members that the audience had when these sizes were read, by the ledger"
    )
    match_rate: float | None = Field(
        description="Matched users (in search; if unknown, in the audience network) per member of the audience"
    )
    seconds: float | None = Field(description="Working time of the segment's steps, without waits")


def type_of(name: str) -> pa.DataType:
    """The Arrow type of a column."""
    annotation = HistoryRow.model_fields[name].annotation
    kinds = [one for one in (get_args(annotation) or (annotation,)) if one is not type(None)]
    return _TYPES.get(kinds[0], pa.string())


SCHEMA: Final = pa.schema([(name, type_of(name)) for name in HistoryRow.model_fields])
