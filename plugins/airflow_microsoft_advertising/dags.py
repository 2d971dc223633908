"""One DAG per export file: validate → normalise → chunk → upload for each segment, then report.

In parallel with the segments, `sizes` reads the sizes that the service reports for the audiences of earlier runs.

A file that is not valid becomes a DAG that shows the error, so that the other DAGs keep running.
"""

from __future__ import annotations

import sys
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow.sdk import DAG, Asset, TriggerRule, XComArg, dag, get_current_context, task, task_group
from airflow.sdk.exceptions import AirflowFailException

from airflow_microsoft_advertising.listener import NOTE_KEY
from airflow_microsoft_advertising.map_length import check_count
from airflow_microsoft_advertising.operator import UploadAudienceOperator
from airflow_microsoft_advertising.pools import pool_name
from airflow_microsoft_advertising.run.params import documentation, params, upload_arguments
from customer_match.export.loading import BrokenExport, load_exports
from customer_match.export.model import Export
from customer_match.export.segments import Segment
from customer_match.project import PROJECT, exports_folder
from customer_match.redaction import logger, without_addresses

if TYPE_CHECKING:
    from airflow.sdk.definitions._internal.node import DAGNode

    from airflow_microsoft_advertising.run.export_run import ExportRun

__all__ = ["REASON_KEY", "customer_match_dags", "export_dag"]

log = logger(__name__)

_MAX_NAME_LENGTH = 120
"""Maximum length of a name in the list of mapped tasks; Airflow's column holds 250 characters."""

REASON_KEY = "reason"
"""Key of the XCom in which the task `select` stores why it failed."""

Row = dict[str, Any]
"""A segment as JSON, passed between tasks: `table`, `audience` and `path`."""

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
        The DAGs by variable name, for `globals()`. A file that is not valid becomes a DAG that shows the error.

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
    for made in dags:
        made.fileloc = str(file)  # the DAG file, not this module
    return {f"dag_{made.dag_id}": made for made in dags}


def export_dag(export: Export) -> DAG:
    """Make the DAG of one export."""
    with DAG(
        dag_id=export.name,
        dag_display_name=export.title,
        description=export.description,
        schedule=export.schedule,
        start_date=datetime.combine(export.start_date, time(), ZoneInfo(export.timezone)),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(hours=export.run_timeout_hours),
        doc_md=documentation(export),
        tags=["customer match", *export.tags],
        params=params(export),
        default_args={
            "owner": export.owner or "airflow",
            "retries": export.retries,
            "retry_delay": timedelta(seconds=export.retry_delay_seconds),
            "retry_exponential_backoff": 2.0,
            "max_retry_delay": timedelta(minutes=15),
        },
    ) as export_dag:
        rows = select_task(export)
        report = report_task(export, rows)
        segment_group(export, rows) >> report
        sizes_task(export, rows) >> report
    return export_dag


def value_of(output: XComArg) -> Any:
    """Pass the output of a task as an argument of another: Airflow inserts the value, but its types do not allow it."""
    return output


def select_task(export: Export) -> XComArg:
    """Make the task that chooses the segments of a run."""

    @task
    def select() -> list[Row]:
        """Choose the segments of this run."""
        from airflow_microsoft_advertising.run.select import select_segments  # noqa: PLC0415 (see above)

        context = get_current_context()
        try:
            segments = select_segments(this_run(export), context["params"]["segments"])
            check_count(len(segments))
        except AirflowFailException as error:
            context["ti"].xcom_push(REASON_KEY, str(error))
            raise
        return [segment.model_dump() for segment in segments]

    return select()


