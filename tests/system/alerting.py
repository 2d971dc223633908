"""Exports whose runs are announced, and the servers that get the alerts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.alert_receivers import MailServer, WebServer, mail_server, web_server

ANNOUNCED, OVERDUE = "announced", "overdue"

_TO = [{"email": {"to": "marketing@example.com", "connection": "mail"}}, {"webhook": "web"}]
EXPORTS: dict[str, dict[str, Any]] = {
    ANNOUNCED: {"segments": ["Loyal", "Lapsed"], "alerts": _TO, "retry_delay_seconds": 1},
    OVERDUE: {"segments": ["Slow"], "alerts": _TO, "route": "bulk", "run_timeout_hours": 0.02},
}


@dataclass(frozen=True)
class Receivers:
    """The servers that get alerts."""

    mail: MailServer
    web: WebServer

    @property
    def connections(self) -> dict[str, str]:
        """Airflow's connections to them, as environment variables."""
        return {"AIRFLOW_CONN_MAIL": self.mail.connection, "AIRFLOW_CONN_WEB": self.web.connection()}

    def of(self, run_id: str) -> list[dict[str, str]]:
        """The alerts about a run that the web server got."""
        return [post for _, post in self.web.posts if post["run_id"] == run_id]

    def kinds(self, export: str) -> list[str]:
        """The kinds of all alerts about an export, in order."""
        return [post["kind"] for _, post in self.web.posts if post["export"] == export]

    def subjects(self, title: str) -> list[str]:
        """The subjects of all mails about an export, in order."""
        return [mail.subject for mail in self.mail.mails if mail.subject.startswith(title)]


@contextmanager
def receivers() -> Iterator[Receivers]:
    with mail_server() as mail, web_server() as web:
        yield Receivers(mail, web)
