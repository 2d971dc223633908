"""Processing one uploaded file: read, decide, write results, then change lists and members in one commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from microsoft_advertising_simulator.audiences.members import (
    DIGEST_BYTES,
    Digests,
    MemberFiles,
    make_durable,
    sort_distinct,
)
from microsoft_advertising_simulator.audiences.service import AudienceService
from microsoft_advertising_simulator.bulk.items import ITEM, judge
from microsoft_advertising_simulator.bulk.plan import Decision, ListPlan
from microsoft_advertising_simulator.bulk.reader import BulkFile, FileRejected
from microsoft_advertising_simulator.bulk.results import Layout, ResultFile, error_row, line, list_columns
from microsoft_advertising_simulator.model import (
    Action,
    Audience,
    Caller,
    Failure,
    Refusal,
    ResponseMode,
    Upload,
    UploadState,
)
from microsoft_advertising_simulator.settings import Settings
from microsoft_advertising_simulator.storage import Storage

__all__ = ["Processor", "Workplace"]

_LIST: Final = "Customer List"
_ATTEMPTS: Final = 3


class _PlanOutdatedError(Exception):
    """Somebody changed a list of the file while the file was being read: read it again."""


@dataclass(frozen=True)
class Workplace:
    """What processing works with.

    Args:
        storage: Lists and uploads.
        files: Members.
        audiences: Owner of the lock for changes.
        incoming: Accepted files lie here.
        folder: Result files and scratch files go here.
        settings: The settings in force now.
        now: The simulated time.
        refusal: Asked once for each file which good items to refuse.
    """

    storage: Storage
    files: MemberFiles
    audiences: AudienceService
    incoming: Path
    folder: Path
    settings: Callable[[], Settings]
    now: Callable[[], float]
    refusal: Callable[[], Refusal | None]


class Processor:
    """Processes uploads; safe to use from several threads.

    Args:
        place: What it works with; scratch files that a crash left there are removed.
    """

    def __init__(self, place: Workplace) -> None:
        place.folder.mkdir(parents=True, exist_ok=True)
        for scratch in [*place.folder.glob("*.staged"), *place.folder.glob("*.partial")]:
            scratch.unlink()
        self._place = place

    def process(
        self, upload: Upload, progress: Callable[[float], None], failure: Failure | None = None
    ) -> Upload:
        """Bring an accepted upload to its end and record it; returns what was recorded.

        Args:
            upload: With its file.
            progress: Told the fraction of the file that was read.
            failure: Makes it fail at its end, with part of its items applied.

        Raises:
            FileRejected: Nothing of the file was applied.
        """
        refusal = self._place.refusal()
        for _ in range(_ATTEMPTS):
            try:
                return _Attempt(self._place, upload, progress, failure, refusal).run()
            except _PlanOutdatedError:
                continue
        with self._place.audiences.writing:  # nobody else changes lists now
            return _Attempt(self._place, upload, progress, failure, refusal).run()


class _Attempt:
    """One attempt at one file: first everything that changes nothing, then the commit."""

    def __init__(
        self, place: Workplace, upload: Upload, progress: Callable[[float], None],
        failure: Failure | None, refusal: Refusal | None,
    ) -> None:  # fmt: skip
        self._place = place
        self._upload = upload
        self._progress = progress
        self._failure = failure
        self._refusal = refusal
        self._settings = place.settings()
        self._plan = self._new_plan(place.storage.next_audience_id)
        self._list_rows: list[tuple[int, Mapping[str, str]]] = []
        self._staged: dict[int, Path] = {}
        self._added: list[tuple[Audience, Action, Digests]] = []
        self._seen: set[tuple[int, str]] = set()
        """(Slot, hash) of the items so far; kept only where duplicates are refused."""
        self._rows = 0
        self._failed = 0
        self._everything = upload.response_mode is ResponseMode.ERRORS_AND_RESULTS

    def run(self) -> Upload:
        result = self._place.folder / f"{self._upload.request_id}.zip"
        partial = result.with_suffix(".partial")
        try:
            self._read(partial)
            make_durable(partial, result)
            return self._commit(result)
        finally:
            partial.unlink(missing_ok=True)
            for path in self._staged.values():
                path.unlink(missing_ok=True)

    def _new_plan(self, new_id: Callable[[], int]) -> ListPlan:
        upload = self._upload
        caller = Caller(upload.user_id, upload.customer_id, upload.account_id)
        return ListPlan(self._place.storage, caller, self._settings, self._place.now(), new_id)

    def _read(self, result: Path) -> None:
        """Judge every row, write the results, stage the digests."""
        path = self._place.incoming / str(self._upload.file)
        settings = self._settings
        limit = settings.row_limit
        with (
            BulkFile(
                path, max_bytes=settings.max_unzipped_bytes, bom_required=settings.bom_required
            ) as source,
            ResultFile(result, _result_name(self._upload)) as target,
        ):
            for piece in source.pieces():
                layout = target.start(Layout.of(settings.result_columns, source.header))
                self._rows += len(piece.rows)
                if self._rows > limit:
                    raise FileRejected(UploadState.ROWS_EXCEEDED, 3225, f"More than {limit} rows.")
                others = self._judge_others(piece.rows.filter(pl.col("Type") != ITEM), layout)
                items = self._judge_items(piece.rows.filter(pl.col("Type") == ITEM), layout)
                target.write_frame(pl.concat([others, items]).sort("row"))
                self._progress(piece.read_bytes / max(source.total_bytes, 1))
            target.start(Layout.of(settings.result_columns, source.header))

    def _judge_others(self, rows: pl.DataFrame, layout: Layout) -> pl.DataFrame:
        """List rows and rows of unknown type, one by one: there are few."""
        lines: list[tuple[int, str]] = []
        for named in rows.iter_rows(named=True):
            row = int(named.pop("row"))
            values, errors = self._judge_other(row, named)
            self._failed += bool(errors)
            if errors or self._everything:
                rows_of_it = [values, *(error_row(values, number) for number in errors)]
                texts = [line(cells, layout) for cells in rows_of_it]
                lines.append((row, "\n".join(texts)))
        return pl.DataFrame(lines, schema={"row": pl.UInt32, "line": pl.String}, orient="row")

    def _judge_other(self, row: int, values: dict[str, Any]) -> tuple[dict[str, str], tuple[int, ...]]:
        if values["Type"] != _LIST:
            return values, (4203,)
        if self._settings.terms_false_fails_upload and values["Accept Customer Match Term"] == "False":
            raise FileRejected(UploadState.FAILED, 8003, "The terms are refused.")
        decision = self._plan.decide(row, values)
        self._list_rows.append((row, values))
        if decision.action is Action.REPLACE and decision.empties and not self._settings.replace_is_atomic:
            self._empty(decision)
        return _list_result(values, decision), decision.errors

    def _empty(self, decision: Decision) -> None:
        """The first step of a Replace that is not atomic."""
        storage = self._place.storage
        with self._place.audiences.writing:
            stored = storage.audience(decision.audience.id) if decision.audience else None
            if stored is not None:
                storage.save_audience(replace(stored, members_file=None, members=0))
                self._place.files.remove(stored.members_file)

    def _judge_items(self, rows: pl.DataFrame, layout: Layout) -> pl.DataFrame:
        settings = self._settings
        judged = judge(rows, self._plan, upper_case=settings.upper_case_hashes, refusal=self._refusal)
        if settings.duplicates_refused:
            judged = judged.without_repeated(self._seen)
        self._failed += judged.failed
        for slot, digests in judged.digests().items():
            scratch = self._place.folder / f"{self._upload.request_id}.{slot}.staged"
            with self._staged.setdefault(slot, scratch).open("ab") as stream:
                stream.write(digests)
        return judged.lines(layout, everything=self._everything)

    def _commit(self, result: Path) -> Upload:
        """Under the lock: decide again, write new member files, record everything at once."""
        storage, files = self._place.storage, self._place.files
        with self._place.audiences.writing:
            decisions = self._decide_again()
            pairs = [
                (decision.audience, self._with_members(slot, decision.audience, decision))
                for slot, decision in enumerate(decisions)
                if decision.audience is not None
            ]
            done = self._finish(result)
            with storage.transaction():
                self._note_durations([changed for _, changed in pairs])
                for _, changed in pairs:
                    storage.save_audience(changed)
                storage.save_upload(done)
            for before, changed in pairs:
                if changed.members_file != before.members_file:
                    files.remove(before.members_file)
        return done

    def _note_durations(self, changed: list[Audience]) -> None:
        """Who begins a duration: before the lists are saved, and with them."""
        lapsing = self._place.audiences.lapsing
        for audience in changed:
            stored = self._place.storage.audience(audience.id)
            if stored is not None:
                lapsing.duration_changed(stored, audience)
        for audience, action, digests in self._added:
            lapsing.note(audience, action, digests)

    def _decide_again(self) -> list[Decision]:
        created = iter([d.audience.id for d in self._plan.decisions if d.created and d.audience])
        # A list that is new only now gets 0; the comparison below refuses it.
        again = self._new_plan(lambda: next(created, 0))
        for row, values in self._list_rows:
            again.decide(row, values)
        for before, now in zip(self._plan.decisions, again.decisions, strict=True):
            if not before.agrees_with(now):
                raise _PlanOutdatedError
        return again.decisions

    def _with_members(self, slot: int, audience: Audience, decision: Decision) -> Audience:
        if audience.deleted:
            return replace(audience, members_file=None, members=0)
        action = decision.action
        clears = action is Action.REPLACE and decision.empties and self._settings.empty_replace_clears
        if action is None or (slot not in self._staged and not clears):
            return audience
        digests = sort_distinct(self._staged_digests(slot))
        name, count = self._place.files.change(audience.members_file, action, digests)
        self._added.append((audience, action, digests))
        return replace(audience, members_file=name, members=count, data_at=self._place.now())

    def _staged_digests(self, slot: int) -> Digests:
        if slot not in self._staged:
            return np.empty((0, DIGEST_BYTES), dtype=np.uint8)
        digests = np.fromfile(self._staged[slot], dtype=np.uint8).reshape(-1, DIGEST_BYTES)
        applied = None if self._failure is None else self._failure.applied
        return digests if applied is None else digests[: round(applied * len(digests))]

    def _finish(self, result: Path) -> Upload:
        done = replace(self._upload, finished_at=self._place.now(), rows=self._rows, failed_rows=self._failed)
        if self._failure is not None:
            return replace(done, state=self._failure.state, error=self._failure.error)
        state = UploadState.WITH_ERRORS if self._failed else UploadState.COMPLETED
        return replace(done, state=state, result_file=result.name)


def _list_result(values: Mapping[str, str], decision: Decision) -> dict[str, str]:
    """The list row as the result file shows it: a created list gets its id."""
    if decision.audience is None:
        return dict(values)
    return {**values, **list_columns(decision.audience)}


def _result_name(upload: Upload) -> str:
    """Name inside the zip, as observed: BulkUpload-MM-DD-YYYY-<request id>-Results.csv."""
    date = datetime.fromtimestamp(upload.created_at, UTC).strftime("%m-%d-%Y")
    return f"BulkUpload-{date}-{upload.request_id}-Results.csv"
