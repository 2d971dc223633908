"""Processes one uploaded file: read, decide, write results, then change lists and members in one commit."""

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

__all__ = ["ProcessingContext", "Processor"]

_LIST: Final = "Customer List"
_ATTEMPTS: Final = 3


class _PlanOutdatedError(Exception):
    """A list of the file changed while the file was being read: read it again."""


@dataclass(frozen=True)
class ProcessingContext:
    """The resources of the processing.

    Args:
        storage: Stores lists and uploads.
        files: Stores members.
        audiences: Owner of the lock for changes.
        incoming: Folder of the accepted files.
        folder: Folder of result files and temporary files.
        settings: Returns the current settings.
        now: Returns the simulated time.
        refusal: Returns the injected refusal of the next file, if any.
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
        context: Resources; temporary files that a crash left are removed.
    """

    def __init__(self, context: ProcessingContext) -> None:
        context.folder.mkdir(parents=True, exist_ok=True)
        for scratch in [*context.folder.glob("*.staged"), *context.folder.glob("*.partial")]:
            scratch.unlink()
        self._context = context

    def process(
        self, upload: Upload, progress: Callable[[float], None], failure: Failure | None = None
    ) -> Upload:
        """Process an accepted upload and record its outcome; returns the recorded upload.

        Args:
            upload: An upload with its file.
            progress: Called with the fraction of the file that was read.
            failure: Injected failure at the end, with part of the items applied.

        Raises:
            FileRejected: Nothing of the file was applied.
        """
        refusal = self._context.refusal()
        for _ in range(_ATTEMPTS):
            try:
                return _Attempt(self._context, upload, progress, failure, refusal).run()
            except _PlanOutdatedError:
                continue
        with self._context.audiences.writing:  # no other thread changes lists now
            return _Attempt(self._context, upload, progress, failure, refusal).run()


class _Attempt:
    """One attempt at one file: first the steps without changes, then the commit."""

    def __init__(
        self, context: ProcessingContext, upload: Upload, progress: Callable[[float], None],
        failure: Failure | None, refusal: Refusal | None,
    ) -> None:  # fmt: skip
        self._context = context
        self._upload = upload
        self._progress = progress
        self._failure = failure
        self._refusal = refusal
        self._settings = context.settings()
        self._plan = self._new_plan(context.storage.next_audience_id)
        self._list_rows: list[tuple[int, Mapping[str, str]]] = []
        self._staged: dict[int, Path] = {}
        self._added: list[tuple[Audience, Action, Digests]] = []
        self._seen: set[tuple[int, str]] = set()
        """(Slot, hash) of the items so far; used only if duplicates are refused."""
        self._rows = 0
        self._failed = 0
        self._everything = upload.response_mode is ResponseMode.ERRORS_AND_RESULTS

    def run(self) -> Upload:
        result = self._context.folder / f"{self._upload.request_id}.zip"
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
        return ListPlan(self._context.storage, caller, self._settings, self._context.now(), new_id)

    def _read(self, result: Path) -> None:
        """Check every row, write the results, stage the digests."""
        path = self._context.incoming / str(self._upload.file)
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
        """Check list rows and rows of unknown type one by one, because there are few."""
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
        """Carry out the first step of a Replace that is not atomic."""
        storage = self._context.storage
        with self._context.audiences.writing:
            stored = storage.audience(decision.audience.id) if decision.audience else None
            if stored is not None:
                storage.save_audience(replace(stored, members_file=None, members=0))
                self._context.files.remove(stored.members_file)

    def _judge_items(self, rows: pl.DataFrame, layout: Layout) -> pl.DataFrame:
        settings = self._settings
        judged = judge(rows, self._plan, upper_case=settings.upper_case_hashes, refusal=self._refusal)
        if settings.duplicates_refused:
            judged = judged.without_repeated(self._seen)
        self._failed += judged.failed
        for slot, digests in judged.digests().items():
            scratch = self._context.folder / f"{self._upload.request_id}.{slot}.staged"
            with self._staged.setdefault(slot, scratch).open("ab") as stream:
                stream.write(digests)
        return judged.lines(layout, everything=self._everything)

    def _commit(self, result: Path) -> Upload:
        """Under the lock: decide again, write new member files, commit all changes at once."""
        storage, files = self._context.storage, self._context.files
        with self._context.audiences.writing:
            decisions = self._decide_again()
            pairs = [
                (decision.audience, self._with_members(slot, decision.audience, decision))
                for slot, decision in enumerate(decisions)
                if decision.audience is not None
            ]
            done = self._finish(result)
            with storage.transaction():
                self._record_additions([changed for _, changed in pairs])
                for _, changed in pairs:
                    storage.save_audience(changed)
                storage.save_upload(done)
            for before, changed in pairs:
                if changed.members_file != before.members_file:
                    files.remove(before.members_file)
        return done

    def _record_additions(self, changed: list[Audience]) -> None:
        """Record additions and changed durations, before the lists are saved and in the same transaction."""
        expiry = self._context.audiences.expiry
        for audience in changed:
            stored = self._context.storage.audience(audience.id)
            if stored is not None:
                expiry.change_duration(stored, audience)
        for audience, action, digests in self._added:
            expiry.record(audience, action, digests)

    def _decide_again(self) -> list[Decision]:
        created = iter([d.audience.id for d in self._plan.decisions if d.created and d.audience])
        # A list that is new only in this plan gets 0; the comparison below rejects it.
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
        name, count = self._context.files.change(audience.members_file, action, digests)
        self._added.append((audience, action, digests))
        return replace(audience, members_file=name, members=count, data_at=self._context.now())

    def _staged_digests(self, slot: int) -> Digests:
        if slot not in self._staged:
            return np.empty((0, DIGEST_BYTES), dtype=np.uint8)
        digests = np.fromfile(self._staged[slot], dtype=np.uint8).reshape(-1, DIGEST_BYTES)
        applied = None if self._failure is None else self._failure.applied
        return digests if applied is None else digests[: round(applied * len(digests))]

    def _finish(self, result: Path) -> Upload:
        done = replace(
            self._upload, finished_at=self._context.now(), rows=self._rows, failed_rows=self._failed
        )
        if self._failure is not None:
            return replace(done, state=self._failure.state, error=self._failure.error)
        state = UploadState.WITH_ERRORS if self._failed else UploadState.COMPLETED
        return replace(done, state=state, result_file=result.name)


def _list_result(values: Mapping[str, str], decision: Decision) -> dict[str, str]:
    """The list row in the result file, with the id of a new list."""
    if decision.audience is None:
        return dict(values)
    return {**values, **list_columns(decision.audience)}


def _result_name(upload: Upload) -> str:
    """Name inside the zip, as observed: BulkUpload-MM-DD-YYYY-<request id>-Results.csv."""
    date = datetime.fromtimestamp(upload.created_at, UTC).strftime("%m-%d-%Y")
    return f"BulkUpload-{date}-{upload.request_id}-Results.csv"
