"""What the steps of a run tell one another and the report: small JSON files in the workspace.

`runs/<export>/<run>/<segment>/<step>.json` holds what a step found out; `failure.json` why one could not.
Steps write when they end, so that a report can be made whatever crashed.
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
from customer_match.routes import Route

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
    """What all steps record.

    Attributes:
        seconds: How long the step has worked.
        overridden: What its guards found and let pass, because the run ignores guards.
    """

    model_config = ConfigDict(frozen=True)

    seconds: NonNegativeFloat
    overridden: tuple[str, ...] = ()


class Validated(_Record):
    """The table as it was found.

    Attributes:
        columns: The e-mail columns as the table spells them.
        profiles: Rows, where the format knows them without reading.
        files: Number of data files.
        size_bytes: Of all files.
        modified: Time of the newest file (UTC), where the storage knows it.
        location: Where the table lies that was read, its dates filled in; None in records from before it was kept.
    """

    columns: tuple[str, ...]
    profiles: NonNegativeInt | None
    files: NonNegativeInt
    size_bytes: NonNegativeInt
    modified: datetime | None
    location: str | None = None


class Normalised(_Record):
    """The staged members and how the profiles were counted."""

    staged: Staged


class Chunked(_Record):
    """The plan, or why there is none.

    Attributes:
        plan: The parts to send.
        audience: Name of the audience.
        interval_end: End of the data interval that the target stands for.
        ending: What becomes of the audience, because the table has vanished; None normally. For `delete` there is
            no plan.
        spared: Ids of audiences that the export file names: they are others', whatever the ledger says.
        looked_at: When the table was looked for before the audience ends; None where it does not.
        skipped: Why nothing is to be sent for this data interval; None normally.
        guards: What the upload is to judge by; None in records from before it judged.
        ignore_guards: Whether the run lets pass what they find.
        force: Leave to apply it over a newer one; None normally.
        lapse: What people should know of members that may lapse; None normally.
    """

    plan: Plan | None
    audience: str
    interval_end: datetime
    ending: Ending | None = None
    spared: tuple[str, ...] = ()
    looked_at: datetime | None = None
    skipped: str | None = None
    guards: Guards | None = None
    ignore_guards: bool = False
    force: Force | None = None
    lapse: str | None = None


class Delivered(_Record):
    """What the service took.

    Attributes:
        audience_id: The audience's id at the service; None if there was none to end.
        parts: Parts that were sent.
        sent: Members of these parts.
        route: How they travelled; None if there were none.
        calls: Calls that held their members; 0 for Bulk.
        refused: Members that the service refused, by the name of its error.
        terms: How the Customer Match terms were accepted, where the uploads did so.
        forced_over: End of the newer data interval that this one was applied over; None normally.
        uncovered: Why it would not be noticed if another workspace wrote to the audience; None normally.
    """

    audience_id: str | None
    parts: NonNegativeInt
    sent: NonNegativeInt = 0
    route: Route | None = None
    calls: NonNegativeInt = 0
    refused: dict[str, NonNegativeInt] = {}
    terms: str | None = None
    forced_over: datetime | None = None
    uncovered: str | None = None

    @property
    def refusals(self) -> str:
        """How many members were refused, and why, for people."""
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in self.refused.items())
        number = sum(self.refused.values())
        return f"Microsoft Advertising refused {number:,} of {self.sent:,} members sent ({reasons})"


class Failure(BaseModel):
    """Why a step could not do its work.

    Attributes:
        step: Which one.
        message: What is wrong and what to do; never with an e-mail address or a secret.
    """

    model_config = ConfigDict(frozen=True)

    step: Step
    message: str


class RecordStorage(Protocol):
    """What records need of a workspace."""

    def read_bytes(self, relative: str, /) -> bytes:
        """Read a small file, or raise FileNotFoundError."""

    def write_bytes(self, relative: str, data: bytes, /) -> None:
        """Write a small file, replacing it as a whole."""

    def exists(self, relative: str, /) -> bool:
        """Whether there is such a file."""

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
        folder: The segment's folder of this run; staged members and parts lie there too.
    """

    def __init__(self, storage: RecordStorage, folder: str) -> None:
        self.folder = folder
        self._storage = storage

    def write(self, record: BaseModel) -> None:
        """Keep what a step found out.

        A failure that was noted before is over then, and what later steps had found out before is void: they
        run again, or are a dead task's.
        """
        kinds = list(_NAMES)
        if not isinstance(record, Failure):
            for kind in kinds[kinds.index(type(record)) + 1 :]:
                if self._storage.exists(self._path(kind)):
                    self._storage.delete(self._path(kind))
        self._storage.write_bytes(self._path(type(record)), record.model_dump_json(indent=1).encode())

    def read(self, kind: type[Record]) -> Record | None:
        """What a step found out; None if it did not end."""
        path = self._path(kind)
        if not self._storage.exists(path):
            return None
        return kind.model_validate_json(self._storage.read_bytes(path))

    def _path(self, kind: type[BaseModel]) -> str:
        return f"{self.folder}/{_NAMES[kind]}.json"
