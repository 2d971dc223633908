"""The form of a connection: what a user enters, what is wrong with it, and the fields that it changes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from airflow_microsoft_advertising.connection.consent import FIELDS as AGREEMENT
from airflow_microsoft_advertising.connection.fields import environment_of
from airflow_microsoft_advertising.connection.sharing import USED_BY, Sharing
from airflow_microsoft_advertising.connection.writer import SavedConnection
from airflow_microsoft_advertising.web.connections.listing import ListedConnection, as_connection
from airflow_microsoft_advertising.web.forms import Posted
from customer_match.errors import ConfigurationError
from microsoft_advertising.pasted import one_word

__all__ = ["ENVIRONMENTS", "PROBLEMS", "SHARED", "TRANSPORTS", "Form"]

ENVIRONMENTS: Final = {"production": "production", "sandbox": "sandbox", "other": "another address"}
TRANSPORTS: Final = {"rest": "REST", "soap": "SOAP (until 31 January 2027)"}
SHARED: Final = {
    "named": "administrators, and those named here",
    "everyone": "everyone who may run the exports",
}
PROBLEMS: Final = {
    "id": "Letters, digits, _, . and -, 200 at most.",
    "taken": "There is a connection of this id.",
    "missing": "This is needed.",
    "word": "A token or an id has no spaces and no accented letters. Paste it again.",
    "agree": "Without an agreement, no export runs: tick it, or add the connection later.",
}
"""What may be wrong with a field, in words."""

_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_OF_A_PLACE: Final = ("developer_token", "refresh_token", "customer_id", "account_id", "hosts", *AGREEMENT)
"""Fields that another environment or address makes worthless: tokens must not go there."""


@dataclass(frozen=True)
class Form:
    """What a user has entered. Secrets are write-only: empty means that the saved one stays.

    Attributes:
        conn_id: The id of a new connection.
        name: The display name.
        environment: One of `ENVIRONMENTS`.
        base_url: The address, for another one.
        tenant: For an application of one tenant.
        client_id: Of the app registration.
        client_secret: Its secret.
        public: Whether the registration has no secret.
        developer_token: The developer token.
        transport: One of `TRANSPORTS`.
        shared: One of `SHARED`.
        users: Names of users, with commas.
        roles: Names of roles, with commas.
        agreed: Whether the user agrees to data privacy; asked for a new connection only.
    """

    conn_id: str = ""
    name: str = ""
    environment: str = "production"
    base_url: str = ""
    tenant: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    public: bool = False
    developer_token: str = field(default="", repr=False)
    transport: str = "rest"
    shared: str = "named"
    users: str = ""
    roles: str = ""
    agreed: bool = False

    @classmethod
    def of(cls, connection: ListedConnection) -> Form:
        """Fill in the form with a saved connection; secrets are left out."""
        saved, sharing = connection.saved or SavedConnection(), connection.sharing or Sharing()
        return cls(
            conn_id=connection.conn_id,
            name=saved.description or "",
            environment=connection.field("environment") or "production",
            base_url=connection.field("base_url"),
            tenant=connection.field("tenant"),
            client_id=saved.client_id,
            public=not saved.client_secret,
            transport=connection.field("transport") or "rest",
            shared="everyone" if connection.sharing is None else "named",
            users=", ".join(sorted(sharing.users)),
            roles=", ".join(sorted(sharing.roles)),
        )

    @classmethod
    def posted(cls, posted: Posted, conn_id: str | None = None) -> Form:
        """Read the form that a browser has sent.

        Args:
            posted: Its fields.
            conn_id: The connection to change; None for a new one, whose id is a field.
        """
        texts = ("name", "environment", "base_url", "tenant", "client_id", "client_secret", "developer_token",
                 "transport", "shared", "users", "roles")  # fmt: skip
        return cls(
            conn_id=posted.text("conn_id") if conn_id is None else conn_id,
            public=posted.text("public") == "yes",
            agreed=posted.text("agreed") == "yes",
            **{name: posted.text(name) for name in texts},
        )

    def problems(self, before: SavedConnection | None) -> Mapping[str, str]:
        """Return what is wrong, by field, in words of `PROBLEMS`; the field `""` holds a message of its own.

        Args:
            before: The saved connection; None for a new one.
        """
        found: dict[str, str] = {}
        if not self.client_id:
            found["client_id"] = PROBLEMS["missing"]
        for name in ("client_id", "client_secret", "developer_token"):
            try:
                one_word(getattr(self, name))
            except ValueError:
                found[name] = PROBLEMS["word"]
        if before is None:
            found |= self._problems_of_a_new_one()
        after = self.changed(before or SavedConnection())
        if not self.public and not after.client_secret:
            found.setdefault("client_secret", PROBLEMS["missing"])
        if not after.extra.get("developer_token"):
            found.setdefault("developer_token", PROBLEMS["missing"])
        try:
            environment_of(as_connection(self.conn_id, after))
        except ConfigurationError as error:
            found[""] = str(error)
        return found

    def _problems_of_a_new_one(self) -> dict[str, str]:
        found = {} if _ID.fullmatch(self.conn_id) else {"conn_id": PROBLEMS["id"]}
        return found if self.agreed else found | {"agreed": PROBLEMS["agree"]}

    def changed(self, before: SavedConnection) -> SavedConnection:
        """Return the connection that the form makes of a saved one.

        Another environment or address empties what must not be sent there; another application has neither the secret
        nor the refresh token of the one before.
        """
        place = {"environment": self.environment, "base_url": self.base_url, "tenant": self.tenant}
        moved = any(place[key] != str(before.extra.get(key) or _DEFAULTS[key]) for key in _DEFAULTS)
        extra: dict[str, Any] = dict(before.extra)
        if moved:
            extra |= {key: "" for key in _OF_A_PLACE if key in extra}
        is_same = before.client_id == self.client_id
        if not is_same and "refresh_token" in extra:
            extra["refresh_token"] = ""
        if self.developer_token:
            extra["developer_token"] = _word(self.developer_token)
        sharing = "" if self.shared == "everyone" else str(self._sharing())
        extra |= {**place, "transport": self.transport, USED_BY: sharing}
        kept = before.client_secret if is_same and not moved else ""
        secret = "" if self.public else _word(self.client_secret) or kept
        return SavedConnection(_word(self.client_id), secret, extra, self.name or self.conn_id)

    def _sharing(self) -> Sharing:
        names = [
            *self.users.split(","),
            *(f"role:{one.strip()}" for one in self.roles.split(",") if one.strip()),
        ]
        return Sharing.of(names)


_DEFAULTS: Final = {"environment": "production", "base_url": ""}


def _word(text: str) -> str:
    try:
        return one_word(text)
    except ValueError:
        return text
