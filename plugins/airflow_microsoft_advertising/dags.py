"""One DAG per export file: validate → normalise → chunk → upload for the segments, then report.

A mapped task instance works for one large segment, or for a batch of small ones: see `docs/scaling.md`. In parallel
with the segments, `sizes` reads the sizes that the service reports for the audiences of earlier runs.

A file that is not valid becomes a DAG that shows the error, so that the other DAGs keep running.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, TriggerRule, XComArg, dag, get_current_context, task, task_group
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, DownstreamTasksSkipped

from airflow_microsoft_advertising.alerts.deadline_dag import deadline_dag
from airflow_microsoft_advertising.assets.outlets import deliveries_of, export_asset, send_events
from airflow_microsoft_advertising.assets.schedule import schedule_of
from airflow_microsoft_advertising.batch_operator import UploadBatchOperator
from airflow_microsoft_advertising.links import ReportLink
from airflow_microsoft_advertising.listener import NOTE_KEY
from airflow_microsoft_advertising.map_length import check_count
from airflow_microsoft_advertising.operator import UploadAudienceOperator
from airflow_microsoft_advertising.pools import BATCH_SLOTS, pool_name
from airflow_microsoft_advertising.run.params import (
    broken_documentation,
    documentation,
    params,
    upload_arguments,
)
from airflow_microsoft_advertising.run.retry_policy import NamedWaits
from airflow_microsoft_advertising.tags import BROKEN_TAG, TAG
from customer_match.export.loading import BrokenExport, load_exports
from customer_match.export.model import Export
from customer_match.export.segments import Segment
from customer_match.export.values import MAX_RETRY_DELAY_SECONDS
from customer_match.project import PROJECT, exports_folder
from customer_match.redaction import logger, without_addresses
from customer_match.wording import counted

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.definitions._internal.node import DAGNode

    from airflow_microsoft_advertising.run.batches.group import Group
    from airflow_microsoft_advertising.run.export_run import ExportRun

__all__ = ["REASON_KEY", "SKIP_KEY", "customer_match_dags", "export_dag"]

log = logger(__name__)

_NAME = "{{ segment_names }}"
"""Name of a mapped task instance: see `Group.names`."""

_NAMES_IN_LOG = 20
"""How many mapped tasks the log of `select` names."""

REASON_KEY = "reason"
"""Key of the XCom in which the task `select` stores why it failed."""

REPORTED_KEY = "customer_match_reported"
"""Key of the XCom in which the task `report` stores that it has announced the run."""

SKIP_KEY = "skipped"
"""Key of the XCom in which the task `select` stores why the run is skipped."""

Values = dict[str, Any]
"""A group of segments as JSON, passed between tasks: its `name`, and `table`, `audience` and `path` of each segment."""

# Tasks import their steps themselves: this file is parsed every few seconds, and the steps import large libraries.


def customer_match_dags(
    folder: Path | str | None = None, *, base: Path | str | None = None
) -> dict[str, DAG]:
    """Make the DAGs of a folder of export files. In a DAG file: `globals().update(customer_match_dags("../exports"))`.

    Args:
        folder: The folder of export files; a relative path starts at the folder of the calling file. Default: the
            folder in CUSTOMER_MATCH_EXPORTS, otherwise `include/exports` of the project.
        base: The folder at which relative local paths in the export files start; a relative `base` starts at the
            folder of the calling file too. Default: the project. Some DAG bundles, such as a Git bundle, get a new
            folder for each version: there, only tables can be in it. The workspace must be a URL or an absolute path,
            or its ledgers would be lost.

    Returns:
        The DAGs by variable name, for `globals()`. A file that is not valid becomes a DAG that shows the error. If an
        export has a deadline, there is one more DAG, which checks deadlines.

    Raises:
        ConfigurationError: The folder does not exist.
    """
    file = Path(sys._getframe(1).f_code.co_filename)  # noqa: SLF001 (`inspect.stack` reads sources, at each parsing)
    exports = load_exports(
        exports_folder() if folder is None else file.parent / folder,
        base=PROJECT if base is None else file.parent / base,
    )
    dags = [
        broken_dag(export) if isinstance(export, BrokenExport) else export_dag(export) for export in exports
    ]
    if timed := [one for one in exports if isinstance(one, Export) and one.deadline]:
        dags.append(deadline_dag(f"{file.stem}_deadlines", timed))
    for made in dags:
        made.fileloc = str(file)  # the DAG file, not this module
    return {f"dag_{made.dag_id}": made for made in dags}


def export_dag(export: Export) -> DAG:
    """Make the DAG of one export."""
    with DAG(
        dag_id=export.name,
        dag_display_name=export.title,
        description=export.description,
        schedule=schedule_of(export),
        start_date=export.begins,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=export.paused_at_creation,
        dagrun_timeout=timedelta(hours=export.run_timeout_hours),
        on_failure_callback=partial(run_has_failed, export),
        doc_md=documentation(export),
        tags=[TAG, *export.tags],
        params=params(export),
        default_args={
            "owner": export.owner or "airflow",
            "retries": export.retries,
            "retry_delay": timedelta(seconds=export.retry_delay_seconds),
            "retry_exponential_backoff": 2.0,
            "max_retry_delay": timedelta(seconds=MAX_RETRY_DELAY_SECONDS),
            "retry_policy": NamedWaits(export.retry_delay_seconds),
        },
    ) as export_dag:
        groups = select_task(export)
        report = report_task(export, groups)
        segments = segment_group(export, groups)
        segments >> [report, publish_task(export, groups)]
        sizes_task(export, groups) >> report
    return export_dag


def value_of(output: XComArg) -> Any:
    """Pass the output of a task as an argument of another: Airflow inserts the value, but its types do not allow it."""
    return output


def select_task(export: Export) -> XComArg:
    """Make the task that chooses the segments of a run, and divides them into groups."""

    @task(show_return_value_in_logs=False)
    def select() -> list[Values]:
        """Sign in, then choose the segments of this run, and which of them share tasks."""
        from airflow_microsoft_advertising.run import select as selecting  # noqa: PLC0415
        from airflow_microsoft_advertising.run.batches.group import groups_of  # noqa: PLC0415 (see above)
        from airflow_microsoft_advertising.run.checks.configuration import check_configuration  # noqa: PLC0415

        context, run = get_current_context(), this_run(export)
        names = context["params"]["segments"] or ()
        try:
            with selecting.refusals_recorded(run, names):
                check_configuration(export, context["dag_run"])
                selecting.check_before_reading(run)
            segments = selecting.select_segments(run, names)
            groups = groups_of(run, segments)
            check_count(len(groups), len(segments))
        except AirflowFailException as error:
            context["ti"].xcom_push(REASON_KEY, str(error))
            raise
        except AirflowSkipException as skipped:
            context["ti"].xcom_push(SKIP_KEY, str(skipped))
            raise
        listed = [group.names for group in groups[:_NAMES_IN_LOG]] + ["…"] * (len(groups) > _NAMES_IN_LOG)
        log.info("%d segments in %d mapped tasks: %s", len(segments), len(groups), "; ".join(listed))
        return [group.to_values() for group in groups]

    return select()


def segment_group(export: Export, groups: XComArg) -> DAGNode:
    """Make the tasks of a group of segments, mapped over all groups."""

    @task(map_index_template=_NAME, show_return_value_in_logs=False)
    def validate(group: Values) -> Values:
        """Check that the table exists, is readable and fresh, and has its e-mail column."""
        do_step(export, group, "validate")
        return group

    @task(map_index_template=_NAME, show_return_value_in_logs=False)
    def normalise(group: Values) -> Values:
        """Normalise and hash the addresses, and stage the members."""
        do_step(export, group, "normalise")
        return group

    @task(map_index_template=_NAME, show_return_value_in_logs=False)
    def chunk(group: Values) -> Values | None:
        """Compute the difference to the ledger, and divide it into parts."""
        run, done = do_step(export, group, "chunk")
        values = None if done.is_batch else run.upload_values(done.segments[0])
        if not may_have_batches(export):
            return values
        log.info("The upload is the work of `%s`", "upload_batch" if done.is_batch else "upload")
        # Airflow skips the other one of the two upload tasks only by this exception, so it cannot return the values.
        instance = get_current_context()["ti"]
        instance.xcom_push("return_value", values)
        other = "segment.upload" if done.is_batch else "segment.upload_batch"
        raise DownstreamTasksSkipped(tasks=[(other, instance.map_index)])  # type: ignore[no-untyped-call]

    @task_group
    def segment(group: Values) -> None:
        normalised = value_of(normalise(value_of(validate(group))))
        chunked = chunk(normalised)
        UploadAudienceOperator(
            task_id="upload",
            map_index_template="{{ task.segment.audience }}",
            pool=pool_name(export.cid),
            segment=value_of(chunked),
            **upload_arguments(export),
        )
        if may_have_batches(export):
            upload_batch = UploadBatchOperator(
                task_id="upload_batch",
                map_index_template="{{ task.names }}",
                pool=pool_name(export.cid),
                pool_slots=BATCH_SLOTS,
                export=export,
                group=normalised,
            )
            chunked >> upload_batch

    return segment.expand(group=groups)


def may_have_batches(export: Export) -> bool:
    """Whether segments of an export may share tasks."""
    return export.segments_per_task > 1 and (export.has_patterns or len(export.segments) > 1)


def do_step(export: Export, values: Values, step: str) -> tuple[ExportRun, Group]:
    """Do a step before the upload for a group of segments, and use their names as the name of the mapped task."""
    from airflow_microsoft_advertising.run.batches.group import Group, run_step  # noqa: PLC0415 (see above)
    from customer_match.runs.records import Step  # noqa: PLC0415

    context, run, group = get_current_context(), this_run(export), Group.from_values(values)
    context["segment_names"] = group.names  # type: ignore[typeddict-unknown-key]
    run_step(run, context, group, Step(step))
    return run, group


def sizes_task(export: Export, groups: XComArg) -> XComArg:
    """Make the task that reads the sizes that the service reports for earlier runs."""

    @task(retries=0, execution_timeout=timedelta(minutes=10), show_return_value_in_logs=False)
    def sizes(groups: list[Values]) -> None:
        """Read the matched users of each audience, and check whether they are enough to serve ads. Fails no run."""
        from airflow_microsoft_advertising.run.sizes import read_sizes  # noqa: PLC0415 (see above)

        read_sizes(this_run(export), all_segments(groups))

    return sizes(value_of(groups))


def report_task(export: Export, groups: XComArg) -> XComArg:
    """Make the task that writes the report of a run."""
    audiences = export_asset(export.name)

    # The asset is an inlet, for its state store: an outlet would have an event after dry runs too.
    @task(trigger_rule=TriggerRule.ALL_DONE, retries=1, inlets=[audiences], show_return_value_in_logs=False)
    def report(groups: list[Values] | None) -> None:
        """Write the report. Fails if a segment failed."""
        from airflow_microsoft_advertising.alerts import reporting  # noqa: PLC0415 (see above)
        from airflow_microsoft_advertising.pages.note import note_of  # noqa: PLC0415 (see above)
        from airflow_microsoft_advertising.pages.stored_overview import store_overview  # noqa: PLC0415
        from customer_match.runs.report_text import nothing_selected, summary_of  # noqa: PLC0415 (see above)

        context, run = get_current_context(), this_run(export)
        if skipped := context["ti"].xcom_pull(task_ids="select", key=SKIP_KEY):
            context["ti"].xcom_push(NOTE_KEY, skipped)
            raise AirflowSkipException(skipped)
        if groups is None:
            reason = context["ti"].xcom_pull(task_ids="select", key=REASON_KEY)
            message = nothing_selected(reason or "See the log of the task `select`.")
            reporting.announce_nothing_selected(run, message)
            context["ti"].xcom_push(REPORTED_KEY, value=True)
            context["ti"].xcom_push(NOTE_KEY, note_of(run, message))
            raise AirflowFailException(message)
        is_complete = not context["params"]["segments"]
        result = reporting.report_and_announce(run, all_segments(groups), is_complete=is_complete)
        context["ti"].xcom_push(REPORTED_KEY, value=True)
        store_overview(run, context["asset_state_store"][audiences])
        summary = summary_of(result)
        context["ti"].xcom_push(NOTE_KEY, note_of(run, summary))
        log.info("%s", summary)
        if result.failed:
            raise AirflowFailException(summary)

    made = report(value_of(groups))
    made.operator.operator_extra_links = (ReportLink(),)  # type: ignore[attr-defined]  # as all outputs of tasks have
    return made


def publish_task(export: Export, groups: XComArg) -> XComArg:
    """Make the task that sends the events of the audiences: `report` fails with its segments, and then sends none."""
    deliveries = deliveries_of(export.name)

    @task(trigger_rule=TriggerRule.ALL_DONE, outlets=[deliveries], show_return_value_in_logs=False)
    def publish(groups: list[Values] | None) -> None:
        """Send an asset event for each audience that was delivered. Skipped in dry runs."""
        context, run = get_current_context(), this_run(export)
        number = send_events(run, all_segments(groups or ()), context["outlet_events"][deliveries])
        if not number:
            raise AirflowSkipException("No audience was delivered, so there is no event.")
        log.info("Events of %s for other DAGs", counted(number, "audience"))

    return publish(value_of(groups))


def run_has_failed(export: Export, context: Context) -> None:
    """Make up for the task `report` if Airflow stopped it. Called by the DAG processor after a run has failed."""
    from airflow_microsoft_advertising.stopped_runs import was_timed_out  # noqa: PLC0415 (see above)

    if "dag_run" not in context:
        log.error("Airflow does not say which run of %s has failed, so it gets no report.", export.name)
        return
    ti = context["ti"]
    # After a time-out, a report of an earlier try does not count: its tasks were cleared.
    is_reported = ti.xcom_pull(task_ids="report", key=REPORTED_KEY, map_indexes=-1)
    if is_reported and not was_timed_out(str(context.get("reason"))):
        return
    from airflow_microsoft_advertising.alerts.reporting import end_run  # noqa: PLC0415 (only where it is needed)
    from airflow_microsoft_advertising.run.context import run_of  # noqa: PLC0415

    groups = ti.xcom_pull(task_ids="select", map_indexes=-1)
    end_run(run_of(export, context), context, None if groups is None else all_segments(groups))


def this_run(export: Export) -> ExportRun:
    """Return the run that the current task belongs to."""
    from airflow_microsoft_advertising.run.context import run_of  # noqa: PLC0415 (see above)

    return run_of(export, get_current_context())


def all_segments(groups: Sequence[Values]) -> list[Segment]:
    """Return the segments of all groups."""
    from airflow_microsoft_advertising.run.batches.group import Group  # noqa: PLC0415 (see above)

    return [segment for group in groups for segment in Group.from_values(group).segments]


def broken_dag(export: BrokenExport) -> DAG:
    """Make a DAG that shows the error of an export file, on its page and when it runs."""
    message = without_addresses(export.error_message)  # it repeats names of files, tables and audiences

    @dag(
        dag_id=export.name,
        dag_display_name=f"{export.name} (export file not valid)",
        description=message.partition("\n")[0],
        schedule=None,
        doc_md=broken_documentation(message),
        tags=[TAG, BROKEN_TAG],
    )
    def broken() -> None:
        @task(retries=0)
        def configuration_error() -> None:
            from customer_match.runs.report_text import not_valid  # noqa: PLC0415 (see above)

            get_current_context()["ti"].xcom_push(NOTE_KEY, not_valid(message))
            log.error("%s", message)
            raise AirflowFailException(message)

        configuration_error()

    return broken()
