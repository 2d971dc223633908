"""The operator: carries out a staged plan, waiting in the triggerer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowSkipException
from include.customer_match.workspace import Workspace, slug

from airflow_microsoft_advertising.delivery import AudienceSpec, Delivery
from airflow_microsoft_advertising.failures import clearly
from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook
from airflow_microsoft_advertising.lake import filesystem
from airflow_microsoft_advertising.links import AudienceLink, audiences_url
from airflow_microsoft_advertising.trigger import BulkUploadTrigger
from include.customer_match.ledger.store import Ledger
from include.customer_match.run_records import Chunked, Delivered, SegmentRecords, Step
from include.errors import TerminalError
from include.microsoft_advertising.client import Client
from include.microsoft_advertising.models import Scope

__all__ = ["UploadAudienceOperator"]


class UploadAudienceOperator(BaseOperator):
    """Brings one audience to the members that the step `chunk` has staged.

    The operator makes sure that the audience exists, sends the plan's parts one after the other and waits for
    each in the triggerer. What was sent and confirmed is in the audience's ledger, so that a retry, a restart
    or the next run goes on where this one stopped and sends nothing twice that must not be.

    Args:
        folder: The segment's folder of this run in the workspace, where `chunk` left its record (templated).
        audience: Name of the audience (templated).
        mark: Stands in the descriptions of audiences that are ours.
        microsoft_advertising_conn_id: Airflow connection of the service (templated).
        customer_id: Customer (cid) in place of the connection's (templated).
        account_id: Account (aid) in place of the connection's (templated).
        workspace_root: Path or URL of the workspace (templated).
        workspace_conn_id: Airflow connection of the workspace; None for a local folder (templated).
        scope: Who shares an audience that is created.
        membership_duration: Days that members stay in an audience that is created; -1 for ever.
        adopt: Whether an audience of this name that is not ours may be taken over.
        upload_timeout: How long to wait for one upload before the task is tried again.
        poll_schedule: Arguments of `PollSchedule` in place of its defaults.
    """

    template_fields: Sequence[str] = (
        "folder",
        "audience",
        "microsoft_advertising_conn_id",
        "customer_id",
        "account_id",
        "workspace_root",
        "workspace_conn_id",
    )
    operator_extra_links = (AudienceLink(),)
    ui_color = "#d7e8fa"

    def __init__(
        self,
        *,
        folder: str,
        audience: str,
        mark: str,
        workspace_root: str,
        workspace_conn_id: str | None = None,
        microsoft_advertising_conn_id: str = MicrosoftAdvertisingHook.default_conn_name,
        customer_id: str | None = None,
        account_id: str | None = None,
        scope: Scope = "Customer",
        membership_duration: int = -1,
        adopt: bool = False,
        upload_timeout: timedelta = timedelta(hours=4),
        poll_schedule: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.folder = folder
        self.audience = audience
        self.mark = mark
        self.workspace_root = workspace_root
        self.workspace_conn_id = workspace_conn_id
        self.microsoft_advertising_conn_id = microsoft_advertising_conn_id
        self.customer_id = customer_id
        self.account_id = account_id
        self.scope: Scope = scope
        self.membership_duration = membership_duration
        self.adopt = adopt
        self.upload_timeout = upload_timeout
        self.poll_schedule = poll_schedule

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002 (Airflow's signature)
        """Start or resume the delivery; defers while the service works."""
        with self._clearly():
            if skipped := self._chunked().skipped:
                raise AirflowSkipException(skipped)
            with self._hook().get_conn() as client:
                delivery = self._delivery(client)
                delivery.start()
                return self._advance(delivery, started=time.time())

    def execute_complete(self, context: Context, event: dict[str, Any], started: float) -> dict[str, Any]:  # noqa: ARG002
        """Go on after an upload has ended; the ledger knows which."""
        with self._clearly(), self._hook().get_conn() as client:
            return self._advance(self._delivery(client), started=started)

    def on_kill(self) -> None:
        """Nothing is lost: the service goes on with what it has, and the ledger names it.

        The service has no call that stops an upload.
        """
        self.log.warning("Stopped. An upload in flight goes on at the service; the next try awaits it.")

    def _advance(self, delivery: Delivery, *, started: float) -> dict[str, Any]:
        waiting = delivery.advance()
        if waiting:
            self.defer(
                trigger=BulkUploadTrigger(
                    microsoft_advertising_conn_id=self.microsoft_advertising_conn_id,
                    customer_id=self.customer_id,
                    account_id=self.account_id,
                    request_id=waiting.request_id,
                    since=waiting.since.timestamp(),
                    schedule=self.poll_schedule,
                ),
                method_name="execute_complete",
                kwargs={"started": started},
                timeout=self.upload_timeout,
            )
        return self._delivered(delivery, started=started)

    def _delivered(self, delivery: Delivery, *, started: float) -> dict[str, Any]:
        record = Delivered(
            seconds=max(0.0, time.time() - started),
            audience_id=delivery.audience_id,
            parts=delivery.parts,
            refused=delivery.refused,
        )
        self._records().write(record)
        if record.refused:
            self.log.warning("Microsoft Advertising refused members of %r: %s", self.audience, record.refused)
        return {"audience_id": record.audience_id, "parts": record.parts, "refused": record.refused}

    def _delivery(self, client: Client) -> Delivery:
        chunked = self._chunked()
        assert chunked.plan is not None  # noqa: S101 (execute has looked)
        hook = self._hook()
        environment = hook.environment()
        account = hook.account()
        self.audience_url = audiences_url(
            customer_id=account.customer_id,
            account_id=account.account_id,
            base_url=environment.token_host,
        )
        workspace = self._workspace()
        return Delivery(
            client=client,
            ledger=Ledger(workspace, f"ledgers/{account.account_id}/{slug(self.audience)}", self.audience),
            storage=workspace,
            plan=chunked.plan,
            audience=AudienceSpec(
                name=self.audience,
                mark=self.mark,
                scope=self.scope,
                membership_duration=self.membership_duration,
                adopt=self.adopt,
            ),
            folder=self.folder,
            interval_end=chunked.interval_end,
        )

    def _clearly(self) -> Any:
        return clearly(Step.UPLOAD, self._records())

    def _hook(self) -> MicrosoftAdvertisingHook:
        return MicrosoftAdvertisingHook(
            self.microsoft_advertising_conn_id, customer_id=self.customer_id, account_id=self.account_id
        )

    def _workspace(self) -> Workspace:
        return Workspace(*filesystem(self.workspace_conn_id, self.workspace_root))

    def _records(self) -> SegmentRecords:
        return SegmentRecords(self._workspace(), self.folder)

    def _chunked(self) -> Chunked:
        chunked = self._records().read(Chunked)
        if chunked is None:
            raise TerminalError(
                f"The workspace {self.workspace_root} has no plan in {self.folder}. Run the task `chunk` of "
                "this segment (again) before its upload; both must use the same workspace."
            )
        return chunked
