"""Whether Airflow has a connection: what its lookup leaves open."""

from __future__ import annotations

import sys

from include.errors import ConfigurationError, TransientError

__all__ = ["no_connection"]


def no_connection(conn_id: str, advice: str) -> ConfigurationError | TransientError:
    """The error for a connection that Airflow's lookup did not find.

    The lookup says "not found" as well where the api-server did not answer (observed: Airflow 3.3.2), and that is
    nothing a human must mend. So it is asked once more, past the lookup, in a way that tells the two apart.

    Args:
        conn_id: The connection.
        advice: What to do where there is none: a sentence or two.
    """
    if _is_missing(conn_id):
        return ConfigurationError(f"There is no Airflow connection {conn_id!r}. {advice}")
    return TransientError(f"Airflow cannot be asked for the connection {conn_id!r} now.")


def _is_missing(conn_id: str) -> bool:
    runner = sys.modules.get("airflow.sdk.execution_time.task_runner")
    supervisor = getattr(runner, "SUPERVISOR_COMMS", None)
    if supervisor is None:  # neither a task nor a trigger: they alone ask the api-server
        return True
    from airflow.sdk.exceptions import ErrorType  # noqa: PLC0415 (loaded where there is a supervisor)
    from airflow.sdk.execution_time.comms import ErrorResponse, GetConnection  # noqa: PLC0415

    try:
        answer = supervisor.send(GetConnection(conn_id=conn_id))
    except Exception:  # noqa: BLE001 (whatever it is: nobody has said that it is missing)
        return False
    return isinstance(answer, ErrorResponse) and answer.error is ErrorType.CONNECTION_NOT_FOUND
