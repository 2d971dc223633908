"""The operator for your own DAGs: one task uploads tables as audiences."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf
from airflow.sdk import Context

from airflow_microsoft_advertising.links import AudienceLink
from airflow_microsoft_advertising.provider_info import DEFAULT_CONNECTION
from airflow_microsoft_advertising.waiting import WaitingOperator
from customer_match.redaction import holds_address

if TYPE_CHECKING:
    from airflow_microsoft_advertising.run.batches.single_task import SingleTask
    from customer_match.export.model import Export

# Modules that do the work are imported inside functions: this module is imported whenever DAGs are parsed.

__all__ = ["CustomerMatchUploadOperator"]


class CustomerMatchUploadOperator(WaitingOperator):
    """Uploads tables as audiences, so that each audience holds exactly the members of its table.

    It does what a DAG of an export file does, in one task: it reads and validates the tables, normalises and hashes
    the e-mail addresses, and sends the difference to what the audiences hold. The ledger in the workspace keeps this
    exact even after crashes: a retry continues where the last try stopped.

    Args:
        table: The table of one audience: a URL such as `abfs://lake/segments/HighValue`, a local path, or a name below
            `source` (templated).
        audience: Name of the audience; default: the table's name (templated).
        segments: Several tables, instead of `table`: each a table or a mapping as in `segments` of an export file, for
            example `{"table": "abfs://lake/segments/Gold", "audience": "Gold customers"}`; or a pattern or `all`, for
            tables below `source` (templated).
        source: The folder of tables that are named without a path; or a mapping as in an export file, such as
            `{"csv": {"delimiter": ";"}}` (templated).
        email: The column with the e-mail addresses; several, or a mapping, as in an export file (templated). Airflow's
            own argument of this name, the addresses of alerts, can only be given in `default_args`.
        workspace: Folder for ledger, staged members and reports, on storage that outlives the worker (templated).
        options: Further keys of an export file, such as `where`, `consent`, `suppress`, `guards` (templated).
        export_name: Marks the audiences as belonging to this task; default: the ids of DAG and task. Do not change it
            later.
        lake_conn_id: Airflow connection of the tables; None for local ones (templated).
        workspace_conn_id: Airflow connection of the workspace; default: `lake_conn_id` if the workspace is a URL
            (templated).
        microsoft_advertising_conn_id: Airflow connection of the service (templated).
        customer_id: Customer (cid), instead of the connection's (templated).
        account_id: Account (aid), instead of the connection's (templated).
        full: Replace the audiences instead of sending differences (templated).
        dry_run: Do everything except sending (templated).
        ignore_guards: Ignore the guards (templated).
        deferrable: Wait in the triggerer; default: Airflow's `[operators] default_deferrable`.
        upload_timeout: How long one try waits for an upload. The next try waits for it again.
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
        "full",
        "without_sending",
        "ignore_guards",
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
        segments: str | Sequence[str | Mapping[str, Any]] | None = None,
        source: str | Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        export_name: str | None = None,
        lake_conn_id: str | None = None,
        workspace_conn_id: str | None = None,
        microsoft_advertising_conn_id: str = DEFAULT_CONNECTION,
        customer_id: str | None = None,
        account_id: str | None = None,
        full: bool | str = False,
        dry_run: bool | str = False,
        ignore_guards: bool | str = False,
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
            raise ValueError(
                "`audience` belongs to `table`. In `segments`, name the audience of each segment."
            )
        if _holds_address(email):
            raise ValueError(
                "Set `email` to the name of the column with the addresses. The `email` in `default_args` is for "
                "Airflow's alerts."
            )
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

        def begin(task: SingleTask) -> dict[str, Any]:
            task.prepare()
            return self._advance(task, started=time.time())

        return self._work(context, begin)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Continue after uploads have ended, or after a pause that the service asked for."""
        started, overdue = float(event["started"]), event["overdue"]
        return self._work(context, lambda task: self._advance(task, started=started, overdue=overdue))

    def _work(self, context: Context, work: Callable[[SingleTask], dict[str, Any]]) -> dict[str, Any]:
        from airflow_microsoft_advertising.run.failures import translate_errors  # noqa: PLC0415 (see above)
        from customer_match.runs.records import Step  # noqa: PLC0415

        with translate_errors(Step.VALIDATE, None):
            return work(self._task(context))

    def _advance(self, task: SingleTask, *, started: float, overdue: Collection[str] = ()) -> dict[str, Any]:
        while outlook := task.advance(overdue):
            overdue = self.wait_for_batch(outlook, started=started)
        self.keep_lineage(task.uploads())
        report = task.report()
        if not report.dry_run:
            self.audience_url = task.audience_url()
        return {
            segment.audience: segment.model_dump(
                mode="json", include={"audience_id", "outcome", "profiles", "members", "added", "removed"}
            )
            for segment in report.segments
        }

    def _task(self, context: Context) -> SingleTask:
        from airflow_microsoft_advertising.run.batches.single_task import SingleTask  # noqa: PLC0415
        from airflow_microsoft_advertising.run.context import kind_of  # noqa: PLC0415
        from airflow_microsoft_advertising.run.export_run import ExportRun  # noqa: PLC0415 (see above)
        from airflow_microsoft_advertising.run.task_arguments import name_of_export, switch  # noqa: PLC0415
        from customer_match.errors import ConfigurationError  # noqa: PLC0415

        dag_run, instance = context["dag_run"], context["ti"]
        index = instance.map_index
        is_mapped = index is not None and index >= 0
        export = self._export(self.export_name or name_of_export(instance.dag_id, instance.task_id))
        if is_mapped and export.vanished != "keep":
            raise ConfigurationError(
                "`vanished` cannot be an option of a mapped task: the tables of each would have vanished for the "
                "others. Name all of them as `segments` of one task, or remove the option."
            )
        # Tasks may have one `export_name`, and each keeps a state and a report of its own.
        run_id = f"{dag_run.run_id} / {instance.dag_id}.{instance.task_id}" + f" [{index}]" * is_mapped
        return SingleTask(
            ExportRun(
                export=export,
                run_id=run_id,
                interval_end=dag_run.data_interval_end or dag_run.run_after,
                full=switch(self.full, "full"),
                dry_run=switch(self.without_sending, "dry_run"),
                ignore_guards=switch(self.ignore_guards, "ignore_guards"),
                began=dag_run.start_date,
                interval_start=dag_run.data_interval_start,
                logical_date=dag_run.logical_date,
                kind=kind_of(dag_run.run_type),
                ordered_by=dag_run.triggering_user_name,
            ),
            holder=run_id,
        )

    def _export(self, name: str) -> Export:
        from airflow_microsoft_advertising.run.task_arguments import export_of_arguments  # noqa: PLC0415

        cid, aid = self._account()
        one = {"table": self.table, "audience": self.audience}
        return export_of_arguments(
            origin=f"the arguments of the task {self.task_id}",
            options=self.options or {},
            segments=[one] if self.segments is None else self.segments,
            source=self.source,
            lake=self.lake_conn_id,
            workspace=self.workspace,
            workspace_connection=self.workspace_conn_id,
            name=name,
            connection=self.microsoft_advertising_conn_id,
            cid=cid,
            aid=aid,
            email=self.email_columns,
        )

    def _account(self) -> tuple[str, str]:
        """Customer and account. A dry run whose task names both needs no connection."""
        from airflow_microsoft_advertising.run.task_arguments import switch  # noqa: PLC0415 (see above)

        if self.customer_id and self.account_id and switch(self.without_sending, "dry_run"):
            return self.customer_id, self.account_id
        account = self.hook.account()
        return account.customer_id, account.account_id


def _holds_address(columns: object) -> bool:
    names = [columns] if isinstance(columns, str) else columns
    return isinstance(names, list | tuple) and any(
        holds_address(one) for one in names if isinstance(one, str)
    )
