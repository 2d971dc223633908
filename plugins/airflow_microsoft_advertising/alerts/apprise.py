"""The notifier of the Apprise provider, which fails if a service did not get the message."""

from __future__ import annotations

from typing import TYPE_CHECKING

import apprise
from airflow.providers.apprise.notifications.apprise import AppriseNotifier

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["CheckedAppriseNotifier"]


class CheckedAppriseNotifier(AppriseNotifier):
    """As the provider's, whose hook (2.4.1) ignores what Apprise returns: whether all services accepted it."""

    def notify(self, context: Context) -> None:  # noqa: ARG002 (Airflow's signature)
        """Send the message.

        Raises:
            RuntimeError: Not all services got it, or the connection has none with this tag.
        """
        services = apprise.Apprise()
        self.hook.set_config_from_conn(
            conn=self.hook.get_connection(self.apprise_conn_id), apprise_obj=services
        )
        if not services.notify(body=self.body, title=self.title or "", tag=self.tag):
            raise RuntimeError(
                f"A service of the Apprise connection {self.apprise_conn_id!r} did not accept it, or none has the tag "
                f"{self.tag!r}"
            )
