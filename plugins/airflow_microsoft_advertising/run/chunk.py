"""The step `chunk`: computes the difference between segment and ledger, and divides it into parts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_microsoft_advertising.run.step import Elapsed, apply_guards, segment_step
from customer_match.clocks import is_in_future
from customer_match.errors import CustomerMatchError, TerminalError
from customer_match.export.schedule import next_run
from customer_match.members.files import DamagedMembers
from customer_match.planning.data_intervals import Force, Overtaken, in_order
from customer_match.planning.plan import Plan, plan_parts
from customer_match.planning.renewal import lapse_warning, must_renew
from customer_match.redaction import logger
from customer_match.runs.findings import Finding
from customer_match.runs.guards import check_emails_lost, check_profiles_lost, check_removed
from customer_match.runs.records import Chunked, Normalised, Step
from customer_match.runs.table_changes import reason_to_wait
from customer_match.wording import counted
from microsoft_advertising.bulk import file as bulk_file

if TYPE_CHECKING:
    from airflow_microsoft_advertising.run.export_run import ExportRun
    from customer_match.export.segments import Segment
    from customer_match.ledger.state import State
    from customer_match.profiles.staging import Staged

__all__ = ["DRY_RUN", "chunk_segment"]

log = logger(__name__)

DRY_RUN = "Dry run: nothing is sent."


def chunk_segment(run: ExportRun, segment: Segment) -> Chunked:
    """Compute the difference to the ledger and write the parts.

    Raises:
        AirflowFailException: The members are not staged, or a guard stops the step; the message says what to do.
        TransientError: The workspace cannot be reached now.
    """
    with segment_step(run, Step.CHUNK, segment) as elapsed:
        normalised = run.records(segment).read(Normalised)
        if normalised is None:
            raise _not_staged(run, segment)
        chunk = _chunk_vanished if segment.ending else _chunk
        record = chunk(run, segment, normalised.staged, elapsed)
        run.records(segment).write(record)
        return record


def _chunk(run: ExportRun, segment: Segment, staged: Staged, elapsed: Elapsed) -> Chunked:
    state, force = run.known(segment), _force(run)
    chunked = Chunked(seconds=0, plan=None, audience=segment.audience, interval_end=run.interval_end)
    try:
        in_order(state, run.interval_end, force, now=run.now())
    except Overtaken as overtaken:
        return chunked.model_copy(update={"skipped": str(overtaken), "seconds": elapsed()})
    plan = _plan(run, segment, state, staged)
    if not run.dry_run:
        run.changes.remember(segment)  # from here on the audience may get members
    findings = _check(run, segment, state, plan, staged)
    overridden = apply_guards(run, segment, *findings)
    _log_plan(plan)
    return chunked.model_copy(
        update={
            "plan": plan,
            "skipped": DRY_RUN if run.dry_run else None,
            "overridden": overridden,
            "guards": run.export.guards,
            "ignore_guards": run.ignore_guards,
            "on_page": run.on_page,
            "force": force,
            "lapse": _lapse_warning(run),
            "seconds": elapsed(),
        }
    )


def _check(
    run: ExportRun, segment: Segment, state: State, plan: Plan, staged: Staged
) -> tuple[Finding | None, ...]:
    audience, guards = segment.audience, run.export.guards
    return (
        check_removed(audience, plan, guards),
        check_profiles_lost(audience, state.table, staged.facts, guards),
        check_emails_lost(audience, state.table, staged.facts, guards),
    )


def _chunk_vanished(run: ExportRun, segment: Segment, staged: Staged, elapsed: Elapsed) -> Chunked:
    """Plan how an audience ends: as ordered, or because its table has vanished, unless the table is back.

    The table is back, too, if it existed on a later day.
    """
    state, now = run.known(segment), run.now()
    # `force` is for data, and there is none here. It is used only to leave an interval in the future, written by a
    # clock that was ahead.
    force = _force(run) if is_in_future(state.interval_end, now) else None
    chunked = Chunked(
        seconds=0, plan=None, audience=segment.audience, interval_end=run.interval_end, force=force
    )
    try:
        in_order(state, run.interval_end, force, now=now)
    except Overtaken as overtaken:
        return chunked.model_copy(update={"skipped": str(overtaken), "seconds": elapsed()})
    if reason := _reason_to_wait(run, segment):
        return chunked.model_copy(update={"skipped": reason, "seconds": elapsed()})
    plan = _plan(run, segment, state, staged) if segment.ending == "empty" else None
    return chunked.model_copy(
        update={
            "ending": segment.ending,
            "ordered": segment.ordered,
            "spared": tuple(_ids_of_others(run, segment)),
            "looked_at": None if segment.ordered else run.now(),
            "plan": plan,
            "skipped": DRY_RUN if run.dry_run else None,
            "seconds": elapsed(),
        }
    )


def _reason_to_wait(run: ExportRun, segment: Segment) -> str | None:
    """Why the audience of a vanished table is kept in this run; None if it ends. What was ordered does not wait."""
    if segment.ordered:
        return None
    return reason_to_wait(run.export, segment, run.source, run.tables(), run.open_table)


def _ids_of_others(run: ExportRun, segment: Segment) -> Iterator[str]:
    """Ids of audiences that the export file names for other segments."""
    ids = (one.audience_id for one in run.export.segments)
    return (id_ for id_ in ids if id_ and id_ != segment.audience_id)


def _plan(run: ExportRun, segment: Segment, state: State, staged: Staged) -> Plan:
    """Plan from the ledger's state; if the ledger's files are damaged, plan from an unknown state."""
    try:
        return _plan_from(run, segment, state, staged)
    except DamagedMembers:
        damage = run.ledgers.of(state.audience).verify(state)
        if damage is None:
            if not run.workspace.exists(staged.members.path):
                raise _not_staged(run, segment) from None
            raise  # the staged members are damaged, not the ledger
        log.warning("%s The ledger is no longer trusted, so the whole audience is replaced.", damage)
        return _plan_from(run, segment, state.unknown(damage), staged)


def _not_staged(run: ExportRun, segment: Segment) -> TerminalError:
    return TerminalError(
        f"The members of segment {segment.audience!r} are not staged in {run.staged_folder(segment)}. "
        "Clear its task `normalise`. All tasks must use the same workspace."
    )


def _plan_from(run: ExportRun, segment: Segment, state: State, staged: Staged) -> Plan:
    export = run.export
    renew = must_renew(
        state.renewed, days=export.membership_duration, now=run.now(), next_run_over=_next_run_over(run)
    )
    return plan_parts(
        run.workspace,
        state,
        staged.members,
        plan_id=f"{run.run_id}/{run.now():%Y%m%dT%H%M%S%f}",
        folder=f"{run.staged_folder(segment)}/parts",
        part_size=_part_size(run),
        full=run.full,
        renew=renew,
        route=export.route,
        table=staged.facts,
        register_number=staged.register_number,
    )


def _part_size(run: ExportRun) -> int:
    try:
        sandbox = run.hook.environment().sandbox
    except CustomerMatchError:
        if not run.dry_run:
            raise
        sandbox = False
    return min(run.export.profiles_per_part, bulk_file.max_members_per_file(sandbox=sandbox))


def _force(run: ExportRun) -> Force | None:
    return Force(run=run.run_id, began=run.began or run.now()) if run.force else None


def _next_run_over(run: ExportRun) -> datetime | None:
    """When the next scheduled run will have ended at the latest."""
    following = next_run(run.export.schedule, run.export.timezone, run.now())
    return following and following + timedelta(hours=run.export.run_timeout_hours)


def _lapse_warning(run: ExportRun) -> str | None:
    days = run.export.membership_duration
    warning = lapse_warning(days=days, now=run.now(), next_run_over=_next_run_over(run))
    if warning:
        log.warning("%s", warning)
    return warning


def _log_plan(plan: Plan) -> None:
    if not plan.parts:
        log.info(
            "Nothing to send: the audience already has exactly the segment's %s members",
            f"{plan.target.count:,}",
        )
        return
    by = f"{counted(len(plan.parts), 'part')} by {plan.route}"
    counts = [f"{plan.added:,} to add"]
    if plan.removed is not None:
        counts += [f"{plan.removed:,} to remove", f"{plan.unchanged:,} unchanged"]
    if plan.renewed:
        counts.append(f"{plan.renewed:,} of them again so that they do not lapse")
    at_first = "the audience then holds these members only"  # what it holds now is not known
    replaced = at_first if plan.removed is None else "the whole audience is replaced"
    log.info("To send in %s: %s%s", by, ", ".join(counts), f"; {replaced}" if plan.replaces else "")
