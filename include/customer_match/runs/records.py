"""The records of a run's steps, for later steps and the report: small JSON files in the workspace.

`runs/<export>/<run>/<segment>/<step>.json` holds the result of a step, `failure.json` the reason of a failure. Steps
write their record when they end, so that a report can be made whatever crashed.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, NonNegativeInt

from customer_match.export.limits import Guards
from customer_match.export.segments import Ending
from customer_match.planning.data_intervals import Force
from customer_match.planning.plan import Plan
from customer_match.profiles.staging import Staged
from customer_match.profiles.tables_read import TableRead
from customer_match.routes import Route
from customer_match.runs.decisions import Decisions, DecisionStorage
from customer_match.runs.findings import Finding
from customer_match.tables.version import TableVersion

__all__ = [
    "Chunked",
    "Delivered",
    "Failure",
    "Normalised",
    "SegmentRecords",
    "Step",
    "Validated",
]


class Step(StrEnum):
    """The steps of a segment, in order."""

    VALIDATE = "validate"
    NORMALISE = "normalise"
    CHUNK = "chunk"
    UPLOAD = "upload"


class _Record(BaseModel):
    """The values that all steps record.

    Attributes:
        seconds: How long the step worked.
        overridden: Findings of its guards that were ignored, because the run ignores guards.
    """

    model_config = ConfigDict(frozen=True)

    seconds: NonNegativeFloat
    overridden: tuple[str, ...] = ()


class Validated(_Record):
    """The metadata of the table.

    Attributes:
        columns: The e-mail columns as the table spells them.
        profiles: Number of rows; None if it is known only after reading.
        files: Number of data files.
        size_bytes: Size of all files.
        modified: Time of the newest file (UTC); None if the storage does not know it.
        location: Location of the table, with dates filled in; None in old records that did not include it.
    """

    columns: tuple[str, ...]
    profiles: NonNegativeInt | None
    files: NonNegativeInt
    size_bytes: NonNegativeInt
    modified: datetime | None
    location: str | None = None


class Normalised(_Record):
    """The staged members and how the profiles were counted.

    Attributes:
        staged: The members and counts.
        tables: The tables that were read, each with its version; none in old records that did not include them.
        read: What was read of each of them, if lineage is on; otherwise none.
    """

    staged: Staged
    tables: tuple[TableVersion, ...] = ()
    read: tuple[TableRead, ...] = ()


class Chunked(_Record):
    """The plan, or the reason why there is none.

    Attributes:
        plan: The parts to send.
        audience: Name of the audience.
        interval_end: End of the target's data interval.
        ending: What to do with the audience instead of filling it; None normally. For `delete` there is no plan.
        ordered: Whether whoever started the run ordered this ending; otherwise the table has vanished.
        spared: Ids of audiences that the export file names; they are never deleted, whatever the ledger says.
        looked_at: When the table was last searched for before the audience is emptied or deleted; None normally.
        skipped: Why nothing is sent for this data interval; None normally.
        guards: The limits for the upload's guard; None in old records that did not include them.
        ignore_guards: Whether the run ignores guards.
        on_page: Whether Airflow has a page of the export, where people decide on findings of guards.
        force: Permission to apply the data over newer data; None normally.
        lapse: A warning about members that may lapse; None normally.
    """

    plan: Plan | None
    audience: str
    interval_end: datetime
    ending: Ending | None = None
    ordered: bool = False
    spared: tuple[str, ...] = ()
    looked_at: datetime | None = None
    skipped: str | None = None
    guards: Guards | None = None
    ignore_guards: bool = False
    on_page: bool = False
    force: Force | None = None
    lapse: str | None = None


class Delivered(_Record):
    """The result of an upload.

    Attributes:
        audience_id: The audience's id at the service; None if there was no audience to empty or delete.
        parts: Number of parts that were sent.
        sent: Number of members in these parts.
        route: The route of the parts; None if there were none.
        calls: Number of calls of the synchronous API; 0 for Bulk.
        refused: Number of members that the service refused, by the name of its error.
        requests: Ids that the service gave to the uploads.
        terms: How the Customer Match terms were accepted; None if the uploads did not accept them.
        forced_over: End of the newer data interval that this one was applied over; None normally.
        uncovered: Why a write by another workspace would not be detected; None normally.
    """

    audience_id: str | None
    parts: NonNegativeInt
    sent: NonNegativeInt = 0
    route: Route | None = None
    calls: NonNegativeInt = 0
    refused: dict[str, NonNegativeInt] = {}
    requests: tuple[str, ...] = ()
    terms: str | None = None
    forced_over: datetime | None = None
    uncovered: str | None = None

    @property
    def refusals(self) -> str:
        """The number of refused members and the reasons, as a sentence without a full stop."""
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in self.refused.items())
        number = sum(self.refused.values())
        return f"Microsoft Advertising refused {number:,} of {self.sent:,} members sent ({reasons})"


class Failure(BaseModel):
    """Why a step failed.

    Attributes:
        step: The step.
        message: What is wrong and what to do; never contains an e-mail address or a secret.
        guards: Keys of the guards that stopped the segment; empty for other failures.
        findings: What they have found; empty in old records that did not include it.
    """

    model_config = ConfigDict(frozen=True)

    step: Step
    message: str
    guards: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


class RecordStorage(DecisionStorage, Protocol):
    """The part of a workspace that records need."""

    def write_bytes(self, relative: str, data: bytes, /) -> None:
        """Write a small file, replacing it as a whole."""

    def exists(self, relative: str, /) -> bool:
        """Whether a file exists."""

    def delete(self, relative: str, /, *, recursive: bool = False) -> None:
        """Delete a file or a folder."""


Record = TypeVar("Record", bound=BaseModel)

# In the order in which they are written.
_NAMES: dict[type[BaseModel], str] = {
    Validated: Step.VALIDATE,
    Normalised: Step.NORMALISE,
    Chunked: Step.CHUNK,
    Delivered: Step.UPLOAD,
    Failure: "failure",
}


class SegmentRecords:
    """The records of one segment in one run.

    Args:
        storage: The workspace.
        folder: The segment's folder of this run; it also holds the staged members and parts.
    """

    def __init__(self, storage: RecordStorage, folder: str) -> None:
        self.folder = folder
        self._storage = storage

    @property
    def decisions(self) -> Decisions:
        """What people have decided about findings of guards. Steps never delete it."""
        return Decisions(self._storage, self.folder)

    def write(self, record: BaseModel) -> None:
        """Write the record of a step.

        This deletes an earlier failure and the records of later steps, which run again or came from a dead task.
        """
        kinds = list(_NAMES)
        if not isinstance(record, Failure):
            for kind in kinds[kinds.index(type(record)) + 1 :]:
                if self._storage.exists(self._path(kind)):
                    self._storage.delete(self._path(kind))
        self._storage.write_bytes(self._path(type(record)), record.model_dump_json(indent=1).encode())

    def read(self, kind: type[Record]) -> Record | None:
        """Read the record of a step; None if it has none."""
        path = self._path(kind)
        if not self._storage.exists(path):
            return None
        return kind.model_validate_json(self._storage.read_bytes(path))

    def _path(self, kind: type[BaseModel]) -> str:
        return f"{self.folder}/{_NAMES[kind]}.json"
