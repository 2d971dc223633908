"""Announces what a run shows: decides with the workspace whether an alert is due, and sends it.

Before an alert is sent, the workspace records that it is owed and who sends it; afterwards, that it was delivered. So a
repeated or cleared `report` sends nothing twice, and what could not be sent is sent by the next run.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_microsoft_advertising.alerts.notifiers import key_of
from airflow_microsoft_advertising.alerts.sending import send
from airflow_microsoft_advertising.links import export_url, report_url
from customer_match.alerts.conditions import Findings
from customer_match.alerts.log import AlertLog
from customer_match.alerts.message import RunFacts
from customer_match.alerts.state import AlertState, Delivery
from customer_match.errors import CustomerMatchError
from customer_match.export.alerts.section import Kind
from customer_match.redaction import logger

if TYPE_CHECKING:
    from airflow_microsoft_advertising.run.export_run import ExportRun
    from customer_match.export.alerts.deadline import Due
    from customer_match.export.alerts.section import Alerts
    from customer_match.export.alerts.targets import Target

__all__ = ["announce", "announce_deadline", "run_url"]

log = logger(__name__)


def announce(run: ExportRun, findings: Findings) -> None:
    """Send the alert that is due after a run, if any. Dry runs announce nothing. Problems are logged, never raised."""
    alerts = run.export.alerts
    if alerts is None or run.dry_run:
        return
    try:
        _announce(run, alerts, findings)
    except Exception as error:  # noqa: BLE001 (an alert fails no run)
        log.error("No alert could be sent: %s: %s", type(error).__name__, error)  # noqa: TRY400 (as above)


def announce_deadline(run: ExportRun, due: Due, words: str) -> None:
    """Send the alert of a missed deadline, unless it was announced before. Problems are logged, never raised.

    Args:
        run: The check, as a run of the export; its id is that of the run of the DAG that checks deadlines.
        due: The deadline.
        words: What was missed, as sentences.
    """
    alerts = run.export.alerts
    if alerts is None or Kind.DEADLINE not in alerts.when:
        return
    targets = {key_of(target): target for target in alerts.to}
    facts = RunFacts(
        export=run.export.name,
        title=run.export.title,
        run_id=run.run_id,
        interval_end=due.moment,
        export_url=export_url(run.export.name),
    )
    try:
        _change(run, targets, lambda state: state.after_deadline(facts, due, words, targets, run.now()))
    except Exception as error:  # noqa: BLE001 (the other exports have deadlines, too)
        log.error("No alert could be sent: %s: %s", type(error).__name__, error)  # noqa: TRY400 (as above)


def _announce(run: ExportRun, alerts: Alerts, findings: Findings) -> None:
    targets = {key_of(target): target for target in alerts.to}
    facts = _facts(run)
    _change(run, targets, lambda state: state.after(facts, findings, alerts.when, targets, run.now()))


def _change(run: ExportRun, targets: dict[str, Target], judge: Callable[[AlertState], AlertState]) -> None:
    """Change the state of the alerts of an export, and send what is owed then."""
    claimant = uuid.uuid4().hex
    try:
        states = AlertLog(run.workspace, run.export.name)
        changed = states.change(lambda state: judge(state).claimed(claimant, targets, run.now()))
        claimed = changed.claims_of(claimant)
    except CustomerMatchError as error:
        log.warning("What was announced before is not known, so this is announced: %s", error)
        _send(judge(AlertState()).owed, targets)
        return
    if claimed:
        delivered = _send(claimed, targets)
        states.change(lambda state: state.settled(claimant, delivered))


def _send(deliveries: Sequence[Delivery], targets: dict[str, Target]) -> list[Delivery]:
    return [one for one in deliveries if send(one.alert, targets[one.target])]


def _facts(run: ExportRun) -> RunFacts:
    return RunFacts(
        export=run.export.name,
        title=run.export.title,
        run_id=run.run_id,
        interval_end=run.interval_end,
        run_url=run_url(run.export.name, run.run_id),
        report_url=report_url(run.export.name, run.run_id),
        export_url=export_url(run.export.name),
    )


def run_url(dag_id: str, run_id: str) -> str | None:
    """Return the address of a run's page in Airflow; None if `[api] base_url` does not say where Airflow is."""
    from airflow.configuration import conf  # noqa: PLC0415 (not needed without alerts)

    base_url = str(conf.get("api", "base_url", fallback="") or "").rstrip("/")
    return f"{base_url}/dags/{quote(dag_id)}/runs/{quote(run_id)}" if base_url else None
