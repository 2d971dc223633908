"""The upload of one segment, without Airflow's task life cycle: lease, delivery, records and errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from airflow.sdk.exceptions import AirflowSkipException
from propcache.api import cached_property

from airflow_microsoft_advertising.assets.outlets import audience_uri
from airflow_microsoft_advertising.erasure.kept_out import read_erased
from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook
from airflow_microsoft_advertising.lake.workspaces import open_workspace
from airflow_microsoft_advertising.lineage.segment_lineage import SegmentLineage, segment_lineage
from airflow_microsoft_advertising.links import audiences_url
from airflow_microsoft_advertising.metrics import table
from airflow_microsoft_advertising.metrics.sending import send
from airflow_microsoft_advertising.run.delivery_records import DeliveryRecords
from airflow_microsoft_advertising.run.failures import translate_errors
from customer_match.clocks import is_in_future
from customer_match.errors import ConfigurationError, CustomerMatchError, TerminalError, TransientError
from customer_match.ledger.lease import LEASE_DURATION, AudienceBusy, Lease
from customer_match.ledger.lookup import Ledgers
from customer_match.ledger.store import ledger_folder
from customer_match.log_fields import log_fields
from customer_match.planning.data_intervals import Overtaken
from customer_match.redaction import logger
from customer_match.runs.folders import staged_beside
from customer_match.runs.records import Chunked, Delivered, SegmentRecords, Step
from customer_match.workspace.workspace import Workspace
from customer_match_delivery.deletion import AudienceDeletion
from customer_match_delivery.delivery import Delivery, Waiting
from customer_match_delivery.spec import AudienceSpec

if TYPE_CHECKING:
    from airflow_microsoft_advertising.run.export_run import ExportRun
    from customer_match.export.segments import Segment

__all__ = ["Busy", "NextMove", "Upload"]

log = logger(__name__)

_MAX_ABSENCE_AGE = timedelta(hours=2)
"""How old the finding that a table has vanished may be: no audience is emptied or deleted on an older one."""


@dataclass(frozen=True)
class Busy:
    """Another run holds the audience: check again after `seconds`."""

    seconds: float


Result = dict[str, Any]
"""The task's return value after the delivery is complete."""

NextMove = Waiting | Busy | Result

Work = Callable[[Lease, float], Waiting | Result]
"""Work that needs the audience's lease; gets when the delivery started, as seconds since 1970."""


