"""The assets that a run writes, and the events that it sends for them: one per audience, and one per export.

Which audiences a run delivers is known only at its end, so their assets are not outlets of the task but events of an
alias. An outlet would have an event after every success of the task, a dry run's too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote

from airflow.sdk import Asset, AssetAlias

if TYPE_CHECKING:
    from airflow_microsoft_advertising.run.export_run import ExportRun
    from customer_match.export.segments import Segment
    from customer_match.runs.report import SegmentReport

__all__ = ["audience_uri", "deliveries_of", "export_asset", "send_events"]

_TOTALS: Final = ("profiles", "members", "added", "removed", "parts")


class Events(Protocol):
    """The part of Airflow's accessor of the events of an alias that is needed."""

    def add(self, asset: Asset, extra: dict[str, Any] | None = None) -> None:
        """Send an event for an asset when the task succeeds."""


def audience_uri(account_id: str, audience: str) -> str:
    """Return the URI of an audience: `x-microsoft-advertising://<aid>/audiences/<name>`.

    Schemes that begin with `x-` are for URIs of users: Airflow takes them as they are.

    Args:
        account_id: The account (aid).
        audience: The name of the audience.
    """
    return f"x-microsoft-advertising://{account_id}/audiences/{quote(audience, safe='')}"


def export_asset(export: str) -> Asset:
    """Return the asset of all audiences of an export. The overview for Airflow's pages is kept beside it."""
    return Asset(f"{export} audiences")


def deliveries_of(export: str) -> AssetAlias:
    """Return the alias through which an export sends its events."""
    return AssetAlias(f"{export} deliveries")


def send_events(run: ExportRun, segments: Sequence[Segment], events: Events) -> int:
    """Send an event for each audience that holds the segment of this run, and one for the export if all do.

    Args:
        run: The run.
        segments: Its segments.
        events: The events of the alias.

    Returns:
        The number of audiences with an event. None has one in a dry run.
    """
    from customer_match.runs.report_building import segment_report  # noqa: PLC0415 (DAG files import this module)

    if run.dry_run:
        return 0
    reports = [segment_report(one.table, one.audience, run.records(one), dry_run=False) for one in segments]
    delivered = [report for report in reports if report.outcome.in_audience]
    for report in delivered:
        events.add(Asset(audience_uri(run.export.aid, report.audience)), _extra(run, report))
    if delivered and all(report.outcome.good for report in reports):
        totals = {name: sum(getattr(one, name) or 0 for one in reports) for name in _TOTALS}
        events.add(export_asset(run.export.name), {"run_id": run.run_id, "dry_run": False, **totals})
    return len(delivered)


def _extra(run: ExportRun, report: SegmentReport) -> dict[str, Any]:
    return {
        "export": run.export.name,
        "run_id": run.run_id,
        "account_id": run.export.aid,
        "audience": report.audience,
        "audience_id": report.audience_id,
        "outcome": report.outcome.value,
        "data_interval_end": run.interval_end.isoformat(),
        **{name: getattr(report, name) for name in _TOTALS},
        "refused": sum(report.refused.values()),
    }
