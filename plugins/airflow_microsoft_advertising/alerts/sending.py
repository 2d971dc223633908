"""Sends one alert to one target, with a few tries. A target that fails is logged and fails no run."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from tenacity import RetryError, Retrying, retry_if_not_exception_type, stop_after_attempt, wait_exponential

from airflow_microsoft_advertising.alerts.notifiers import NotifierCall, call_of, kind_of, missing_package
from customer_match.redaction import logger

if TYPE_CHECKING:
    from customer_match.alerts.message import Alert
    from customer_match.export.alerts.targets import Target

__all__ = ["send"]

log = logger(__name__)

_TRIES: Final = 3
_FIRST_WAIT_SECONDS: Final = 2
_NO_RETRY: Final = (AirflowNotFoundException, AttributeError, ImportError, TypeError, ValueError)
"""Errors of a wrong export file or connection."""


def send(alert: Alert, target: Target, *, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Send an alert to a target. Return whether it was accepted; log the reason if not.

    Args:
        alert: The alert.
        target: The target.
        sleep: Waits for a number of seconds; replaced in tests.
    """
    name = kind_of(target)
    if missing := missing_package(target):
        log.error("The alert was not sent: `%s` %s.", name, missing)
        return False
    tries = Retrying(
        stop=stop_after_attempt(_TRIES),
        wait=wait_exponential(_FIRST_WAIT_SECONDS),
        retry=retry_if_not_exception_type(_NO_RETRY),
        sleep=sleep,
    )
    try:
        tries(_notify, call_of(target, alert), alert)
    except Exception as error:  # noqa: BLE001 (whatever a notifier raises, the run goes on)
        cause = error.last_attempt.exception() if isinstance(error, RetryError) else error
        log.error("The alert was not sent by `%s`: %s", name, _describe(cause))  # noqa: TRY400 (may quote secret URLs)
        return False
    log.info("Sent an alert by `%s`: %s", name, alert.title)
    return True


def _notify(call: NotifierCall, alert: Alert) -> None:
    context: Any = {"alert": alert, "endpoint": _secret_path(call.path_connection)}
    module, _, name = call.path.rpartition(".")
    notifier = getattr(import_module(module), name)(**call.arguments)
    # Not by calling the notifier: it would log the error as it is, with addresses and URLs.
    notifier.render_template_fields(context)
    notifier.notify(context)


def _secret_path(connection: str | None) -> str:
    """Return the path of a secret URL. It is kept as a password, so that Airflow masks it in logs and pages."""
    if connection is None:
        return ""
    found = BaseHook.get_connection(connection)
    return "" if found.login else found.password or ""


def _describe(error: BaseException | None) -> str:
    """Describe an error without the paths of URLs, which may be secret."""
    text = re.sub(r"(https?://[^/\s'\"]+)[^\s'\"]*", r"\1/…", str(error))
    text = re.sub(r"\burl: \S+", "url: …", text)
    return f"{type(error).__name__}: {text}"
