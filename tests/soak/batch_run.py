"""A run whose segments share a task, as a command: what the tasks of a batch do, in one process without Airflow.

A second process with the same run id does what a retry of a killed task does.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace

from airflow_microsoft_advertising.cli.execution import parse_date
from airflow_microsoft_advertising.cli.exports import find_export
from airflow_microsoft_advertising.cli.process import has_ended, holder_of
from airflow_microsoft_advertising.run.batches.batch import Batch
from airflow_microsoft_advertising.run.export_run import ExportRun
from airflow_microsoft_advertising.run.report import write_report
from airflow_microsoft_advertising.run.select import select_segments
from airflow_microsoft_advertising.waiting import WaitingOperator
from customer_match.runs.batch_state import Retries
from customer_match.runs.records import Step

__all__ = ["main"]

_POLLS = {"first": 0.1}


def main() -> None:
    """Run the export, and print the report as JSON. Exit status: 0 all segments succeeded, 1 some failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("export")
    parser.add_argument("run_id")
    parser.add_argument("--date", required=True)
    parser.add_argument("--full", action="store_true")
    chosen = parser.parse_args()
    export = find_export(chosen.export)
    date = parse_date(chosen.date, export)
    run = ExportRun(export, chosen.run_id, date, full=chosen.full, ignore_guards=True)
    batch = Batch.open(
        run,
        "batches/0",
        select_segments(run),
        Retries(count=export.retries, delay=export.retry_delay_seconds),
        holder_of(f"{export.name} / {run.run_id}"),
    )
    for step in (Step.VALIDATE, Step.NORMALISE, Step.CHUNK):
        batch.work_through(step)
    _upload(batch, WaitingOperator(
        task_id="upload_batch",
        microsoft_advertising_conn_id=export.connection,
        customer_id=export.cid,
        account_id=export.aid,
        deferrable=False,
        poll_schedule=_POLLS,
    ))  # fmt: skip
    report = write_report(run, batch.segments)
    print(report.model_dump_json())
    sys.exit(1 if report.failed else 0)


def _upload(batch: Batch, operator: WaitingOperator) -> None:
    started = time.time()
    _release_leases_of_the_dead(batch)
    outlook = batch.advance()
    while outlook:
        overdue = operator.wait_for_batch(outlook, started=started)
        _release_leases_of_the_dead(batch)
        outlook = batch.advance(overdue)


def _release_leases_of_the_dead(batch: Batch) -> None:
    """Release the leases of processes that were killed, as `customer-match run` does: they last half an hour."""
    for segment in batch.segments:
        upload = batch.upload(segment)
        holder = upload.holder()
        if holder and has_ended(holder):
            replace(upload, run=holder).release()
