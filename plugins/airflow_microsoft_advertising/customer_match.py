"""The operator for other people's DAGs: one task brings audiences to the members of tables."""

from __future__ import annotations

import posixpath
import re
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf
from airflow.sdk import Context

from airflow_microsoft_advertising.links import AudienceLink
from airflow_microsoft_advertising.provider_info import DEFAULT_CONNECTION
from airflow_microsoft_advertising.waiting import WaitingOperator

if TYPE_CHECKING:
    from airflow_microsoft_advertising.run.single_task import SingleTask
    from customer_match.export.model import Export

# What does the work is imported where it is done: this module is read whenever DAGs are parsed.

__all__ = ["CustomerMatchUploadOperator"]

_EXTENSIONS = re.compile(r"\.(?:parquet|csv|tsv|txt)(?:\.gz)?$", re.IGNORECASE)


class CustomerMatchUploadOperator(WaitingOperator):
    """Brings one audience, or several, exactly to the members of their tables.

    It does what a DAG of an export file does, in one task: it reads and validates the tables, normalises and hashes
    the e-mail addresses, and sends the difference to what the audiences hold. The ledger in the workspace makes that
    exact whatever crashes: a retry goes on where the last try stopped.

    Args:
        table: The table of one audience: a URL such as `abfs://lake/segments/HighValue`, a local path, or a name below
            `source` (templated).
        audience: The audience's name; default: the table's (templated).
        segments: In place of `table`, several: each a table, or a mapping as in `segments` of an export file, such as
            `{"table": "abfs://lake/segments/Gold", "audience": "Gold customers"}` (templated).
        source: The folder of tables that are given by name (templated).
        email: The column with the e-mail addresses; several, or a mapping, as in an export file (templated). Airflow's
            own argument of this name, the addresses of alerts, cannot be given here: use callbacks.
        workspace: Folder of the ledger, staged members and reports, on a storage that outlives the worker (templated).
        options: Further keys of an export file, such as `where`, `consent`, `suppress`, `guards` (templated).
        export_name: Marks the audiences as this task's; default: the ids of DAG and task. It must not change later.
        lake_conn_id: Airflow connection that opens the tables; None for local ones (templated).
        workspace_conn_id: The same for the workspace; default: `lake_conn_id` where the workspace is a URL (templated).
        microsoft_advertising_conn_id: Airflow connection of the service (templated).
        customer_id: Customer (cid) in place of the connection's (templated).
        account_id: Account (aid) in place of the connection's (templated).
        full: Replace the audiences instead of sending differences.
        dry_run: Do everything except sending.
        ignore_guards: Let pass what the guards would stop.
        deferrable: Whether the task waits in the triggerer; default: Airflow's `[operators] default_deferrable`.
        upload_timeout: How long to wait for one upload before the task is tried again; that try awaits it once more.
        poll_schedule: Arguments of `PollSchedule`.
    """

    template_fields: Sequence[str] = (
        "table",
        "audience",
        "segments",
        "source",
        "email_columns",
        "workspace",
        "options",
        "lake_conn_id",
        "workspace_conn_id",
        "microsoft_advertising_conn_id",
        "customer_id",
        "account_id",
    )
    operator_extra_links = (AudienceLink(),)
    ui_color = "#d7e8fa"

    def __init__(
        self,
        *,
        email: str | Sequence[str] | Mapping[str, Any],
        workspace: str,
        table: str | None = None,
        audience: str | None = None,
        segments: Sequence[str | Mapping[str, Any]] | None = None,
        source: str | None = None,
        options: Mapping[str, Any] | None = None,
        export_name: str | None = None,
        lake_conn_id: str | None = None,
        workspace_conn_id: str | None = None,
        microsoft_advertising_conn_id: str = DEFAULT_CONNECTION,
        customer_id: str | None = None,
        account_id: str | None = None,
        full: bool = False,
        dry_run: bool = False,
        ignore_guards: bool = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        upload_timeout: timedelta = timedelta(hours=4),
        poll_schedule: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            microsoft_advertising_conn_id=microsoft_advertising_conn_id,
            customer_id=customer_id,
            account_id=account_id,
            deferrable=deferrable,
            upload_timeout=upload_timeout,
            poll_schedule=poll_schedule,
            **kwargs,
        )
        if (table is None) == (segments is None):
            raise ValueError("Give either `table` or `segments`.")
        if segments is not None and audience is not None:
            raise ValueError("`audience` goes with `table`; in `segments`, each one names its own.")
        self.table = table
        self.audience = audience
        self.segments = segments
        self.source = source
        self.email_columns = email  # Airflow mails its alerts to `self.email`
        self.workspace = workspace
        self.options = options
        self.export_name = export_name
        self.lake_conn_id = lake_conn_id
        self.workspace_conn_id = workspace_conn_id
        self.full = full
        self.without_sending = dry_run
        self.ignore_guards = ignore_guards

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the tables, start the uploads, and wait for them: in the triggerer, if the task is deferrable."""
        task = self._task(context)
        task.prepare()
        return self._advance(task, started=time.time())

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Go on after an upload has ended."""
        overdue = str(event["request_id"]) if event.get("overdue") else None
        return self._advance(self._task(context), started=float(event["started"]), overdue=overdue)

    def execute_after_pause(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Go on after a pause that the service had asked for."""
        return self._advance(
            self._task(context), started=float(event["started"]), pauses=int(event["pauses"])
        )

    def _advance(
        self, task: SingleTask, *, started: float, overdue: str | None = None, pauses: int = 0
    ) -> dict[str, Any]:
        from airflow_microsoft_advertising.run.single_task import Pause  # noqa: PLC0415 (see above)
        from customer_match_delivery.backoff import MAX_WAITS  # noqa: PLC0415

        while move := task.advance(started=started, overdue=overdue):
            overdue = None
            if not isinstance(move, Pause):
                overdue, pauses = self.wait_for(move, started=started), 0
            elif move.counted and pauses >= MAX_WAITS:
                task.fail_unfinished()
            else:
                pauses += move.counted
                self.pause(move.seconds, started=started, pauses=pauses)
        report = task.report()
        self.audience_url = task.audience_url()
        return {
            segment.audience: segment.model_dump(
                mode="json", include={"audience_id", "outcome", "profiles", "members", "added", "removed"}
            )
            for segment in report.segments
        }

    def _task(self, context: Context) -> SingleTask:
        from airflow_microsoft_advertising.run.export_run import ExportRun  # noqa: PLC0415 (see above)
        from airflow_microsoft_advertising.run.failures import translate_errors  # noqa: PLC0415
        from airflow_microsoft_advertising.run.single_task import SingleTask  # noqa: PLC0415
        from customer_match.runs.records import Step  # noqa: PLC0415

        dag_run, instance = context["dag_run"], context["ti"]
        with translate_errors(Step.VALIDATE, None):
            export = self._export(f"{instance.dag_id}.{instance.task_id}")
        mapped = f"/{instance.map_index}" if (instance.map_index or -1) >= 0 else ""
        return SingleTask(
            ExportRun(
                export=export,
                run_id=f"{dag_run.run_id}{mapped}",
                interval_end=dag_run.data_interval_end or dag_run.run_after,
                full=self.full,
                dry_run=self.without_sending,
                ignore_guards=self.ignore_guards,
                began=dag_run.start_date,
                interval_start=dag_run.data_interval_start,
                logical_date=dag_run.logical_date,
            ),
            holder=f"{export.name} / {dag_run.run_id}{mapped}",
        )

    def _export(self, name: str) -> Export:
        """The export that the arguments describe.

        Raises:
            ConfigurationError: An argument is wrong.
        """
        from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook  # noqa: PLC0415 (see above)
        from customer_match.export.loading import export_from  # noqa: PLC0415

        account = MicrosoftAdvertisingHook(
            self.microsoft_advertising_conn_id, customer_id=self.customer_id, account_id=self.account_id
        ).account()
        given = (
            self.segments if self.segments is not None else [{"table": self.table, "audience": self.audience}]
        )
        workspace_conn_id = self.workspace_conn_id or (self.lake_conn_id if "://" in self.workspace else None)
        return export_from(
            {
                **(self.options or {}),
                "name": self.export_name or name,
                "connection": self.microsoft_advertising_conn_id,
                "cid": account.customer_id,
                "aid": account.account_id,
                "source": _folder(self.source or _parent_of(given), self.lake_conn_id),
                "segments": [_selection(one) for one in given],
                "email": self.email_columns,
                "workspace": _folder(self.workspace, workspace_conn_id),
            },
            f"the arguments of the task {self.task_id}",
        )


def _folder(root: str, connection: str | None) -> dict[str, str]:
    return {"root": root} | ({"connection": connection} if connection else {})


def _table_of(segment: str | Mapping[str, Any]) -> str:
    return str(segment if isinstance(segment, str) else segment.get("path") or segment["table"])


def _parent_of(segments: Sequence[str | Mapping[str, Any]]) -> str:
    """The folder of the first table that is given by a whole path. Where the others are does not matter."""
    whole = (table for table in map(_table_of, segments) if "://" in table or table.startswith("/"))
    return posixpath.dirname(next(whole, "").rstrip("/")) or "."


def _selection(segment: str | Mapping[str, Any]) -> dict[str, Any]:
    """As in an export file. A table that is given by a path has the path's last part as its name."""
    values = dict({"table": segment} if isinstance(segment, str) else segment)
    table = str(values.get("table", ""))
    if "/" in table and "path" not in values:
        name = _EXTENSIONS.sub("", posixpath.basename(table.rstrip("/")))
        values |= {"table": name, "path": table}
    return {key: value for key, value in values.items() if value is not None}
