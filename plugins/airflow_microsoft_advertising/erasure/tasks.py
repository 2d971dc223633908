"""The tasks of the DAG `customer_match_forget`. They return counts only; addresses stay in the memory of a task."""

from __future__ import annotations

from typing import Any, Final

from airflow.sdk.exceptions import AirflowSkipException

from airflow_microsoft_advertising.erasure.key import make_key
from airflow_microsoft_advertising.erasure.places import places_of
from airflow_microsoft_advertising.erasure.removing import Holder
from airflow_microsoft_advertising.erasure.request import Erasing, Finished
from airflow_microsoft_advertising.lake.filesystem import filesystem
from airflow_microsoft_advertising.run.failures import translate_errors
from customer_match.erasure.people import People, read_people
from customer_match.errors import ConfigurationError, TransientError
from customer_match.export.loading import load_exports
from customer_match.project import exports_folder
from customer_match.redaction import logger
from customer_match.runs.records import Step
from customer_match.storage.files import open_input
from customer_match.wording import counted

__all__ = ["complete_requests", "receive_file"]

log = logger(__name__)

_WAIT_SECONDS: Final = 60.0  # for other runs: `complete` is tried again anyway


def receive_file(
    location: str | None, connection: str | None, *, run_id: str, user: str | None
) -> list[dict[str, Any]]:
    """Carry out the request of a file with addresses or hashes.

    Args:
        location: Where it is; None: there is none.
        connection: The Airflow connection of its storage; None for a local path.
        run_id: Id of the run.
        user: The Airflow user who started it; None: nobody, or unknown.

    Returns:
        For each workspace: the request, and what became of it in numbers.

    Raises:
        AirflowSkipException: There is no file.
        AirflowFailException: The file cannot be used; the message says what to do.
        TransientError: A storage or Airflow cannot answer now.
    """
    with translate_errors(Step.VALIDATE, None):
        if not location:
            raise AirflowSkipException("No file is given: only pending requests are completed.")
        people = _read(location, connection or None)
        finished = _erasing(run_id, user).request(people)
        log.info("Received a request for %d people. Delete the file %s now", people.people, location)
        return [_summary(one) for one in finished]


def complete_requests(*, run_id: str, user: str | None) -> list[dict[str, Any]]:
    """Complete all requests that are pending.

    Args:
        run_id: Id of the run.
        user: The Airflow user who started it; None: nobody, or unknown.

    Returns:
        For each of them and each workspace: what became of it in numbers.

    Raises:
        TransientError: One is still pending.
        AirflowFailException: A register, its key or the evidence cannot be used.
    """
    with translate_errors(Step.VALIDATE, None):
        finished = _erasing(run_id, user).complete()
        if pending := [one.evidence for one in finished if not one.evidence.is_complete]:
            raise TransientError(
                f"{counted(len(pending), 'request')} for erasure not complete: "
                f"{', '.join(evidence.request for evidence in pending)}. The log and the evidence in "
                "erasure/requests of the workspace say why. Trying again later."
            )
        return [_summary(one) for one in finished]


def _read(location: str, connection: str | None) -> People:
    try:
        with open_input(*filesystem(connection, location)) as file:
            text = file.read().decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigurationError(f"There is no file {location}. Nothing was changed.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"{location} is not text in UTF-8. It must hold one address or hash per line. Nothing was changed."
        ) from None
    return read_people(text.splitlines())


def _erasing(run_id: str, user: str | None) -> Erasing:
    places = places_of(load_exports(exports_folder()))
    if not places:
        raise ConfigurationError(f"There is no valid export file in {exports_folder()}. Nothing was changed.")
    key, _ = make_key()
    holder = Holder(f"customer_match_forget / {run_id}")
    return Erasing(places, key, holder, _WAIT_SECONDS, user, notify=lambda line: log.info("%s", line))


def _summary(finished: Finished) -> dict[str, Any]:
    evidence = finished.evidence
    outcomes = [str(one.outcome) for one in evidence.audiences]
    return {
        "request": evidence.request,
        "people": evidence.people,
        "complete": evidence.is_complete,
        "audiences": {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))},
        "staged_deleted": evidence.staged_deleted,
    }