@dataclass(frozen=True)
class Upload:
    """The upload of one segment in one run.

    Attributes:
        hook: The hook for the service.
        workspace_root: Path or URL of the workspace.
        workspace_conn_id: Airflow connection of the workspace; None for a local folder.
        folder: The segment's folder of this run in the workspace.
        audience: The audience as the export specifies it.
        run: Name of the run, as holder of the lease: one run at a time works on an audience.
        encrypt_members: Whether new files of members are encrypted.
    """

    hook: MicrosoftAdvertisingHook
    workspace_root: str
    workspace_conn_id: str | None
    folder: str
    audience: AudienceSpec
    run: str
    encrypt_members: bool = False

    @classmethod
    def of(cls, run: ExportRun, segment: Segment, *, holder: str) -> Self:
        """Make the upload of a segment.

        Args:
            run: The run of the export.
            segment: One of its segments.
            holder: Name of the run, as holder of the lease.
        """
        workspace = run.export.workspace
        return cls(
            run=holder,
            hook=run.hook,
            workspace_root=workspace.locate(),
            workspace_conn_id=workspace.connection,
            folder=run.segment_folder(segment),
            audience=run.audience(segment),
            encrypt_members=run.export.encrypt_members,
        )

    def start(self, *, since: float | None = None) -> NextMove:
        """Start or resume the delivery: make sure that the audience exists, then continue.

        Args:
            since: When the delivery started, as seconds since 1970; None: now.

        Raises:
            AirflowSkipException: There is nothing to send in this run.
        """
        with self._fields(), translate_errors(Step.UPLOAD, self._records):
            if skipped := self._chunked.skipped:
                raise AirflowSkipException(skipped)
            started = time.time() if since is None else since
            return self._with_lease(
                self._handle_vanished if self._chunked.ending else self._start, started=started
            )

    def resume(self, *, started: float, overdue: str | None = None) -> NextMove:
        """Continue after an upload has ended; the ledger knows which.

        Args:
            started: When the delivery started, as seconds since 1970.
            overdue: Request id of an upload whose timeout has passed; None: there is none.

        Raises:
            TransientError: The overdue upload is still in progress.
        """
        with self._fields(), translate_errors(Step.UPLOAD, self._records):
            return self._with_lease(partial(self._continue, overdue=overdue), started=started)

    def holder(self) -> str | None:
        """Return the run that holds the audience's lease now; None if there is none."""
        current = self._lease().current()
        return current.holder if current else None

    def release(self) -> None:
        """Release the audience's lease, so that other runs can work on the audience."""
        _release(self._lease())

    def audience_url(self) -> str:
        """Return the URL of the page that shows the audience."""
        account = self.hook.account()
        return audiences_url(
            customer_id=account.customer_id,
            account_id=account.account_id,
            base_url=self.hook.environment().token_host,
        )

    def _fields(self) -> AbstractContextManager[None]:
        """Fields of log records, as in the steps before."""
        return log_fields(
            export=self.audience.own_mark.export, segment=self.audience.segment or self.audience.name
        )

    def lineage(self) -> SegmentLineage | None:
        """What lineage says of the segment; None if it was not delivered."""
        return segment_lineage(self._records, self._audience_uri)

    def _audience_uri(self) -> str:
        return audience_uri(self.hook.account().account_id, self.audience.name)

    def _with_lease(self, work: Work, *, started: float) -> NextMove:
        """Do work under the audience's lease, which is kept while an upload is in progress."""
        lease = self._lease()
        try:
            lease.take(LEASE_DURATION)
        except AudienceBusy as busy:
            log.info("%s", busy)
            return Busy(busy.retry_after or 0.0)
        except ConfigurationError:
            # For example a full disk. This run does not continue, so it releases a lease that it took before a wait.
            _release(lease)
            raise
        outcome: Waiting | Result | None = None
        try:
            outcome = work(lease, started)
        except Overtaken as error:
            self._delivery_records.skip(error)
            raise AirflowSkipException(str(error)) from None
        finally:
            if not isinstance(outcome, Waiting):
                _release(lease)
        return outcome

    def _lease(self) -> Lease:
        folder = ledger_folder(self.hook.account().account_id, self.audience.name)
        return Lease(self._workspace, folder, audience=self.audience.name, holder=self.run)

    def _start(self, lease: Lease, started: float, *, audience_id: str | None = None) -> Waiting | Result:
        with self._delivery(lease, audience_id) as delivery:
            delivery.start()
            return self._advance(delivery, started=started)

    def _continue(self, lease: Lease, started: float, *, overdue: str | None) -> Waiting | Result:
        with self._delivery(lease) as delivery:
            return self._advance(delivery, started=started, overdue=overdue)

    def _handle_vanished(self, lease: Lease, started: float) -> Waiting | Result:
        """Empty or delete the audience of a vanished table, if one certainly belongs to this export."""
        chunked, now = self._chunked, datetime.now(UTC)
        looked_at = chunked.looked_at
        if looked_at and (now - looked_at > _MAX_ABSENCE_AGE or is_in_future(looked_at, now)):
            raise TerminalError(
                f"The table of {self.audience.name!r} was missing at {looked_at:%Y-%m-%d %H:%M} UTC, but it may exist "
                "again. Clear the task `chunk` of this segment, which checks again, and this task."
            )
        with self.hook.get_conn() as client:
            deletion = AudienceDeletion(client, self._ledgers, self.audience, chunked.spared)
            found, keep = deletion.find(), chunked.ending == "empty"
            deleted = None if keep else deletion.delete(found, chunked.interval_end, chunked.force)
        if found and keep:  # exactly this audience, even if the ledger or the name leads to another
            return self._start(lease, started, audience_id=found.id)
        record = Delivered(seconds=max(0.0, time.time() - started), audience_id=deleted, parts=0)
        self._records.write(record)
        return _result(record)

    def _advance(self, delivery: Delivery, *, started: float, overdue: str | None = None) -> Waiting | Result:
        waiting = delivery.advance()
        if waiting:
            if waiting.request_id == overdue:
                raise self._too_slow(waiting)
            return waiting
        seconds, terms = max(0.0, time.time() - started), self.hook.terms()
        record = self._delivery_records.record(delivery, seconds=seconds, terms=str(terms) if terms else None)
        send(table.UPLOAD_DURATION, seconds, account=self.hook.account().account_id)
        return _result(record)

    def _too_slow(self, waiting: Waiting) -> TransientError:
        return TransientError(
            f"The upload {waiting.request_id} of audience {self.audience.name!r} is still in progress at Microsoft "
            f"Advertising, since {waiting.since:%Y-%m-%d %H:%M} UTC. The next try waits for it again, because nothing "
            "else may be sent to this audience before it has ended. If it never ends, give this request id to "
            "Microsoft Advertising support. `upload_timeout_minutes` in the export file sets how long one try waits."
        )

    @contextmanager
    def _delivery(self, lease: Lease, audience_id: str | None = None) -> Iterator[Delivery]:
        chunked = self._chunked
        assert chunked.plan is not None  # noqa: S101 (without a plan the upload is skipped)
        accept_terms = self.hook.terms() is not None
        with self.hook.get_conn() as client:
            yield Delivery(
                client=client,
                ledgers=self._ledgers,
                storage=self._workspace,
                plan=chunked.plan,
                audience=replace(self.audience, audience_id=audience_id or self.audience.audience_id),
                folder=staged_beside(self.folder),  # members that were refused, and parts of a new plan
                interval_end=chunked.interval_end,
                force=chunked.force,
                accept_terms=accept_terms,
                before_sending=lambda: lease.take(LEASE_DURATION),
                erased_since=partial(read_erased, self._workspace),
                on_replan=self._delivery_records.replan,
            )

    @cached_property
    def _workspace(self) -> Workspace:
        return open_workspace(
            self.workspace_conn_id, self.workspace_root, encrypt_members=self.encrypt_members
        )

    @property
    def _ledgers(self) -> Ledgers:
        return Ledgers(self._workspace, self.hook.account().account_id)

    @cached_property
    def _records(self) -> SegmentRecords:
        return SegmentRecords(self._workspace, self.folder)

    @property
    def _delivery_records(self) -> DeliveryRecords:
        return DeliveryRecords(self.audience.name, self._records, self._chunked)

    @cached_property
    def _chunked(self) -> Chunked:
        chunked = self._records.read(Chunked)
        if chunked is None:
            raise TerminalError(
                f"The workspace {self.workspace_root} has no plan in {self.folder}. Run the task `chunk` of "
                "this segment (again) before its upload; both must use the same workspace."
            )
        return chunked


def _result(record: Delivered) -> Result:
    return record.model_dump(mode="json", include={"audience_id", "parts", "route", "calls", "refused"})


def _release(lease: Lease) -> None:
    """Release a lease. If this fails, only log it: the lease expires, and the result of the work matters more."""
    try:
        lease.release()
    except CustomerMatchError as error:
        log.warning("The lease was not released, and other runs wait for up to %s: %s", LEASE_DURATION, error)
