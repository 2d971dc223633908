"""Checks how a run was started, before it selects segments: its configuration (`conf`) and its dates.

Airflow (3.3.2) accepts names in `conf` that no parameter has: with `dryrun` instead of `dry_run`, the run would send.
Its backfills also create runs for days before the DAG's start date.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk.exceptions import AirflowSkipException

from airflow_microsoft_advertising.run.failures import translate_errors
from airflow_microsoft_advertising.run.params import params
from customer_match.errors import ConfigurationError
from customer_match.redaction import logger
from customer_match.runs.records import Step

if TYPE_CHECKING:
    from airflow.sdk.types import DagRunProtocol

    from customer_match.export.model import Export

__all__ = ["check_configuration"]

log = logger(__name__)

_OTHER_WORDS: Final = {"full": '`"mode": "full"`', "guards": "`ignore_guards`", "test": "`dry_run`"}
"""Names that users may write for a parameter and that are not similar to it, and what to write."""


def check_configuration(export: Export, dag_run: DagRunProtocol) -> None:
    """Check how a run was started. Warn if a manual run with a configuration has no data interval.

    Args:
        export: The export.
        dag_run: Airflow's description of the run.

    Raises:
        AirflowFailException: The configuration has a name that is not a parameter.
        AirflowSkipException: A backfill created the run for a day before the export's start date.
    """
    conf = dag_run.conf or {}
    with translate_errors(Step.VALIDATE, None):
        if message := _unknown_names(conf, list(params(export))):
            raise ConfigurationError(message)
    if message := _before_start(export, dag_run):
        log.info("%s", message)
        raise AirflowSkipException(message)
    if conf and dag_run.run_type == "manual" and dag_run.data_interval_end is None:
        log.warning(
            "This run has no data interval: it uses the data of %s UTC, when it was due. For data of a past day, "
            "start it with a logical date: Airflow ignores a data interval without one.",
            f"{dag_run.run_after:%Y-%m-%d %H:%M}",
        )


def _unknown_names(conf: Mapping[str, Any], known: list[str]) -> str | None:
    unknown = [name for name in conf if name not in known]
    if not unknown:
        return None
    names = ", ".join(f"`{name}`" for name in unknown)
    meant = " or ".join(dict.fromkeys(_meant(unknown, known)))
    return (
        f"The configuration of this run contains {names}, which {'is' if len(unknown) == 1 else 'are'} not among "
        f"its parameters ({', '.join(known)}). {f'Did you mean {meant}? ' if meant else ''}Nothing was sent. Start "
        "another run with the correct name."
    )


def _meant(unknown: Iterable[str], known: list[str]) -> Iterable[str]:
    for name in unknown:
        plain = name.strip().lower().replace("-", "_").replace(" ", "_")
        close = get_close_matches(plain, known, n=1)
        if plain in _OTHER_WORDS:
            yield _OTHER_WORDS[plain]
        elif close:
            yield f"`{close[0]}`"


def _before_start(export: Export, dag_run: DagRunProtocol) -> str | None:
    day = dag_run.logical_date
    if dag_run.run_type != "backfill" or day is None or day >= export.begins:
        return None
    return (
        f"Skipped because the day of this run, {day:%Y-%m-%d %H:%M} UTC, is before the export's `start_date`, "
        f"{export.start_date} ({export.timezone}). To include it, set an earlier `start_date` in the export file."
    )