def segment_group(export: Export, rows: XComArg) -> DAGNode:
    """Make the tasks of one segment, mapped over all segments."""

    @task(map_index_template="{{ segment_name }}")
    def validate(row: Row) -> Row:
        """Check that the table exists, is readable and fresh, and has its e-mail column."""
        from airflow_microsoft_advertising.run.validate import validate_segment  # noqa: PLC0415 (see above)

        validate_segment(this_run(export), this_segment(row))
        return row

    @task(map_index_template="{{ segment_name }}")
    def normalise(row: Row) -> Row:
        """Normalise and hash the addresses, and stage the members."""
        from airflow_microsoft_advertising.run.normalise import normalise_segment  # noqa: PLC0415 (see above)

        normalise_segment(this_run(export), this_segment(row))
        return row

    @task(map_index_template="{{ segment_name }}")
    def chunk(row: Row) -> Row:
        """Compute the difference to the ledger, and divide it into parts."""
        from airflow_microsoft_advertising.run.chunk import chunk_segment  # noqa: PLC0415 (see above)

        run, segment = this_run(export), this_segment(row)
        chunk_segment(run, segment)
        return run.upload_values(segment)

    @task_group
    def segment(row: Row) -> None:
        validated = value_of(validate(row))
        normalised = value_of(normalise(validated))
        UploadAudienceOperator(
            task_id="upload",
            map_index_template="{{ task.segment.audience }}",
            pool=pool_name(export.cid),
            segment=value_of(chunk(normalised)),
            **upload_arguments(export),
        )

    return segment.expand(row=rows)


def sizes_task(export: Export, rows: XComArg) -> XComArg:
    """Make the task that reads the sizes that the service reports for earlier runs."""

    @task(retries=0, execution_timeout=timedelta(minutes=10))
    def sizes(rows: list[Row]) -> None:
        """Read the matched users of each audience, and check whether they are enough to serve ads. Fails no run."""
        from airflow_microsoft_advertising.run.sizes import read_sizes  # noqa: PLC0415 (see above)

        read_sizes(this_run(export), [Segment.model_validate(row) for row in rows])

    return sizes(value_of(rows))


def report_task(export: Export, rows: XComArg) -> XComArg:
    """Make the task that writes the report of a run."""
    audiences = Asset(f"{export.name} audiences")

    @task(trigger_rule=TriggerRule.ALL_DONE, retries=1, outlets=[audiences])
    def report(rows: list[Row] | None) -> None:
        """Write the report. Fails if a segment failed. Success emits an asset event that can schedule other DAGs."""
        from airflow_microsoft_advertising.run.report import write_report  # noqa: PLC0415 (see above)
        from customer_match.runs.report_text import summary_of  # noqa: PLC0415 (see above)

        context = get_current_context()
        if rows is None:
            reason = context["ti"].xcom_pull(task_ids="select", key=REASON_KEY)
            advice = reason or "See the log of the task `select`."
            raise AirflowFailException(f"No segments were selected. {advice}")
        result = write_report(this_run(export), [Segment.model_validate(row) for row in rows])
        summary = summary_of(result)
        context["ti"].xcom_push(NOTE_KEY, summary)
        log.info("%s", summary)
        if result.failed:
            raise AirflowFailException(summary)
        context["outlet_events"][audiences].extra = {
            "run_id": result.run_id,
            "dry_run": result.dry_run,
            **{count: result.total(count) for count in ("profiles", "members", "added", "removed", "parts")},
        }

    return report(value_of(rows))


def this_run(export: Export) -> ExportRun:
    """Return the run that the current task belongs to."""
    from airflow_microsoft_advertising.run.context import run_of  # noqa: PLC0415 (see above)

    return run_of(export, get_current_context())


def this_segment(row: Row) -> Segment:
    """Return the segment of a row, and use its name as the name of the mapped task."""
    segment = Segment.model_validate(row)
    get_current_context()["segment_name"] = without_addresses(segment.audience)[:_MAX_NAME_LENGTH]  # type: ignore[typeddict-unknown-key]
    return segment


def broken_dag(export: BrokenExport) -> DAG:
    """Make a DAG that shows the error of an export file, on its page and when it runs."""
    message = without_addresses(export.error_message)  # it repeats names of files, tables and audiences

    @dag(
        dag_id=export.name,
        schedule=None,
        doc_md=f"# This export file is not valid\n\n```\n{message}\n```",
        tags=["customer match", "broken"],
    )
    def broken() -> None:
        @task(retries=0)
        def configuration_error() -> None:
            log.error("%s", message)
            raise AirflowFailException(message)

        configuration_error()

    return broken()
